//! The registry of open connections, and the limits of unauthenticated ones.
//!
//! A connection is *unauthenticated* until a call on it is authenticated. Unauthenticated connections are counted by
//! address and in total. If there is no room for a new connection, the registry evicts one: of the address with the
//! most unauthenticated connections, the one that was idle for longest. It never evicts an authenticated connection.
//! Answered health checks and other calls without a token reset the idle time, so that probes and scrapers keep their
//! connections.
//!
//! An unauthenticated connection pays for the bytes that it sends from token buckets (`bucket.rs`): its own, its
//! address's and the server's. While one of them is empty, the server does not read. Pings, settings, resets and other
//! frames thus cost the sender time and the server little. The first bytes of a new connection are free of this wait:
//! see [`ConnectionState::allowance`].

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

/// Rate and burst of all unauthenticated connections together, in bytes: 4 MiB per second and 4 MiB. With [`CALL_COST`]
/// that is about 6,000 calls or 250,000 pings per second: less than one core. The burst also limits the calls that wait
/// for a thread, with about 10 KiB each.
const SERVER_BYTES: (u32, u32) = (4 << 20, 4 << 20);

/// Rate and burst of the unauthenticated connections of one address: an eighth and a quarter of the above.
const ADDRESS_BYTES: (u32, u32) = (512 << 10, 1 << 20);

/// Rate and burst of new connections of one address whose first bytes do not wait: 256 per second and 4,096. The burst
/// lets thousands of clients behind a load balancer reconnect after a restart; the rate limits a client that reconnects
/// repeatedly.
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

/// Maximum numbers of connections.
#[derive(Clone, Copy, Debug)]
struct Counts {
    all: u32,
    unauthenticated: u32,
    unauthenticated_per_address: u32,
}

#[derive(Debug, Default)]
struct State {
    /// Number of open connections, without those that are closing.
    open: u32,
    /// The newest rank.
    newest: u64,
    /// Unauthenticated connections by rank: the first was idle for longest.
    unauthenticated: BTreeMap<u64, Arc<ConnectionState>>,
    sources: HashMap<Address, Source>,
    /// Addresses with unauthenticated connections, by [`Source::crowd`]: the last one has most.
    crowds: BTreeSet<Crowd>,
    /// Open calls on all unauthenticated connections.
    unauthenticated_hold: Held,
    /// Open calls without a token of all callers, and of each caller that has any.
    callers_hold: Held,
    callers: HashMap<Arc<str>, Held>,
}

/// The number of unauthenticated connections of an address, the rank of the one that was idle for longest, and the
/// address. Of two addresses with equal numbers, the one with the lower rank is last.
type Crowd = (usize, Reverse<u64>, Address);

/// An address with unauthenticated connections. It is kept until its buckets are full again.
#[derive(Debug)]
struct Source {
    unauthenticated: BTreeSet<u64>,
    /// Their open calls.
    held: Held,
    bytes: Arc<Bucket>,
    newcomers: Bucket,
}

