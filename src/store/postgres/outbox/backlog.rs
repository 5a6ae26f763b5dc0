//! What waits in the outbox, as far as this server knows: in memory, about 130 bytes per lane with deliveries.
//!
//! The server notes its own changes at once, and reads those of the others from time to time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::id;
use crate::{
    domain::{ApprovalId, ChannelName, Lane, Routes, Time},
    store::{
        Backlog, LaneId, StoreError,
        postgres::{columns, connections::Connection},
        records,
    },
};

/// For so many lanes, one more call of [`KnownBacklog::refresh`] is skipped: with many lanes, the database has better to
/// do.
const LANES_PER_SKIP: usize = 5_000;

/// The lanes with deliveries.
#[derive(Debug, Default)]
pub(in super::super) struct KnownBacklog(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    channels: Channels,
    /// While the lanes are read: own changes since, which the reading may not have seen.
    meanwhile: Option<Vec<Change>>,
    /// How many calls of `refresh` to skip.
    skip: usize,
    /// Lanes that this server cannot read, and until when it does not try.
    unreadable: BTreeMap<LaneId, Time>,
}

type Channels = BTreeMap<ChannelName, Channel>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Channel {
    lanes: BTreeMap<ApprovalId, State>,
    /// Those that wait, by when their head could first be sent.
    waiting: BTreeSet<(i64, ApprovalId)>,
    dead: u64,
}

/// What is known of a lane. Times are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    due: Option<i64>,
    since: Option<i64>,
    dead: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Lane(LaneId, State),
    Forgotten(ApprovalId),
}

impl Channel {
    fn set(&mut self, id: ApprovalId, new: State) {
        let old = self.lanes.remove(&id).unwrap_or_default();
        if let Some(since) = old.since {
            self.waiting.remove(&(since, id));
        }
        self.dead -= u64::from(old.dead);
        if new == State::default() {
            return;
        }
        if let Some(since) = new.since {
            self.waiting.insert((since, id));
        }
        self.dead += u64::from(new.dead);
        self.lanes.insert(id, new);
    }

    fn backlog(&self, channel: &ChannelName) -> Option<Backlog> {
        let (waiting, dead) = (self.waiting.len() as u64, self.dead);
        let oldest_since = self.waiting.first().and_then(|(since, _)| records::time(*since).ok());
        (waiting + dead > 0).then(|| Backlog { channel: channel.clone(), waiting, dead, oldest_since })
    }
}

fn apply(channels: &mut Channels, change: Change) {
    match change {
        Change::Lane((approval, channel), state) => channels.entry(channel).or_default().set(approval, state),
        Change::Forgotten(approval) => channels.values_mut().for_each(|one| one.set(approval, State::default())),
    }
    channels.retain(|_, one| !one.lanes.is_empty());
}

impl Known {
    fn change(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match &change {
                Change::Lane(id, _) => drop(self.unreadable.remove(id)),
                Change::Forgotten(approval) => self.unreadable.retain(|(one, _), _| one != approval),
            }
            self.meanwhile.as_mut().into_iter().for_each(|seen| seen.push(change.clone()));
            apply(&mut self.channels, change);
        }
    }
}

impl KnownBacklog {
    /// Reads the lanes.
    pub(in super::super) async fn read(connection: &Connection) -> Result<Self, StoreError> {
        let known = Known { channels: read(connection).await?, ..Known::default() };
        Ok(Self(Mutex::new(known)))
    }

    /// Reads what other servers changed, unless there is so much that it should be read less often. Returns whether
    /// anything differs from what this server knew.
    pub(in super::super) async fn refresh(&self, client: &ClientWrapper) -> Result<bool, StoreError> {
        {
            let mut known = self.known();
            if known.skip > 0 {
                known.skip -= 1;
                return Ok(false);
            }
            known.meanwhile = Some(Vec::new());
        }
        let read = read(client).await;
        let mut known = self.known();
        let meanwhile = known.meanwhile.take().unwrap_or_default();
        let mut channels = read?;
        meanwhile.into_iter().for_each(|change| apply(&mut channels, change));
        known.skip = channels.values().map(|channel| channel.lanes.len()).sum::<usize>() / LANES_PER_SKIP;
        let same = channels == known.channels;
        known.channels = channels;
        Ok(!same)
    }

