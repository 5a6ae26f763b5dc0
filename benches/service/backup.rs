//! A backup of a store with very many approvals: its time, and requests in the store while backups run one after the
//! other, beside those without a backup. Without the network and the client's disk, which would only slow the backup.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use signoff::{
    export_file::Export,
    store::{ApprovalStore as _, Lifecycle as _, SledStore, SnapshotStore as _},
};

use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    payload::Prepared,
    scratch::Scratch,
    stored,
    table::{Figure, Row, Table},
};

/// One in this many is pending.
const PENDING: usize = 100;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    stored::fill(scratch.path(), sizes.stored, |n| n % PENDING != 0).await?;
    let store = Arc::new(SledStore::open(scratch.path(), Arc::new(()))?);
    let start = Instant::now();
    let bytes = back_up(&store).await?;
    let took = start.elapsed();
    table.add(Row::new(format!("backup, {} stored", sizes.stored), Figure::Time(took)));
    table.add(Row::new("backup, size for each stored approval", Figure::Bytes(bytes as f64 / sizes.stored as f64)));
    for callers in sizes.callers {
        let without = requests(&store, *callers, sizes.seconds).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let backups = {
            let (store, ended) = (Arc::clone(&store), Arc::clone(&ended));
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    back_up(&store).await?;
                }
                Outcome::Ok(())
            })
        };
        let with = requests(&store, *callers, sizes.seconds).await?;
        ended.store(true, Ordering::Relaxed);
        backups.await??;
        let measure = format!("requests in the store during backups, {callers} callers");
        table.add(Row::load(measure, &with).against("without", Figure::Rate(without.rate)));
    }
    store.close().await;
    Ok(())
}

/// Makes a backup; returns its size.
async fn back_up(store: &SledStore) -> Outcome<u64> {
    let mut export = Export::of(store.snapshot().await?);
    while let Some(lines) = export.next().await? {
        std::hint::black_box(lines);
    }
    Ok(export.summary().map_or(0, |whole| whole.bytes))
}

async fn requests(store: &Arc<SledStore>, callers: usize, seconds: f64) -> Outcome<Load> {
    let (store, prepared) = (Arc::clone(store), Arc::new(Prepared::new()?));
    drive(callers, seconds, move |caller| {
        let (store, prepared) = (Arc::clone(&store), Arc::clone(&prepared));
        async move { Ok(store.submit(prepared.submission(caller)).await?.created) }
    })
    .await
}
