//! The index of what is due in each channel, and the leases. In memory: about 130 bytes per lane with deliveries.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    domain::{ApprovalId, ChannelName, Lane, Routes, Time, after},
    store::{Backlog, LaneId, LaneQuery, Leased, sled::Shared},
};

/// The lanes with deliveries, by channel.
#[derive(Debug)]
pub(in super::super) struct OutboxIndex {
    channels: Mutex<BTreeMap<ChannelName, Channel>>,
    changes: watch::Sender<u64>,
}

/// A durable change of a lane.
#[derive(Clone, Debug)]
pub(in super::super) struct LaneChange {
    pub(in super::super) id: LaneId,
    /// The new state; `None` if only the lease ended.
    state: Option<State>,
    /// Whether the lease ended.
    ended: bool,
}

/// What the index knows of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// When its head is due.
    due: Option<Time>,
    /// When its head could first be sent, if it failed since. Otherwise that is when it is due.
    failed: Option<Time>,
    /// Whether it has dead deliveries.
    dead: bool,
}

impl LaneChange {
    pub(in super::super) fn of(lane: &Lane, routes: &Routes) -> Self {
        let failed = lane.waiting.front().filter(|head| head.attempts > 0).and_then(|_| routes.since(lane));
        let state = State { due: lane.due(), failed, dead: !lane.dead.is_empty() };
        Self { id: (lane.approval, lane.channel.clone()), state: Some(state), ended: false }
    }

    pub(in super::super) fn forgotten(id: LaneId) -> Self {
        Self { id, state: Some(State::default()), ended: false }
    }

    pub(in super::super) const fn lease_ended(id: LaneId) -> Self {
        Self { id, state: None, ended: true }
    }
}

/// The lanes of a channel. A lane with a due head is either ready or leased.
#[derive(Debug, Default)]
struct Channel {
    lanes: BTreeMap<ApprovalId, Entry>,
    ready: BTreeSet<(Time, ApprovalId)>,
    /// By the end of the lease.
    leased: BTreeSet<(Time, ApprovalId)>,
    /// Those whose head failed, by when it could first be sent.
    failed: BTreeSet<(Time, ApprovalId)>,
    dead: BTreeSet<ApprovalId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    state: State,
    leased: Option<Time>,
}

impl Entry {
    /// When the lane can be leased.
    fn next(&self) -> Option<Time> {
        self.leased.or(self.state.due)
    }
}

impl Channel {
    /// Replaces what is known of a lane. Returns whether the lane can now be leased earlier.
    fn set(&mut self, id: ApprovalId, new: Entry) -> bool {
        let old = self.lanes.remove(&id).unwrap_or_default();
        match (old.leased, old.state.due) {
            (Some(until), _) => drop(self.leased.remove(&(until, id))),
            (None, Some(due)) => drop(self.ready.remove(&(due, id))),
            (None, None) => {}
        }
        if let Some(since) = old.state.failed {
            self.failed.remove(&(since, id));
        }
        if old.state.dead && !new.state.dead {
            self.dead.remove(&id);
        }
        if new.state == State::default() {
            return false;
        }
        match (new.leased, new.state.due) {
            (Some(until), _) => drop(self.leased.insert((until, id))),
            (None, Some(due)) => drop(self.ready.insert((due, id))),
            (None, None) => {}
        }
        if let Some(since) = new.state.failed {
            self.failed.insert((since, id));
        }
        if new.state.dead {
            self.dead.insert(id);
        }
        self.lanes.insert(id, new);
        new.next().is_some_and(|new| old.next().is_none_or(|old| new < old))
    }

    fn apply(&mut self, id: ApprovalId, state: Option<State>, ended: bool) -> bool {
        let old = self.lanes.get(&id).copied().unwrap_or_default();
        let state = state.unwrap_or(old.state);
        let leased = old.leased.filter(|_| !ended && state.due.is_some());
        self.set(id, Entry { state, leased })
    }

    /// Leases ready lanes.
    fn take(&mut self, now: Time, until: Time, limit: usize) -> Vec<ApprovalId> {
        while let Some((_, id)) = self.leased.first().copied().filter(|(until, _)| *until <= now) {
            self.apply(id, None, true);
        }
        let due = self.ready.iter().take_while(|(due, _)| *due <= now).take(limit);
        let ids: Vec<_> = due.map(|(_, id)| *id).collect();
        for id in &ids {
            let state = self.lanes.get(id).map(|entry| entry.state).unwrap_or_default();
            self.set(*id, Entry { state, leased: Some(until) });
        }
        ids
    }

    fn next(&self) -> Option<Time> {
        let ends = [self.ready.first(), self.leased.first()];
        ends.into_iter().flatten().map(|(time, _)| *time).min()
    }

    fn backlog(&self, channel: &ChannelName) -> Option<Backlog> {
        let leased = self.leased.iter().filter_map(|(_, id)| self.lanes.get(id)?.state.due);
        let first = [self.ready.first(), self.failed.first()].into_iter().flatten().map(|(time, _)| *time);
        let oldest_since = first.chain(leased).min();
        let waiting = (self.ready.len() + self.leased.len()) as u64;
        let dead = self.dead.len() as u64;
        (waiting + dead > 0).then(|| Backlog { channel: channel.clone(), waiting, dead, oldest_since })
    }
}

