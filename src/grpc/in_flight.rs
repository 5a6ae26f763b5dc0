//! What authenticated callers hold: bytes of their requests and replies that are in memory.
//!
//! A client that does not read leaves its replies in the server: in the HTTP/2 library's queues, where nothing else
//! bounds them. So every call counts here, from its head until the transport has taken its last byte, for its
//! connection, its caller and the server. A unary call is refused when there is no room for it: at its head, and again
//! when the size of its reply is known. It does not wait, as a waiting call would itself be held, and clients repeat by
//! its RetryInfo. A streaming call waits instead: it is asked for its next message only when there is room, so it loses
//! nothing, since streams read from the store.
//!
//! Nobody is kept out by others: a caller that has little in flight may always have something more. And streams leave a
//! quarter of each limit to unary calls, so that whoever does not read its streams can still decide, cancel and ask.

mod buffered_reply;
mod incoming;
mod outgoing;
mod scope;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use super::{
    caller_key::{CallerKey, caller_key},
    error::{Failure, Scope as Where},
    limits::CallLimits,
};
use crate::{domain::Actor, identity::Method};

pub(super) use buffered_reply::whole;
pub(super) use incoming::Incoming;
pub(super) use outgoing::Carried;
pub use outgoing::{Outgoing, metered};
pub use scope::Scope;

/// What a unary call counts for at least, in bytes, until its reply is taken.
const CALL: usize = 16 << 10;
/// What a call counts for at least that is limited as a stream.
const STREAM: usize = 2 << 10;
/// What a call reserves whose reply may be large: a page of a list, or a policy.
const PAGE: usize = 1 << 20;
/// What a caller may have in flight whatever others have.
const FLOOR: usize = 1 << 20;
/// Bytes of one stream that may be in flight while there is much room, in bytes; a message begun below it is sent
/// whole.
const AHEAD: usize = 64 << 10;

/// Counts bytes in flight: per connection, per caller, and in all.
#[derive(Debug)]
pub(super) struct InFlightQuota {
    server: Scope,
    /// Everybody who has a call in flight: whoever has none takes no memory.
    callers: Mutex<HashMap<CallerKey, Known>>,
    tickets: AtomicU64,
    limit: usize,
    limit_per_connection: usize,
    limit_per_caller: usize,
}

#[derive(Debug)]
struct Known {
    scope: Arc<CallerScope>,
    /// Calls that are in flight.
    quota: usize,
}

#[derive(Debug)]
struct CallerScope {
    name: CallerKey,
    scope: Scope,
    /// Of these, what the transport has and has not sent.
    replies: Scope,
}

impl InFlightQuota {
    pub(super) fn new(limits: &CallLimits) -> Arc<Self> {
        Arc::new(Self {
            server: Scope::default(),
            callers: Mutex::default(),
            tickets: AtomicU64::new(0),
            limit: limits.in_flight_bytes,
            limit_per_connection: limits.in_flight_bytes_per_connection,
            limit_per_caller: limits.in_flight_bytes_per_caller,
        })
    }

    /// Admits a call, which reserves what is known of it from its head. `connection` counts the bytes of the connection
    /// that it came on; `None` counts them for this call alone.
    ///
    /// # Errors
    /// [`Failure::TooManyCalls`] when there is no room.
    pub(super) fn open(
        self: &Arc<Self>,
        connection: Option<&Arc<Scope>>,
        actor: &Actor,
        method: Method,
    ) -> Result<Arc<Charge>, Failure> {
        let caller = self.take_off(caller_key(actor));
        let flight = Arc::new(Flight {
            connection: connection.map(Arc::clone).unwrap_or_default(),
            caller,
            quota: Arc::clone(self),
            ahead: AtomicUsize::new(0),
            taken: AtomicWaker::new(),
        });
        let charge = Arc::new(Charge { flight, bytes: AtomicUsize::new(0) });
        if changes(method) {
            // The size of the reply is known only after the change is recorded. Refuse the call while nothing was done.
            charge.flight.check(PAGE)?;
        }
        charge.grow(reservation(method))?;
        Ok(charge)
    }

