//! Places for calls that need no token. Every client can make such calls, and leave the responses unread.
//!
//! Calls on unauthenticated connections are counted per connection, per address, and in total. When all places are
//! taken, another unauthenticated connection is evicted: of the address with most calls, the connection with most
//! calls, and among equals the one that was idle for longest. Clients with few calls keep them, and a new client always
//! gets a place.
//!
//! Calls on authenticated connections are counted for the caller, separately: neither group can take the places of the
//! other.

use std::{cmp::Reverse, sync::Arc};

use super::{ConnectionState, Connections, State};
use crate::telemetry::ConnectionEnd;

/// A kind of call that needs no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnauthenticatedCall {
    /// A health check, with an immediate response.
    Check,
    /// A scrape of metrics, with an immediate, large response.
    Metrics,
    /// A health watch: a stream that stays open.
    Watch,
    /// A reflection stream: requests with large responses.
    Reflection,
    /// A page for people, its styles or scripts.
    Page,
}

/// Maximum numbers of open calls of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Per connection.
    pub(super) connection: u32,
    /// On all unauthenticated connections.
    pub(super) unauthenticated: u32,
    /// Per authenticated caller.
    pub(super) caller: u32,
    /// Of all authenticated callers.
    pub(super) callers: u32,
}

impl UnauthenticatedCall {
    const KINDS: usize = 5;

    const fn index(self) -> usize {
        match self {
            Self::Check => 0,
            Self::Metrics => 1,
            Self::Watch => 2,
            Self::Reflection => 3,
            Self::Page => 4,
        }
    }

    pub(super) const fn room(self) -> Room {
        match self {
            // About 10 KiB until the response is sent; normal clients have one at a time.
            Self::Check => Room { connection: 64, unauthenticated: 1_024, caller: 512, callers: 4_096 },
            // 50 to 90 KB until the response is sent; a scraper has one.
            Self::Metrics => Room { connection: 4, unauthenticated: 32, caller: 16, callers: 64 },
            // About 10 KiB while it is open; a client library has one for each service that it watches.
            Self::Watch => Room { connection: 16, unauthenticated: 1_024, caller: 1_024, callers: 8_192 },
            // Up to three responses of about 60 KiB; a tool has one.
            Self::Reflection => Room { connection: 8, unauthenticated: 64, caller: 16, callers: 128 },
            // Up to 60 KiB until the response is sent; a browser asks for a page's parts at once.
            Self::Page => Room { connection: 16, unauthenticated: 256, caller: 64, callers: 1_024 },
        }
    }
}

/// Open calls of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held([u32; UnauthenticatedCall::KINDS]);

impl Held {
    pub(super) const fn of(&self, kind: UnauthenticatedCall) -> u32 {
        self.0[kind.index()]
    }

    pub(super) fn change(&mut self, kind: UnauthenticatedCall, change: impl FnOnce(u32) -> u32) {
        let count = &mut self.0[kind.index()];
        *count = change(*count);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, fewer)| *count = count.saturating_sub(fewer));
    }
}

/// Why there is no place for a call, with the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NoPlace {
    #[error("{0} calls of this kind are open on the connection, the maximum")]
    OnConnection(u32),
    #[error("{0} calls of this kind are open for this caller, the maximum")]
    ForCaller(u32),
    #[error("{0} calls of this kind are open on the server, the maximum")]
    OnServer(u32),
}

/// The place of a call. Dropping it frees the place.
#[derive(Debug)]
pub struct Place {
    link: Arc<ConnectionState>,
    kind: UnauthenticatedCall,
}

impl Place {
    /// The connection of the call.
    #[must_use]
    pub const fn link(&self) -> &Arc<ConnectionState> {
        &self.link
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.link.registry().0.lock().give_back(&self.link, self.kind);
    }
}

/// The group for which the calls on a connection are counted.
enum Standing {
    Unauthenticated,
    Caller(Arc<str>),
    /// None: the connection is closing.
    Gone,
}