    /// Notes lanes that this server changed. Call it once the change is durable.
    pub(in super::super) fn note<'a>(&self, lanes: impl Iterator<Item = (&'a Lane, &'a Routes)>) {
        self.known().change(lanes.map(|(lane, routes)| {
            let (due, since) = (lane.due().map(columns::micros), routes.since(lane).map(columns::micros));
            let state = State { due, since, dead: !lane.dead.is_empty() };
            Change::Lane((lane.approval, lane.channel.clone()), state)
        }));
    }

    /// Notes lanes that this server removed.
    pub(super) fn remove(&self, ids: Vec<LaneId>) {
        self.known().change(ids.into_iter().map(|id| Change::Lane(id, State::default())));
    }

    /// Notes approvals that this server forgot.
    pub(in super::super) fn forget(&self, approvals: &[Uuid]) {
        self.known().change(approvals.iter().map(|id| Change::Forgotten(ApprovalId::new(*id))));
    }

    /// What waits in each channel, in order of name.
    pub(super) fn backlog(&self) -> Vec<Backlog> {
        self.known().channels.iter().filter_map(|(name, channel)| channel.backlog(name)).collect()
    }

    /// Leaves out lanes until this time, because they cannot be read.
    pub(super) fn leave_out(&self, channel: &ChannelName, approvals: Vec<Uuid>, until: Time) {
        let ids = approvals.into_iter().map(|id| ((ApprovalId::new(id), channel.clone()), until));
        self.known().unreadable.extend(ids);
    }

    /// The lanes of a channel to leave out.
    pub(super) fn unreadable(&self, channel: &ChannelName, now: Time) -> Vec<Uuid> {
        let mut known = self.known();
        known.unreadable.retain(|(_, name), until| name != channel || *until > now);
        let ids = known.unreadable.keys().filter(|(_, name)| name == channel);
        ids.map(|(approval, _)| approval.uuid()).collect()
    }

    /// When the first of them is tried again.
    pub(super) fn readable_again(&self, channel: &ChannelName) -> Option<Time> {
        self.known().unreadable.iter().filter(|((_, name), _)| name == channel).map(|(_, until)| *until).min()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(client: &ClientWrapper) -> Result<Channels, StoreError> {
    let sql = "SELECT approval, channel, due, since, dead FROM lanes WHERE due IS NOT NULL OR dead";
    let statement = client.prepare_cached(sql).await?;
    let mut channels = Channels::new();
    for row in client.query(&statement, &[]).await? {
        let state = State { due: row.get(2), since: row.get(3), dead: row.get(4) };
        apply(&mut channels, Change::Lane(id(&row)?, state));
    }
    Ok(channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, id};

    /// B-trees fill their nodes to two thirds on average.
    #[test]
    fn a_lane_needs_little_memory() {
        let waiting = size_of::<(ApprovalId, State)>() + size_of::<(i64, ApprovalId)>();
        assert!(waiting * 3 / 2 <= 130, "{waiting}");
    }

    #[test]
    fn nothing_is_left_of_lanes_that_are_done() {
        let (backlog, name): (_, ChannelName) = (KnownBacklog::default(), "a".parse().unwrap());
        let lane = |n| (id(0, n), name.clone());
        let since = |n: u64| n.is_multiple_of(2).then_some(n.cast_signed());
        let waits = |n| Change::Lane(lane(n), State { due: since(n), since: since(n), dead: n % 3 == 0 });
        backlog.known().change((0..9).map(waits));
        assert_eq!((backlog.backlog()[0].waiting, backlog.backlog()[0].dead), (5, 3));
        backlog.leave_out(&name, vec![id(0, 3).uuid(), id(0, 4).uuid()], at(9));
        assert_eq!(backlog.readable_again(&name), Some(at(9)));
        assert_eq!(backlog.unreadable(&name, at(8)).len(), 2);
        backlog.remove((0..4).map(lane).collect());
        assert_eq!(backlog.unreadable(&name, at(8)), [id(0, 4).uuid()], "a change makes it readable");
        backlog.forget(&[4, 5, 6, 7, 8].map(|n| id(0, n).uuid()));
        assert_eq!(backlog.backlog(), []);
        let known = backlog.known();
        assert!(known.channels.is_empty() && known.unreadable.is_empty());
    }
}