/// The maximum number of connections is open, and all are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} connections are open, the maximum, and all are authenticated")]
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
            unauthenticated: limits.unauthenticated_connections,
            unauthenticated_per_address: limits.unauthenticated_per_address,
        };
        #[expect(clippy::disallowed_methods, reason = "the buckets use the runtime's time")]
        let bytes = Bucket::full(SERVER_BYTES, Instant::now());
        Self(Arc::new(Inner { limits, deadlines, metrics, bytes, state: Mutex::default() }))
    }

    /// Admits an unauthenticated connection, and may evict another one for it.
    ///
    /// # Errors
    /// When all connections are authenticated.
    pub fn admit(&self, peer: IpAddr, stage: Stage, now: Instant) -> Result<Ticket, Full> {
        let Counts { all, unauthenticated, unauthenticated_per_address } = self.0.limits;
        let address = Address::of(peer);
        let mut evicted = Vec::new();
        let link = {
            let mut state = self.0.lock();
            let known = state.sources.get(&address).map(|source| &source.unauthenticated);
            let crowded = known.filter(|known| known.len() >= unauthenticated_per_address as usize);
            if let Some(rank) = crowded.and_then(|known| known.first().copied()) {
                evicted.extend(state.remove(rank));
            }
            if state.unauthenticated.len() >= unauthenticated as usize || state.open >= all {
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

    /// Evicts an unauthenticated connection: of the address with most, the one that was idle for longest. Returns
    /// whether there was one.
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

    /// Closes unauthenticated connections that have timed out, and removes addresses whose buckets are full.
    pub fn sweep(&self, now: Instant) {
        let deadlines = self.0.deadlines;
        let overdue: Vec<_> = {
            let mut state = self.0.lock();
            let overdue = state.unauthenticated.iter();
            let overdue: Vec<_> =
                overdue.filter_map(|(rank, link)| Some((*rank, link.overdue(deadlines, now)?))).collect();
            let removed = overdue.into_iter().filter_map(|(rank, end)| Some((state.remove(rank)?, end))).collect();
            state.sources.retain(|_, source| {
                !source.unauthenticated.is_empty() || !source.bytes.is_full(now) || !source.newcomers.is_full(now)
            });
            self.0.count(&state);
            removed
        };
        self.close(overdue.into_iter());
    }

    /// Closes connections. Call it without the lock: closing wakes the connection's task.
    fn close(&self, links: impl Iterator<Item = (Arc<ConnectionState>, ConnectionEnd)>) {
        for (link, end) in links {
            tracing::debug!(reason = end.name(), "closing an unauthenticated connection");
            self.0.metrics.connection_closed(end);
            link.close();
        }
    }

    /// A call was authenticated: the connection now counts for its caller.
    fn authenticated(&self, link: &ConnectionState, caller: &str) {
        let mut state = self.0.lock();
        if state.remove(link.rank()).is_some() {
            state.open += 1; // it stays open
            link.give_to(caller);
            state.count_for_caller(link);
        }
        self.0.count(&state);
    }

    /// Resets the idle time of an unauthenticated connection: others are evicted before it.
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
        if link.rank() == ConnectionState::AUTHENTICATED {
            state.open = state.open.saturating_sub(1);
        } else {
            state.remove(link.rank()); // does nothing if it was closing
        }
        self.0.count(&state);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State) {
        let unauthenticated = u32::try_from(state.unauthenticated.len()).unwrap_or(u32::MAX);
        self.metrics.connections(state.open.saturating_sub(unauthenticated), unauthenticated);
    }
}

impl State {
    fn rank(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// Adds an unauthenticated connection, whose address is in `sources`.
    fn insert(&mut self, rank: u64, link: Arc<ConnectionState>) {
        let held = link.held();
        self.open += 1;
        self.unauthenticated_hold.add(held);
        self.change_source(link.address(), |source| {
            source.unauthenticated.insert(rank);
            source.held.add(held);
        });
        self.unauthenticated.insert(rank, link);
    }

    /// Removes an unauthenticated connection, because it is closing or was authenticated.
    fn remove(&mut self, rank: u64) -> Option<Arc<ConnectionState>> {
        let link = self.unauthenticated.remove(&rank)?;
        let held = link.held();
        self.open = self.open.saturating_sub(1);
        self.unauthenticated_hold.subtract(held);
        self.change_source(link.address(), |source| {
            source.unauthenticated.remove(&rank);
            source.held.subtract(held);
        });
        Some(link)
    }

    /// Removes the connection to evict. It belongs to the address with most, so that a client with many connections
    /// makes room, and not clients with one.
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
        Self { unauthenticated: BTreeSet::new(), held: Held::default(), bytes, newcomers: Bucket::full(NEWCOMERS, now) }
    }

    fn crowd(&self, address: Address) -> Option<Crowd> {
        self.unauthenticated.first().map(|oldest| (self.unauthenticated.len(), Reverse(*oldest), address))
    }
}
