//! The outbox in sled.
//!
//! **Records.** One record per lane. The writer adds deliveries in the batch of their event ([`group`]), so after a
//! crash an acknowledged event has its deliveries. The records of groups do not list lanes: a lane from before a crash
//! only makes the server send a message again, with the same id.
//!
//! **Memory.** What is due, and the leases, are in memory ([`index`]). The writer updates this index only after its
//! group is durable, and opening rebuilds it from the records.

pub(super) mod group;
pub(super) mod index;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use self::index::Taken;
pub(super) use self::index::{LaneChange, OutboxIndex};
use super::{SledStore, job::Job, keys, records, tree_reader::TreeReader};
use crate::{
    domain::{ApprovalId, ChannelName, DeliveryId, Lane, Routes, Settlement, Time},
    store::{Backlog, LaneId, LaneQuery, Leased, OutboxStore, StoreError},
};

#[async_trait]
impl OutboxStore for SledStore {
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError> {
        let (shared, channel) = (Arc::clone(&self.shared), channel.clone());
        let (taken, found) = self
            .scan(move |pages| {
                // If the caller stops waiting, dropping `taken` gives the lanes back.
                let mut taken = Taken::new(shared, channel, now, lease, limit);
                let mut found = Vec::with_capacity(taken.ids.len());
                for id in taken.ids.clone() {
                    match readable(pages, (id, taken.channel.clone()))? {
                        Some(read) => found.extend(read),
                        None => taken.leave_out(id),
                    }
                }
                Ok((taken, found))
            })
            .await?;
        // The group in flight may have changed them meanwhile.
        let is_due = |lane: &Lane| lane.due().is_some_and(|due| due <= now);
        Ok(taken.keep(found.into_iter().filter(is_due).collect()))
    }

    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError> {
        self.write(|reply| Job::Settle(settlements, reply)).await
    }

    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError> {
        let found = records::lane(&self.pages, &(approval, channel.clone()))?;
        self.shared.durability.settle(approval).await?;
        Ok(found)
    }

    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.scan(move |pages| {
            let (mut query, mut lanes, limit) = (query.clone(), Vec::new(), query.limit);
            while lanes.len() < limit {
                query.limit = limit - lanes.len();
                let ids = shared.outbox.list(&query);
                let Some(last) = ids.last().cloned() else { break };
                for id in ids {
                    lanes.extend(readable(pages, id)?.flatten().filter(|lane| matches(&query, lane)));
                }
                query.after = Some(last);
            }
            Ok(lanes)
        })
        .await
    }

    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        self.write(|reply| Job::Revive(id, now, reply)).await
    }

    fn backlog(&self) -> Vec<Backlog> {
        self.shared.outbox.backlog()
    }

    fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.shared.outbox.changes()
    }

    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        self.scan(move |pages| {
            let mut lanes = Vec::new();
            for key in pages.keys(keys::lanes_after(after.as_ref())) {
                if lanes.len() == limit {
                    break;
                }
                if let Some(id) = keys::lane_of(&key?) {
                    lanes.extend(records::lane(pages, &id)?);
                }
            }
            Ok(lanes)
        })
        .await
    }

    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        self.write(|reply| Job::ImportLanes(lanes, reply)).await
    }
}

/// Reads a lane: the inner `None` if it was forgotten meanwhile, the outer one if it is unreadable, which is logged.
fn readable(pages: &TreeReader, id: LaneId) -> Result<Option<Option<Lane>>, StoreError> {
    let read = records::lane(pages, &id);
    unless_unreadable(&id, read)
}

/// `None`, and a line in the log, for a lane that is damaged, or that a later version wrote.
fn unless_unreadable<T>((approval, channel): &LaneId, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => {
            tracing::error!(%approval, %channel, %error, "cannot read what a channel is to be told");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Whether a lane still is what a query asks for.
fn matches(query: &LaneQuery, lane: &Lane) -> bool {
    let dead = !query.dead || !lane.dead.is_empty();
    let waiting = !query.waiting || !lane.waiting.is_empty();
    !lane.is_idle() && dead && waiting
}

impl OutboxIndex {
    /// Reads the lanes of a store. It logs and leaves out unreadable ones.
    pub(super) fn read(pages: &TreeReader, routes: &Routes) -> Result<Self, StoreError> {
        let index = Self::default();
        let mut lanes = Vec::new();
        for entry in pages.range(keys::lanes()) {
            let (key, first) = entry?;
            if let Some(id) = keys::lane_of(&key) {
                let read = records::lane_from(pages, &id, first);
                let change = |lane: Lane| LaneChange::of(&lane, routes);
                lanes.extend(unless_unreadable(&id, read)?.flatten().map(change));
            }
        }
        index.apply(lanes);
        Ok(index)
    }
}
