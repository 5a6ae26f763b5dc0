//! The outbox in memory.

use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{MemoryStore, State};
use crate::{
    domain::{Approval, ApprovalId, ChannelName, DeliveryId, Event, Lane, Routes, Settlement, Time, after},
    store::{Backlog, LaneId, LaneQuery, Leased, OutboxStore, StoreError, import_fault},
};

/// The lanes, and the ends of their leases.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    lanes: BTreeMap<LaneId, Lane>,
    leases: BTreeMap<LaneId, Time>,
}

impl Outbox {
    /// When each lane of a channel that waits can be leased.
    fn times(&self, channel: &ChannelName) -> impl Iterator<Item = (Time, &Lane)> {
        let lanes = self.lanes.iter().filter(move |((_, name), _)| name == channel);
        lanes.filter_map(|(id, lane)| {
            let due = lane.due()?;
            Some((self.leases.get(id).copied().unwrap_or(due), lane))
        })
    }

    /// All lanes, in order.
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.values()
    }

    pub(super) fn forget(&mut self, approval: ApprovalId) {
        self.lanes.retain(|(id, _), _| *id != approval);
        self.leases.retain(|(id, _), _| *id != approval);
    }
}

impl State {
    /// Adds the deliveries of new events.
    pub(super) fn deliver(&mut self, routes: &Routes, approval: &Approval, events: &[Event]) {
        for event in events {
            for (channel, delivery) in routes.deliveries(approval, event) {
                let new = || Lane::new(channel.clone(), approval.id);
                self.outbox.lanes.entry((approval.id, channel.clone())).or_insert_with(new).push(delivery);
            }
        }
    }
}

impl MemoryStore {
    pub(super) fn wake(&self) {
        self.outbox.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[async_trait]
impl OutboxStore for MemoryStore {
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError> {
        let outbox = &mut self.state()?.outbox;
        outbox.leases.retain(|(_, name), until| name != channel || *until > now);
        let free = |lane: &Lane| !outbox.leases.contains_key(&(lane.approval, lane.channel.clone()));
        let mut due: Vec<_> = outbox.times(channel).filter(|(due, lane)| *due <= now && free(lane)).collect();
        due.sort_by_key(|(due, lane)| (*due, lane.approval));
        let lanes: Vec<_> = due.into_iter().take(limit).map(|(_, lane)| lane.clone()).collect();
        let until = after(now, lease);
        outbox.leases.extend(lanes.iter().map(|lane| ((lane.approval, lane.channel.clone()), until)));
        let next = outbox.times(channel).map(|(time, _)| time).min();
        Ok(Leased { lanes, next })
    }

    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let State { outbox, approvals, .. } = &mut *state;
        let mut changed = Vec::new();
        for (channel, approval, settlement) in settlements {
            let id = (approval, channel);
            outbox.leases.remove(&id);
            if outbox.lanes.get_mut(&id).is_some_and(|lane| lane.settle(settlement)) {
                changed.push(id);
            }
        }
        for id in changed {
            let may_notify = approvals.get(&id.0).is_some_and(|(approval, _)| approval.may_notify());
            if outbox.lanes.get(&id).is_some_and(|lane| lane.is_done(may_notify)) {
                outbox.lanes.remove(&id);
            }
        }
        drop(state);
        self.wake();
        Ok(())
    }

    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError> {
        Ok(self.state()?.outbox.lanes.get(&(approval, channel.clone())).cloned())
    }

    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError> {
        let LaneQuery { channel, approval, dead, waiting, after, limit } = query;
        let state = self.state()?;
        let matches = |(id, lane): &(&LaneId, &Lane)| {
            channel.as_ref().is_none_or(|one| *one == id.1)
                && approval.is_none_or(|one| one == id.0)
                && after.as_ref().is_none_or(|after| *id > after)
                && !lane.is_idle()
                && !(dead && lane.dead.is_empty())
                && !(waiting && lane.waiting.is_empty())
        };
        Ok(state.outbox.lanes.iter().filter(matches).take(limit).map(|(_, lane)| lane.clone()).collect())
    }

    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        let mut state = self.state()?;
        let lane = state.outbox.lanes.get_mut(&(id.approval, id.channel)).ok_or(StoreError::NotFound)?;
        if !lane.revive(id.revision, now) {
            return Err(StoreError::NotFound);
        }
        let revived = lane.clone();
        drop(state);
        self.wake();
        Ok(revived)
    }

    fn backlog(&self) -> Vec<Backlog> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: BTreeMap<&ChannelName, Backlog> = BTreeMap::new();
        for ((_, channel), lane) in state.outbox.lanes.iter().filter(|(_, lane)| !lane.is_idle()) {
            let none = || Backlog { channel: channel.clone(), waiting: 0, dead: 0, oldest_since: None };
            let backlog = found.entry(channel).or_insert_with(none);
            backlog.waiting += u64::from(!lane.waiting.is_empty());
            backlog.dead += u64::from(!lane.dead.is_empty());
            backlog.oldest_since = backlog.oldest_since.into_iter().chain(self.routes.since(lane)).min();
        }
        found.into_values().collect()
    }

    fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        let state = self.state()?;
        let beyond = state.outbox.lanes.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        Ok(beyond.take(limit).map(|(_, lane)| lane.clone()).collect())
    }

    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let mut new = BTreeMap::new();
        for lane in lanes {
            let Ok((approval, _)) = state.get(lane.approval) else { continue };
            if let Some(fault) = import_fault(&lane, approval.revision) {
                return Err(StoreError::BadLane(lane.channel, lane.approval, fault));
            }
            let id = (lane.approval, lane.channel.clone());
            if !state.outbox.lanes.contains_key(&id) {
                new.entry(id).or_insert(lane);
            }
        }
        let count = new.len();
        state.outbox.lanes.extend(new);
        drop(state);
        self.wake();
        Ok(count)
    }
}
