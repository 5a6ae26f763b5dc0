//! Limits the memory of authenticated callers: bytes of requests and replies in flight.
//!
//! A client that does not read leaves its replies in the queues of the HTTP/2 library, which have no other limit. So
//! every call counts here, from its head until the transport has taken its last byte: for its connection, its caller
//! and the server. A unary call is rejected when there is no room: at its head, and again when the size of its reply is
//! known. It does not wait, because a waiting call would itself use memory, and clients retry by its RetryInfo. A
//! streaming call waits instead: its next message is produced only when there is room. It loses nothing, because
//! streams read from the store.
//!
//! Callers cannot lock each other out: a caller with little in flight always gets some more. And streams leave a
//! quarter of each limit to unary calls, so that a caller that does not read its streams can still decide, cancel and
//! request.

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

/// Minimum size to count for a unary call until its reply is taken, in bytes.
const CALL: usize = 16 << 10;
/// Minimum size to count for a call that is limited as a stream, in bytes.
const STREAM: usize = 2 << 10;
/// Size to reserve for a call with a possibly large reply: a page of a list, or a policy.
const PAGE: usize = 1 << 20;
/// Bytes that a caller may always have in flight, whatever others use.
const FLOOR: usize = 1 << 20;
/// Maximum bytes of one stream in flight while there is much room. A message that begins below it is sent completely.
const AHEAD: usize = 64 << 10;

/// Counts bytes in flight, per connection, per caller and in total.
#[derive(Debug)]
pub(super) struct InFlightQuota {
    server: Scope,
    /// Callers with a call in flight. Other callers use no memory.
    callers: Mutex<HashMap<CallerKey, Known>>,
    tickets: AtomicU64,
    limit: usize,
    limit_per_connection: usize,
    limit_per_caller: usize,
}

#[derive(Debug)]
struct Known {
    scope: Arc<CallerScope>,
    /// Number of calls in flight.
    quota: usize,
}

#[derive(Debug)]
struct CallerScope {
    name: CallerKey,
    scope: Scope,
    /// Of these, bytes that the transport has and has not sent.
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

    /// Admits a call, and reserves the size that its head implies. `connection` counts the bytes of its connection.
    /// `None`: counts them for this call alone.
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
            // The size of the reply is known only after the change is recorded. So reject the call now, while nothing
            // is recorded.
            charge.flight.check(PAGE)?;
        }
        charge.grow(reservation(method))?;
        Ok(charge)
    }

    /// Counts another call of a caller.
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

/// The size to reserve before the message arrives. Calls that are limited as streams count as unary until then.
const fn reservation(method: Method) -> usize {
    match method {
        Method::ListPending
        | Method::ListApprovals
        | Method::GetPolicy
        | Method::ListPolicyVersions
        | Method::TestPolicy
        | Method::ListTokens
        | Method::ListFreezes
        | Method::GetStatus
        | Method::ListSessions
        | Method::ListBlockedSubjects
        | Method::ListChannels
        | Method::ListDeliveries => PAGE,
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
        | Method::Thaw
        | Method::EndSessions
        | Method::BlockSubject
        | Method::UnblockSubject
        | Method::RetryDelivery
        | Method::TestChannel
        | Method::Backup => CALL,
    }
}

/// Whether a call records a change before its reply is built.
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
            | Method::EndSessions
            | Method::BlockSubject
            | Method::UnblockSubject
            | Method::RetryDelivery
            | Method::TestChannel
    )
}

/// A call in flight, and where its bytes are counted.
#[derive(Debug)]
struct Flight {
    connection: Arc<Scope>,
    caller: Arc<CallerScope>,
    quota: Arc<InFlightQuota>,
    /// Bytes of its reply that the transport has not taken.
    ahead: AtomicUsize,
    /// Wakes the reply when the transport has taken some.
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

    /// Counts bytes if there is room. The error names the nearest scope, as for streams.
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

    /// Whether there is room for these bytes now. Counts nothing.
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

    /// Whether few enough bytes of this reply wait for the transport. If the caller has little room, none may.
    fn is_taken(&self) -> bool {
        let tight = self.caller.scope.used() > self.quota.limit_per_caller / 2;
        let ahead = self.ahead.load(Ordering::SeqCst);
        if tight { ahead == 0 } else { ahead < AHEAD }
    }

    /// Whether a scope has room for more bytes of streams.
    fn is_open((scope, _, limit): &(&Scope, Where, usize)) -> bool {
        scope.used() < limit / 4 * 3
    }

    /// Waits until the reply may put one more message into memory.
    fn poll_room(&self, cx: &mut Context<'_>, ticket: &mut Option<u64>) -> Poll<()> {
        if !self.is_taken() {
            self.taken.register(cx.waker());
            if !self.is_taken() {
                self.leave(ticket);
                return Poll::Pending;
            }
        }
        let scopes = self.scopes();
        // A caller whose replies are all sent gets one more, even if others use all room.
        let idle = || self.caller.replies.used() == 0;
        if !idle() && !scopes.iter().all(Self::is_open) {
            let place = *ticket.get_or_insert_with(|| self.quota.tickets.fetch_add(1, Ordering::Relaxed));
            self.caller.replies.idle().join(place, cx.waker());
            for scope in &scopes {
                if Self::is_open(scope) {
                    // Passes room that this reply cannot use to another.
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

    /// Leaves the queues.
    fn leave(&self, ticket: &mut Option<u64>) {
        if let Some(place) = ticket.take() {
            self.caller.replies.idle().leave(place);
            self.scopes().iter().for_each(|(scope, ..)| scope.room().leave(place));
            self.pass_on();
        }
    }

    /// Wakes the next waiters if there still is room: the woken one may have needed none.
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

    /// Call this when the message has arrived: from now on the call is limited as a stream.
    pub(super) fn waits(&self) {
        self.bytes.fetch_sub(CALL - STREAM, Ordering::Relaxed);
        self.flight.give_back(CALL - STREAM);
    }

    /// Counts the whole reply of a unary call, instead of the bytes counted until now.
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

    /// Corrects the count to the actual number of bytes.
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