    /// Counts one more call of a caller.
    fn take_off(&self, name: CallerKey) -> Arc<CallerScope> {
        let mut callers = self.callers();
        if let Some(known) = callers.get_mut(&name) {
            known.quota += 1;
            return Arc::clone(&known.scope);
        }
        let (scope, replies) = (Scope::default(), Scope::default());
        let scope = Arc::new(CallerScope { name: Arc::clone(&name), scope, replies });
        callers.insert(name, Known { scope: Arc::clone(&scope), quota: 1 });
        scope
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<CallerKey, Known>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call reserves before its message is there; those that are limited as streams are none until then.
const fn reservation(method: Method) -> usize {
    match method {
        Method::ListPending
        | Method::ListApprovals
        | Method::GetPolicy
        | Method::ListPolicyVersions
        | Method::TestPolicy
        | Method::ListTokens
        | Method::ListFreezes
        | Method::GetStatus => PAGE,
        Method::RequestApproval
        | Method::WatchApproval
        | Method::WatchPending
        | Method::WaitApproval
        | Method::GetApproval
        | Method::Decide
        | Method::CancelApproval
        | Method::RevokeApproval
        | Method::ClaimExecution
        | Method::ReportExecution
        | Method::SetPolicy
        | Method::CreateToken
        | Method::RevokeToken
        | Method::GetCaller
        | Method::Freeze
        | Method::Thaw => CALL,
    }
}

/// Whether a call records something before its reply is made.
const fn changes(method: Method) -> bool {
    matches!(
        method,
        Method::Decide
            | Method::CancelApproval
            | Method::RevokeApproval
            | Method::ClaimExecution
            | Method::ReportExecution
            | Method::SetPolicy
            | Method::CreateToken
            | Method::RevokeToken
            | Method::Freeze
            | Method::Thaw
    )
}

/// One call, and where its bytes are counted.
#[derive(Debug)]
struct Flight {
    connection: Arc<Scope>,
    caller: Arc<CallerScope>,
    quota: Arc<InFlightQuota>,
    /// Bytes of its reply that the transport has not taken.
    ahead: AtomicUsize,
    /// Wakes the reply when some were taken.
    taken: AtomicWaker,
}

impl Flight {
    fn scopes(&self) -> [(&Scope, Where, usize); 3] {
        let InFlightQuota { server, limit, limit_per_connection, limit_per_caller, .. } = &*self.quota;
        [
            (&self.caller.scope, Where::Caller, *limit_per_caller),
            (&self.connection, Where::Connection, *limit_per_connection),
            (server, Where::Server, *limit),
        ]
    }

    /// Counts bytes where there is room for them: the nearest scope is told of first, as with streams.
    fn reserve(&self, bytes: usize) -> Result<(), Failure> {
        let scopes = self.scopes();
        let mut modest = false;
        for (index, (scope, place, limit)) in scopes.iter().enumerate() {
            let before = scope.add(bytes);
            modest |= index == 0 && before < FLOOR;
            let fits = before + bytes <= *limit || if index == 0 { before == 0 } else { modest };
            if !fits {
                scopes[..=index].iter().for_each(|(scope, ..)| scope.give_back(bytes));
                return Err(Failure::TooManyCalls { scope: *place, limit: *limit });
            }
        }
        Ok(())
    }

    /// Whether there is room for bytes now, of which none are counted.
    fn check(&self, bytes: usize) -> Result<(), Failure> {
        if self.caller.scope.used() < FLOOR {
            return Ok(());
        }
        let full = self.scopes().into_iter().find(|(scope, _, limit)| scope.used() + bytes > *limit);
        full.map_or(Ok(()), |(_, scope, limit)| Err(Failure::TooManyCalls { scope, limit }))
    }

    fn add(&self, bytes: usize) {
        for (scope, ..) in self.scopes() {
            scope.add(bytes);
        }
    }

    fn give_back(&self, bytes: usize) {
        self.scopes().iter().for_each(|(scope, ..)| scope.give_back(bytes));
    }

    /// Whether this reply itself has little enough ahead. The less room its caller has, the less there may be.
    fn is_taken(&self) -> bool {
        let tight = self.caller.scope.used() > self.quota.limit_per_caller / 2;
        let ahead = self.ahead.load(Ordering::SeqCst);
        if tight { ahead == 0 } else { ahead < AHEAD }
    }

    /// Whether a scope has room for more of streams.
    fn is_open((scope, _, limit): &(&Scope, Where, usize)) -> bool {
        scope.used() < limit / 4 * 3
    }

    /// Waits until the reply may have one more message in memory.
    fn poll_room(&self, cx: &mut Context<'_>, ticket: &mut Option<u64>) -> Poll<()> {
        if !self.is_taken() {
            self.taken.register(cx.waker());
            if !self.is_taken() {
                self.leave(ticket);
                return Poll::Pending;
            }
        }
        let scopes = self.scopes();
        // Whose replies are all sent has one more, even where others leave no room.
        let idle = || self.caller.replies.used() == 0;
        if !idle() && !scopes.iter().all(Self::is_open) {
            let place = *ticket.get_or_insert_with(|| self.quota.tickets.fetch_add(1, Ordering::Relaxed));
            self.caller.replies.idle().join(place, cx.waker());
            for scope in &scopes {
                if Self::is_open(scope) {
                    // Room that this one cannot use is somebody else's.
                    scope.0.room().leave(place);
                    scope.0.room().wake_one();
                } else {
                    scope.0.room().join(place, cx.waker());
                }
            }
            if !idle() && !scopes.iter().all(Self::is_open) {
                return Poll::Pending;
            }
        }
        self.leave(ticket);
        Poll::Ready(())
    }

    /// Gives up its place among those who wait.
    fn leave(&self, ticket: &mut Option<u64>) {
        if let Some(place) = ticket.take() {
            self.caller.replies.idle().leave(place);
            self.scopes().iter().for_each(|(scope, ..)| scope.room().leave(place));
            self.pass_on();
        }
    }

    /// Wakes the next ones where there still is room: whoever was woken may have needed none of it.
    fn pass_on(&self) {
        self.scopes().iter().filter(|scope| Self::is_open(scope)).for_each(|(scope, ..)| scope.room().wake_one());
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut callers = self.quota.callers();
        if let Entry::Occupied(mut known) = callers.entry(Arc::clone(&self.caller.name)) {
            known.get_mut().quota -= 1;
            if known.get().quota == 0 {
                known.remove();
            }
        }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    flight: Arc<Flight>,
    bytes: AtomicUsize,
}

impl Charge {
    /// Counts more bytes.
    ///
    /// # Errors
    /// [`Failure::TooManyCalls`] when there is no room for them.
    pub(super) fn grow(&self, bytes: usize) -> Result<(), Failure> {
        self.flight.reserve(bytes)?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The call's message is there, and the call is limited as a stream from now on.
    pub(super) fn waits(&self) {
        self.bytes.fetch_sub(CALL - STREAM, Ordering::Relaxed);
        self.flight.give_back(CALL - STREAM);
    }

    /// Counts a unary call's whole reply, in the place of what the call has counted for until now.
    ///
    /// # Errors
    /// [`Failure::TooManyCalls`] when there is no room for it.
    pub(super) fn reply(&self, bytes: usize) -> Result<(), Failure> {
        let (before, bytes) = (self.bytes.load(Ordering::Relaxed), bytes.max(CALL));
        match bytes.checked_sub(before) {
            Some(more) => self.grow(more),
            None => {
                self.settle(bytes);
                Ok(())
            }
        }
    }

    /// Counts as many bytes as there turned out to be.
    fn settle(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        match bytes.checked_sub(before) {
            Some(more) => self.flight.add(more),
            None => self.flight.give_back(before - bytes),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.flight.give_back(*self.bytes.get_mut());
    }
}
