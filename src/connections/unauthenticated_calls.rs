//! Places for calls that need no token, which anybody can make and leave unread.
//!
//! A stranger's calls are counted on its connection, for its address, and for all strangers. When all places are taken,
//! another stranger's connection makes room: of the address that holds most, the connection that holds most, and of
//! equals the one that was of no use for the longest. So whoever holds few keeps them, and a newcomer always gets one.
//!
//! Calls on a connection on which somebody was authenticated are counted for that caller, and apart from those of
//! strangers: neither can take the places of the other.

use std::{cmp::Reverse, sync::Arc};

use super::{ConnectionState, Connections, State};
use crate::telemetry::ConnectionEnd;

/// A kind of call that needs no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnauthenticatedCall {
    /// It is answered at once: a health check.
    Check,
    /// It is answered at once, at length: metrics.
    Metrics,
    /// A stream that stays open: a health watch.
    Watch,
    /// A stream of questions with large answers.
    Reflection,
}

/// How many calls of a kind may be open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// On one connection.
    pub(super) connection: u32,
    /// On all connections of strangers.
    pub(super) strangers: u32,
    /// On all connections of one caller.
    pub(super) caller: u32,
    /// On all connections of callers.
    pub(super) callers: u32,
}

impl UnauthenticatedCall {
    const KINDS: usize = 4;

    const fn index(self) -> usize {
        match self {
            Self::Check => 0,
            Self::Metrics => 1,
            Self::Watch => 2,
            Self::Reflection => 3,
        }
    }

    pub(super) const fn room(self) -> Room {
        match self {
            // Some 10 KiB until the answer is sent; honest clients have one at a time.
            Self::Check => Room { connection: 64, strangers: 1_024, caller: 512, callers: 4_096 },
            // 50 to 90 KB until the answer is sent; a scraper has one.
            Self::Metrics => Room { connection: 4, strangers: 32, caller: 16, callers: 64 },
            // Some 10 KiB for as long as it lasts; a client library has one for each service that it watches.
            Self::Watch => Room { connection: 16, strangers: 1_024, caller: 1_024, callers: 8_192 },
            // Up to three answers of some 60 KiB; a tool has one.
            Self::Reflection => Room { connection: 8, strangers: 64, caller: 16, callers: 128 },
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

/// Why there is no place for a call, with the number that there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NoPlace {
    #[error("{0} such calls are open on the connection")]
    OnConnection(u32),
    #[error("{0} such calls of the caller are open")]
    ForCaller(u32),
    #[error("{0} such calls are open")]
    OnServer(u32),
}

/// A call's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    link: Arc<ConnectionState>,
    kind: UnauthenticatedCall,
}

impl Place {
    /// The connection that the call came on.
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

/// Whose calls those on a connection are.
enum Standing {
    Stranger,
    Caller(Arc<str>),
    /// Nobody's: it was told to close, and its calls count no more.
    Gone,
}

impl Connections {
    /// Gives a call a place, for which another stranger's connection may be closed.
    ///
    /// # Errors
    /// [`NoPlace`] when as many are open as may be.
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
    /// Counts a call. Returns the connection that made room for it.
    fn take(
        &mut self,
        link: &ConnectionState,
        kind: UnauthenticatedCall,
    ) -> Result<Option<Arc<ConnectionState>>, NoPlace> {
        let Room { connection, strangers, caller, callers } = kind.room();
        if link.held().of(kind) >= connection {
            return Err(NoPlace::OnConnection(connection));
        }
        let mut evicted = None;
        match self.standing(link) {
            Standing::Stranger => {
                if self.strangers_hold.of(kind) >= strangers {
                    let rank = self.holder(kind, link).ok_or(NoPlace::OnServer(strangers))?;
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
            Standing::Gone => return Err(NoPlace::OnServer(strangers)),
        }
        self.change(link, kind, |count| count + 1);
        Ok(evicted)
    }

    fn give_back(&mut self, link: &ConnectionState, kind: UnauthenticatedCall) {
        self.change(link, kind, |count| count.saturating_sub(1));
    }

    /// Changes a count wherever it is kept.
    fn change(&mut self, link: &ConnectionState, kind: UnauthenticatedCall, change: impl Fn(u32) -> u32) {
        link.change_held(|held| held.change(kind, &change));
        match self.standing(link) {
            Standing::Stranger => {
                self.strangers_hold.change(kind, &change);
                if let Some(source) = self.sources.get_mut(&link.address()) {
                    source.held.change(kind, &change);
                }
            }
            Standing::Caller(name) => {
                self.callers_hold.change(kind, &change);
                let held = self.callers.entry(Arc::clone(&name)).or_default();
                held.change(kind, &change);
                if *held == Held::default() {
                    self.callers.remove(&name); // whoever has none takes no memory
                }
            }
            Standing::Gone => {}
        }
    }

    /// What a connection holds counts for a caller from now on.
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
            (ConnectionState::SOMEBODYS, Some(name)) => Standing::Caller(Arc::clone(name)),
            (rank, _) if self.strangers.contains_key(&rank) => Standing::Stranger,
            _ => Standing::Gone,
        }
    }

    /// The stranger, other than `but`, that makes room for a call.
    fn holder(&self, kind: UnauthenticatedCall, but: &ConnectionState) -> Option<u64> {
        let holders = self.strangers.iter().filter(|(rank, link)| **rank != but.rank() && link.held().of(kind) > 0);
        let chosen = holders.max_by_key(|(rank, link)| {
            let of_address = self.sources.get(&link.address()).map_or(0, |source| source.held.of(kind));
            (of_address, link.held().of(kind), Reverse(**rank))
        });
        chosen.map(|(rank, _)| *rank)
    }
}
