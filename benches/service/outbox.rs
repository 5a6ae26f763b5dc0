//! The cost of the outbox in the store: requests whose deliveries to one channel are leased and settled meanwhile, by a
//! receiver that takes no time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use signoff::{
    domain::{ChannelName, NotificationKind, Routes, Settlement, Subscription},
    store::{ApprovalStore as _, Lifecycle as _, OutboxStore as _, SledConfig, SledStore},
};

use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    payload::{self, Prepared},
    scratch::Scratch,
    table::{Aim, Figure, Row, Table},
};

const CALLERS: usize = 64;

/// Lanes in one lease, and in one settlement.
const LANES: usize = 256;

/// The minimum fraction of the throughput without a channel.
const LEAST: f64 = 0.70;

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let without = submits(Routes::default(), sizes.seconds).await?.0;
    let name: ChannelName = "channel".parse()?;
    let subscription = Subscription { kinds: NotificationKind::ALL.into(), after: Duration::ZERO };
    let routes = Routes { channels: BTreeMap::from([(name.clone(), subscription)]), default: [name].into() };
    let (with, waiting) = submits(routes, sizes.seconds).await?;
    table.add(Row::load(format!("store alone: submits without a channel, {CALLERS} callers"), &without));
    let name = format!("store alone: submits with one channel, {CALLERS} callers, {waiting} wait at the end");
    table.add(Row::load(name, &with).against("without", Figure::Rate(without.rate)).aim(Aim::Ratio(LEAST)));
    Ok(())
}

/// Requests per second, and what waited at the end.
async fn submits(routes: Routes, seconds: f64) -> Outcome<(Load, u64)> {
    let (scratch, routes) = (Scratch::new()?, Arc::new(routes));
    let config = SledConfig { routes: Arc::clone(&routes), ..SledConfig::new(scratch.path()) };
    let store = Arc::new(SledStore::open_as(&config, Arc::new(()))?);
    let receivers: Vec<_> =
        routes.channels.keys().map(|channel| tokio::spawn(receive(Arc::clone(&store), channel.clone()))).collect();
    let (used, prepared) = (Arc::clone(&store), Arc::new(Prepared::new()?));
    let load = drive(CALLERS, seconds, move |caller| {
        let (store, prepared) = (Arc::clone(&used), Arc::clone(&prepared));
        async move { Ok(store.submit(prepared.submission(caller)).await?.created) }
    })
    .await?;
    let waiting = store.backlog().iter().map(|one| one.waiting).sum();
    receivers.iter().for_each(tokio::task::JoinHandle::abort);
    store.close().await;
    Ok((load, waiting))
}

async fn receive(store: Arc<SledStore>, channel: ChannelName) -> Outcome<()> {
    let mut changes = store.outbox_changes();
    loop {
        changes.mark_unchanged();
        let leased = store.lease(&channel, payload::now(), Duration::from_secs(60), LANES).await?;
        if leased.lanes.is_empty() {
            changes.changed().await?;
            continue;
        }
        let sent = |up_to| Settlement::Sent { from: up_to, up_to, state: None };
        let newest = |lane: &signoff::domain::Lane| lane.waiting.back().map_or(0, |one| one.revision);
        let settled = leased.lanes.iter().map(|lane| (channel.clone(), lane.approval, sent(newest(lane))));
        store.settle(settled.collect()).await?;
    }
}