impl Default for OutboxIndex {
    fn default() -> Self {
        Self { channels: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl OutboxIndex {
    fn channels(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call once the changes are durable.
    pub(in super::super) fn apply(&self, changes: impl IntoIterator<Item = LaneChange>) {
        let (mut channels, mut earlier) = (self.channels(), false);
        for LaneChange { id: (approval, name), state, ended } in changes {
            let known = channels.contains_key(&name);
            if !known && state.is_none_or(|state| state == State::default()) {
                continue;
            }
            earlier |= channels.entry(name).or_default().apply(approval, state, ended);
        }
        drop(channels);
        if earlier {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn backlog(&self) -> Vec<Backlog> {
        self.channels().iter().filter_map(|(name, channel)| channel.backlog(name)).collect()
    }

    /// The lanes of a query, in order.
    pub(super) fn list(&self, query: &LaneQuery) -> Vec<LaneId> {
        let LaneQuery { channel, approval, dead, waiting, after, limit } = query;
        let mut found = Vec::new();
        for (name, lanes) in self.channels().iter().filter(|(name, _)| channel.as_ref().is_none_or(|one| one == *name))
        {
            let beyond = |id: &ApprovalId| after.as_ref().is_none_or(|after| (id, name) > (&after.0, &after.1));
            let from = after.as_ref().map(|(id, _)| *id).into_iter().chain(*approval).max();
            let from = from.unwrap_or_else(|| ApprovalId::new(uuid::Uuid::nil()));
            let ids: Box<dyn Iterator<Item = &ApprovalId>> = if *dead {
                Box::new(lanes.dead.range(from..))
            } else {
                let found = lanes.lanes.range(from..).filter(|(_, entry)| !waiting || entry.state.due.is_some());
                Box::new(found.map(|(id, _)| id))
            };
            let ids = ids.take_while(|id| approval.is_none_or(|one| one == **id)).filter(|id| beyond(id));
            found.extend(ids.take(*limit).map(|id| (*id, name.clone())));
        }
        found.sort_unstable();
        found.truncate(*limit);
        found
    }
}

/// Leased lanes that the caller does not have yet. Returns them when it is dropped.
pub(super) struct Taken {
    shared: Arc<Shared>,
    pub(super) channel: ChannelName,
    until: Time,
    pub(super) ids: Vec<ApprovalId>,
}

impl Taken {
    pub(super) fn new(shared: Arc<Shared>, channel: ChannelName, now: Time, lease: Duration, limit: usize) -> Self {
        let until = after(now, lease);
        let ids = match shared.outbox.channels().get_mut(&channel) {
            Some(lanes) => lanes.take(now, until, limit),
            None => Vec::new(),
        };
        Self { shared, channel, until, ids }
    }

    /// Takes a lane out of the index until it changes.
    pub(super) fn leave_out(&mut self, id: ApprovalId) {
        self.ids.retain(|one| *one != id);
        self.shared.outbox.apply([LaneChange::forgotten((id, self.channel.clone()))]);
    }

    /// Gives these lanes to the caller, and returns the others.
    pub(super) fn keep(mut self, lanes: Vec<Lane>) -> Leased {
        let kept: BTreeSet<_> = lanes.iter().map(|lane| lane.approval).collect();
        self.ids.retain(|id| !kept.contains(id));
        self.give_back();
        let next = self.shared.outbox.channels().get(&self.channel).and_then(Channel::next);
        Leased { lanes, next }
    }

    fn give_back(&mut self) {
        let mut channels = self.shared.outbox.channels();
        let Some(channel) = channels.get_mut(&self.channel) else { return };
        for id in self.ids.drain(..) {
            // Not if it was settled, and leased again, meanwhile.
            if channel.lanes.get(&id).is_some_and(|entry| entry.leased == Some(self.until)) {
                channel.apply(id, None, true);
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, id};

    /// B-trees fill their nodes to two thirds on average.
    #[test]
    fn a_lane_needs_little_memory() {
        let waiting = size_of::<(ApprovalId, Entry)>() + size_of::<(Time, ApprovalId)>();
        assert!(waiting * 3 / 2 <= 130, "{waiting}");
    }

    #[test]
    fn nothing_is_left_of_lanes_that_are_done() {
        let index = OutboxIndex::default();
        let channel: ChannelName = "a".parse().unwrap();
        let changed = |n, due: Option<i64>, dead| {
            let state = State { due: due.map(at), failed: due.filter(|due| due % 3 == 0).map(at), dead };
            LaneChange { id: (id(0, n), channel.clone()), state: Some(state), ended: false }
        };
        index.apply((0..9).map(|n| changed(n, Some(n.cast_signed()), n % 2 == 0)));
        let taken = index.channels().get_mut(&channel).unwrap().take(at(4), at(60), 9);
        assert_eq!(taken.len(), 5);
        index.apply((0..9).map(|n| changed(n, None, n == 3)));
        index.apply([changed(3, None, false), LaneChange::lease_ended((id(0, 5), channel.clone()))]);
        let channels = index.channels();
        let Channel { lanes, ready, leased, failed, dead } = &channels[&channel];
        assert_eq!((lanes.len(), ready.len(), leased.len(), failed.len(), dead.len()), (0, 0, 0, 0, 0));
    }
}
