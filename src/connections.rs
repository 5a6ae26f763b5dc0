//! Who is connected, and what those may hold who have not said who they are.
//!
//! A connection is a *stranger's* until a call on it is authenticated. Strangers are counted, by address and in all;
//! when there is no room for a new connection, one of the address that has most strangers goes, the one that has been
//! of no use for the longest, and never a connection on which somebody was authenticated. A stranger is of use when a
//! health check or another call that needs no token was answered: probes and scrapers keep their connections.
//!
//! What a stranger sends is paid from token buckets (`bucket.rs`): the connection's, its address's and the server's. An
//! empty one stops the server from reading, so that pings, settings, resets and whatever else HTTP/2 has cost the
//! sender time and this server little. The first bytes of a new connection wait for none of this: see
//! [`ConnectionState::allowance`].

mod address;
mod bucket;
mod connection_state;
mod limits;
#[cfg(test)]
mod tests;
mod unauthenticated_calls;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use self::{address::Address, bucket::Bucket, connection_state::Deadlines, unauthenticated_calls::Held};
pub use self::{
    connection_state::{Allowance, CALL_COST, ClosedByServer, ConnectionState, Stage, Ticket},
    limits::ConnectionLimits,
    unauthenticated_calls::{NoPlace, Place, UnauthenticatedCall},
};
use crate::telemetry::{ConnectionEnd, Metrics};

/// What all strangers together may send: 4 MiB a second, and as much at once after a rest. With [`CALL_COST`] that is
/// some 6,000 calls, or 250,000 pings: less than one core. What comes at once is also what waits for a thread at once,
/// some 10 KiB for each call.
const SERVER_BYTES: (u32, u32) = (4 << 20, 4 << 20);

/// What the strangers of one address may send: an eighth of that a second, and a quarter of it at once.
const ADDRESS_BYTES: (u32, u32) = (512 << 10, 1 << 20);

/// New connections of one address whose first bytes are read at once: 256 a second, after a rest 4,096. Thousands of
/// clients behind one balancer come back together after a restart; a client that connects again and again does not
/// profit.
const NEWCOMERS: (u32, u32) = (256, 4_096);

/// The registry of open connections. Clones are the same registry.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Counts,
    deadlines: Deadlines,
    metrics: Metrics,
    bytes: Bucket,
    state: Mutex<State>,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
struct Counts {
    all: u32,
    strangers: u32,
    strangers_per_address: u32,
}

#[derive(Debug, Default)]
struct State {
    /// Open connections, without those that were told to close.
    open: u32,
    /// The newest rank.
    newest: u64,
    /// Strangers by rank: the first was of no use for the longest.
    strangers: BTreeMap<u64, Arc<ConnectionState>>,
    sources: HashMap<Address, Source>,
    /// Addresses that have strangers, by [`Source::crowd`]: the last one has most.
    crowds: BTreeSet<Crowd>,
    /// What all strangers hold.
    strangers_hold: Held,
    /// What callers hold: in all, and each that holds anything.
    callers_hold: Held,
    callers: HashMap<Arc<str>, Held>,
}

/// How many strangers an address has, the rank of the one that was of no use for the longest, and the address. Of two
/// addresses that have as many, the one with the lower rank comes last.
type Crowd = (usize, Reverse<u64>, Address);

/// What is known of an address that has strangers, or had until its buckets are full again.
#[derive(Debug)]
struct Source {
    strangers: BTreeSet<u64>,
    /// What they hold.
    held: Held,
    bytes: Arc<Bucket>,
    newcomers: Bucket,
}

/// There is no room: every connection is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} connections are open, and somebody was authenticated on each")]
pub struct Full {
    /// `limits.connections`.
    pub limit: u32,
}

impl Connections {
    /// An empty registry.
    #[must_use]
    pub fn new(limits: &ConnectionLimits, metrics: Metrics) -> Self {
        let deadlines = Deadlines { opening: limits.handshake_timeout, idle: limits.unauthenticated_idle };
        let limits = Counts {
            all: limits.open,
            strangers: limits.unauthenticated_connections,
            strangers_per_address: limits.unauthenticated_per_address,
        };
        #[expect(clippy::disallowed_methods, reason = "what connections pay is counted by the runtime's time")]
        let bytes = Bucket::full(SERVER_BYTES, Instant::now());
        Self(Arc::new(Inner { limits, deadlines, metrics, bytes, state: Mutex::default() }))
    }

    /// Admits a connection as a stranger's, which may end another stranger's.
    ///
    /// # Errors
    /// When every connection is somebody's.
    pub fn admit(&self, peer: IpAddr, stage: Stage, now: Instant) -> Result<Ticket, Full> {
        let Counts { all, strangers, strangers_per_address } = self.0.limits;
        let address = Address::of(peer);
        let mut evicted = Vec::new();
        let link = {
            let mut state = self.0.lock();
            let known = state.sources.get(&address).map(|source| &source.strangers);
            let crowded = known.filter(|known| known.len() >= strangers_per_address as usize);
            if let Some(rank) = crowded.and_then(|known| known.first().copied()) {
                evicted.extend(state.remove(rank));
            }
            if state.strangers.len() >= strangers as usize || state.open >= all {
                evicted.extend(state.remove_crowding());
            }
            if state.open >= all {
                self.0.metrics.connection_closed(ConnectionEnd::Refused);
                return Err(Full { limit: all });
            }
            let rank = state.rank();
            let source = state.sources.entry(address).or_insert_with(|| Source::new(now));
            let free = source.newcomers.take(1, now);
            let bytes = Arc::clone(&source.bytes);
            let link = Arc::new(ConnectionState::new(self.clone(), (address, bytes), rank, free, stage, now));
            state.insert(rank, Arc::clone(&link));
            self.0.count(&state);
            link
        };
        self.close(evicted.into_iter().map(|link| (link, ConnectionEnd::Evicted)));
        Ok(Ticket::new(link))
    }

