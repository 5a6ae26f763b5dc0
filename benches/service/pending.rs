//! ListPending's first page, of the default size, while very many approvals are pending: sequential calls.

use std::{sync::Arc, time::Instant};

use signoff::{
    proto::v1 as pb,
    store::{ApprovalStore as _, Filter, Lifecycle as _, Order, Query, SledStore},
};

use crate::{
    Outcome, Sizes,
    load::{Latencies, Load},
    scratch::Scratch,
    server::{Role, Server},
    stored,
    table::{Aim, Figure, Row, Table},
};

/// Default number of approvals in a page.
const PAGE: usize = 50;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let scratch = Scratch::new()?;
    stored::fill(scratch.path(), sizes.pending, |_| false).await?;
    let stored = stored_pages(&scratch, sizes.pages).await?;
    let bare = pages(&Server::bare()?, sizes.pages).await?;
    let served = pages(&Server::signoff(scratch.path(), &[])?, sizes.pages).await?;
    table.add(
        Row::new(format!("ListPending's first page, {} pending: p99", sizes.pending), Figure::Time(served.p99))
            .latencies(&served)
            .against("store", Figure::Time(stored.p99))
            .against("bare tonic", Figure::Time(bare.p99))
            .aim(Aim::AtMost(Figure::Time(std::time::Duration::from_millis(2)))),
    );
    Ok(())
}

async fn pages(server: &Server, count: u64) -> Outcome<Load> {
    let clients = server.connect(1, Role::Reviewer).await?;
    let mut client = clients.into_iter().next().ok_or("no client")?;
    timed(count, async move || {
        Ok(client.list_pending(pb::ListPendingRequest::default()).await?.into_inner().approvals.len())
    })
    .await
}

async fn stored_pages(scratch: &Scratch, count: u64) -> Outcome<Load> {
    let store = SledStore::open(scratch.path(), Arc::new(()))?;
    let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: PAGE };
    let load = timed(count, async || Ok(store.list(query.clone()).await?.approvals.len())).await?;
    store.close().await;
    Ok(load)
}

async fn timed(count: u64, mut list: impl AsyncFnMut() -> Outcome<usize>) -> Outcome<Load> {
    let (mut latencies, began) = (Latencies::new()?, Instant::now());
    for _ in 0..count {
        let start = Instant::now();
        let found = list().await?;
        latencies.record(start.elapsed())?;
        if found != PAGE {
            return Err(format!("{found} approvals in a page").into());
        }
    }
    Ok(latencies.load(began.elapsed(), count))
}