impl Connections {
    /// Takes a place for a call, and may evict another unauthenticated connection for it.
    ///
    /// # Errors
    /// [`NoPlace`] when the maximum is reached.
    pub fn place(&self, link: &Arc<ConnectionState>, kind: UnauthenticatedCall) -> Result<Place, NoPlace> {
        let taken = {
            let mut state = self.0.lock();
            let taken = state.take(link, kind);
            self.0.count(&state);
            taken
        };
        let evicted = taken?;
        self.close(evicted.into_iter().map(|link| (link, ConnectionEnd::Evicted)));
        Ok(Place { link: Arc::clone(link), kind })
    }
}

impl State {
    /// Counts a call. Returns the connection that was evicted for it, if any.
    fn take(
        &mut self,
        link: &ConnectionState,
        kind: UnauthenticatedCall,
    ) -> Result<Option<Arc<ConnectionState>>, NoPlace> {
        let Room { connection, unauthenticated, caller, callers } = kind.room();
        if link.held().of(kind) >= connection {
            return Err(NoPlace::OnConnection(connection));
        }
        let mut evicted = None;
        match self.standing(link) {
            Standing::Unauthenticated => {
                if self.unauthenticated_hold.of(kind) >= unauthenticated {
                    let rank = self.holder(kind, link).ok_or(NoPlace::OnServer(unauthenticated))?;
                    evicted = self.remove(rank);
                }
            }
            Standing::Caller(name) => {
                if self.callers.get(&name).is_some_and(|held| held.of(kind) >= caller) {
                    return Err(NoPlace::ForCaller(caller));
                }
                if self.callers_hold.of(kind) >= callers {
                    return Err(NoPlace::OnServer(callers));
                }
            }
            Standing::Gone => return Err(NoPlace::OnServer(unauthenticated)),
        }
        self.change(link, kind, |count| count + 1);
        Ok(evicted)
    }

    fn give_back(&mut self, link: &ConnectionState, kind: UnauthenticatedCall) {
        self.change(link, kind, |count| count.saturating_sub(1));
    }

    /// Changes all counts of a call.
    fn change(&mut self, link: &ConnectionState, kind: UnauthenticatedCall, change: impl Fn(u32) -> u32) {
        link.change_held(|held| held.change(kind, &change));
        match self.standing(link) {
            Standing::Unauthenticated => {
                self.unauthenticated_hold.change(kind, &change);
                if let Some(source) = self.sources.get_mut(&link.address()) {
                    source.held.change(kind, &change);
                }
            }
            Standing::Caller(name) => {
                self.callers_hold.change(kind, &change);
                let held = self.callers.entry(Arc::clone(&name)).or_default();
                held.change(kind, &change);
                if *held == Held::default() {
                    self.callers.remove(&name); // a caller without calls takes no memory
                }
            }
            Standing::Gone => {}
        }
    }

    /// Counts the open calls of a newly authenticated connection for its caller.
    pub(super) fn count_for_caller(&mut self, link: &ConnectionState) {
        let held = link.held();
        if let Standing::Caller(name) = self.standing(link)
            && held != Held::default()
        {
            self.callers_hold.add(held);
            self.callers.entry(name).or_default().add(held);
        }
    }

    fn standing(&self, link: &ConnectionState) -> Standing {
        match (link.rank(), link.caller()) {
            (ConnectionState::AUTHENTICATED, Some(name)) => Standing::Caller(Arc::clone(name)),
            (rank, _) if self.unauthenticated.contains_key(&rank) => Standing::Unauthenticated,
            _ => Standing::Gone,
        }
    }

    /// The unauthenticated connection, other than `but`, to evict for a call.
    fn holder(&self, kind: UnauthenticatedCall, but: &ConnectionState) -> Option<u64> {
        let holders =
            self.unauthenticated.iter().filter(|(rank, link)| **rank != but.rank() && link.held().of(kind) > 0);
        let chosen = holders.max_by_key(|(rank, link)| {
            let of_address = self.sources.get(&link.address()).map_or(0, |source| source.held.of(kind));
            (of_address, link.held().of(kind), Reverse(**rank))
        });
        chosen.map(|(rank, _)| *rank)
    }
}
