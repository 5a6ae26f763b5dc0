//! The store without the network: tasks call it directly. Also fills stores for other measures.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use signoff::{
    domain::ApprovalId,
    store::{ApprovalStore as _, Lifecycle as _, SledStore, Transfer as _, sync_to_disk},
};

use crate::{
    Outcome,
    load::{Load, drive},
    payload::{self, Prepared},
    scratch::Scratch,
};

/// Histories per import while filling.
const BATCH: usize = 1_000;

/// Different callers in a filled store.
const CALLERS: usize = 100;

/// Submits per second.
pub(crate) async fn submits(prepared: Prepared, callers: usize, seconds: f64) -> Outcome<Load> {
    let scratch = Scratch::new()?;
    let store = Arc::new(SledStore::open(scratch.path(), Arc::new(()))?);
    let (used, prepared) = (Arc::clone(&store), Arc::new(prepared));
    let load = drive(callers, seconds, move |caller| {
        let (store, prepared) = (Arc::clone(&used), Arc::clone(&prepared));
        async move { Ok(store.submit(prepared.submission(caller)).await?.created) }
    })
    .await?;
    store.close().await;
    Ok(load)
}

/// Decisions per second, on at most `count` approvals.
pub(crate) async fn decisions(callers: usize, seconds: f64, count: usize) -> Outcome<Load> {
    let scratch = Scratch::new()?;
    let ids = Supply::new(fill(scratch.path(), count, |_| false).await?);
    let store = Arc::new(SledStore::open(scratch.path(), Arc::new(()))?);
    let used = Arc::clone(&store);
    let load = drive(callers, seconds, move |_| {
        let (store, next) = (Arc::clone(&used), ids.take());
        async move {
            let Some(id) = next else { return Ok(false) };
            store.transition(id, payload::decision(), payload::now()).await?;
            Ok(true)
        }
    })
    .await?;
    store.close().await;
    Ok(load)
}

/// Approvals, each to be used once.
#[derive(Clone, Debug)]
pub(crate) struct Supply(Arc<Mutex<Vec<ApprovalId>>>);

impl Supply {
    pub(crate) fn new(ids: Vec<ApprovalId>) -> Self {
        Self(Arc::new(Mutex::new(ids)))
    }

    pub(crate) fn take(&self) -> Option<ApprovalId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Creates a store with `count` approvals, of which some are `decided`. Syncs once, at the end.
pub(crate) async fn fill(path: &Path, count: usize, decided: impl Fn(usize) -> bool) -> Outcome<Vec<ApprovalId>> {
    let syncing = Arc::new(AtomicBool::new(false));
    let sync = {
        let syncing = Arc::clone(&syncing);
        move |file: &File| if syncing.load(Ordering::Relaxed) { sync_to_disk(file) } else { Ok(()) }
    };
    let store = SledStore::open_with(path, Arc::new(()), sync)?;
    let prepared = Prepared::new()?;
    let mut ids = Vec::with_capacity(count);
    for start in (0..count).step_by(BATCH) {
        let numbers = start..count.min(start + BATCH);
        let histories = numbers.map(|n| prepared.history(n % CALLERS, decided(n))).collect::<Outcome<Vec<_>>>()?;
        ids.extend(histories.iter().map(|history| history.id));
        store.import(histories).await?;
    }
    syncing.store(true, Ordering::Relaxed);
    store.close().await;
    Ok(ids)
}