    /// Ends a stranger of the address that has most, the one that has been of no use for the longest. Returns whether
    /// there was one.
    pub fn evict(&self) -> bool {
        let evicted = {
            let mut state = self.0.lock();
            let evicted = state.remove_crowding();
            self.0.count(&state);
            evicted
        };
        let found = evicted.is_some();
        self.close(evicted.into_iter().map(|link| (link, ConnectionEnd::Evicted)));
        found
    }

    /// Ends the strangers whose time is up, and forgets addresses that owe nothing.
    pub fn sweep(&self, now: Instant) {
        let deadlines = self.0.deadlines;
        let overdue: Vec<_> = {
            let mut state = self.0.lock();
            let overdue = state.strangers.iter();
            let overdue: Vec<_> =
                overdue.filter_map(|(rank, link)| Some((*rank, link.overdue(deadlines, now)?))).collect();
            let removed = overdue.into_iter().filter_map(|(rank, end)| Some((state.remove(rank)?, end))).collect();
            state.sources.retain(|_, source| {
                !source.strangers.is_empty() || !source.bytes.is_full(now) || !source.newcomers.is_full(now)
            });
            self.0.count(&state);
            removed
        };
        self.close(overdue.into_iter());
    }

    /// Outside the lock: closing wakes the connection's task.
    fn close(&self, links: impl Iterator<Item = (Arc<ConnectionState>, ConnectionEnd)>) {
        for (link, end) in links {
            tracing::debug!(reason = end.name(), "closing a connection that nobody was authenticated on");
            self.0.metrics.connection_closed(end);
            link.close();
        }
    }

    /// Somebody was authenticated: the connection is no stranger's any more.
    fn authenticated(&self, link: &ConnectionState, caller: &str) {
        let mut state = self.0.lock();
        if state.remove(link.rank()).is_some() {
            state.open += 1; // it stays open
            link.give_to(caller);
            state.count_for_caller(link);
        }
        self.0.count(&state);
    }

    /// A stranger was of use: others go before it.
    fn renew(&self, link: &ConnectionState) {
        let mut state = self.0.lock();
        let Some(known) = state.remove(link.rank()) else { return };
        let rank = state.rank();
        known.set_rank(rank);
        state.insert(rank, known);
    }

    /// The connection has ended.
    fn ended(&self, link: &ConnectionState) {
        let mut state = self.0.lock();
        if link.rank() == ConnectionState::SOMEBODYS {
            state.open = state.open.saturating_sub(1);
        } else {
            state.remove(link.rank()); // unless it was told to close
        }
        self.0.count(&state);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State) {
        let strangers = u32::try_from(state.strangers.len()).unwrap_or(u32::MAX);
        self.metrics.connections(state.open.saturating_sub(strangers), strangers);
    }
}

impl State {
    fn rank(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// Puts a stranger in, whose address is known.
    fn insert(&mut self, rank: u64, link: Arc<ConnectionState>) {
        let held = link.held();
        self.open += 1;
        self.strangers_hold.add(held);
        self.change_source(link.address(), |source| {
            source.strangers.insert(rank);
            source.held.add(held);
        });
        self.strangers.insert(rank, link);
    }

    /// Takes a stranger out: it is open no more, or somebody's.
    fn remove(&mut self, rank: u64) -> Option<Arc<ConnectionState>> {
        let link = self.strangers.remove(&rank)?;
        let held = link.held();
        self.open = self.open.saturating_sub(1);
        self.strangers_hold.subtract(held);
        self.change_source(link.address(), |source| {
            source.strangers.remove(&rank);
            source.held.subtract(held);
        });
        Some(link)
    }

    /// Takes out the oldest stranger of the address that has most: whoever comes with many makes room, and not those
    /// that are alone.
    fn remove_crowding(&mut self) -> Option<Arc<ConnectionState>> {
        let (_, Reverse(rank), _) = *self.crowds.last()?;
        self.remove(rank)
    }

    fn change_source(&mut self, address: Address, change: impl FnOnce(&mut Source)) {
        let Some(source) = self.sources.get_mut(&address) else { return };
        if let Some(crowd) = source.crowd(address) {
            self.crowds.remove(&crowd);
        }
        change(source);
        self.crowds.extend(source.crowd(address));
    }
}

impl Source {
    fn new(now: Instant) -> Self {
        let bytes = Arc::new(Bucket::full(ADDRESS_BYTES, now));
        Self { strangers: BTreeSet::new(), held: Held::default(), bytes, newcomers: Bucket::full(NEWCOMERS, now) }
    }

    fn crowd(&self, address: Address) -> Option<Crowd> {
        self.strangers.first().map(|oldest| (self.strangers.len(), Reverse(*oldest), address))
    }
}
