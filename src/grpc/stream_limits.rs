//! Limits the number of open streams: per connection, per caller and in total.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use http::Extensions;
use tonic::Request;

use super::{
    caller_key::{CallerKey, caller_key},
    connection_info::ConnectionInfo,
    error::{Failure, Scope},
    in_flight::Charge,
    limits::CallLimits,
};
use crate::{domain::Actor, identity::Principal};

/// Counts open streams, per connection, per caller and in total.
#[derive(Debug)]
pub struct Streams {
    open: Arc<AtomicU32>,
    callers: Callers,
    limit: u32,
    limit_per_connection: u32,
    limit_per_caller: u32,
}

impl Streams {
    /// Counts streams against the limits of calls.
    #[must_use]
    pub fn new(limits: &CallLimits) -> Self {
        Self {
            open: Arc::default(),
            callers: Callers::default(),
            limit: limits.streams,
            limit_per_connection: limits.streams_per_connection,
            limit_per_caller: limits.streams_per_caller,
        }
    }

    /// Admits another stream of a caller, until the permit is dropped.
    ///
    /// # Errors
    /// At a limit. The error names the nearest scope, which the caller can influence most.
    pub(super) fn open<T>(&self, request: &Request<T>, caller: &Principal) -> Result<StreamPermit, Failure> {
        self.open_on(request.extensions(), caller)
    }

    /// Admits another stream of a caller, on the connection of a request with these extensions, until the permit is
    /// dropped.
    ///
    /// # Errors
    /// At a limit. The error names the nearest scope, which the caller can influence most.
    pub fn open_on(&self, extensions: &Extensions, caller: &Principal) -> Result<StreamPermit, Failure> {
        let mut permit = StreamPermit { counts: Vec::with_capacity(2), caller: None };
        if let Some(connection) = extensions.get::<ConnectionInfo>() {
            permit.take(&connection.open_streams, Scope::Connection, self.limit_per_connection)?;
        }
        permit.caller = Some(self.callers.take(&caller.actor, self.limit_per_caller)?);
        permit.take(&self.open, Scope::Server, self.limit)?;
        if let Some(charge) = extensions.get::<Arc<Charge>>() {
            charge.waits();
        }
        Ok(permit)
    }
}

/// A permit for one stream.
#[derive(Debug, Default)]
pub struct StreamPermit {
    counts: Vec<Arc<AtomicU32>>,
    caller: Option<CallerPermit>,
}

impl StreamPermit {
    /// Counts the stream in another scope.
    ///
    /// # Errors
    /// At the limit.
    pub(super) fn take(&mut self, count: &Arc<AtomicU32>, scope: Scope, limit: u32) -> Result<(), Failure> {
        if count.fetch_add(1, Ordering::Relaxed) >= limit {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::TooManyStreams { scope, limit });
        }
        self.counts.push(Arc::clone(count));
        Ok(())
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Open streams per caller. Callers without one use no memory.
#[derive(Clone, Debug, Default)]
struct Callers(Arc<Mutex<HashMap<CallerKey, u32>>>);

impl Callers {
    fn take(&self, actor: &Actor, limit: u32) -> Result<CallerPermit, Failure> {
        let caller = caller_key(actor);
        let mut open = self.lock();
        let count = open.entry(Arc::clone(&caller)).or_default(); // a new entry is counted: limits are at least 1
        if *count >= limit {
            return Err(Failure::TooManyStreams { scope: Scope::Caller, limit });
        }
        *count += 1;
        drop(open);
        Ok(CallerPermit { callers: self.clone(), caller })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallerKey, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one stream of a caller.
#[derive(Debug)]
struct CallerPermit {
    callers: Callers,
    caller: CallerKey,
}

impl Drop for CallerPermit {
    fn drop(&mut self) {
        let mut open = self.callers.lock();
        if let Entry::Occupied(mut count) = open.entry(Arc::clone(&self.caller)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{ActorKind, Time},
        identity::AuthenticationMethod,
    };

    fn principal(kind: ActorKind, issuer: &str, subject: &str) -> Principal {
        let actor = Actor { kind, issuer: issuer.into(), subject: subject.into() };
        Principal::new(actor, AuthenticationMethod::Oidc, Time::UNIX_EPOCH)
    }

    fn streams(streams: u32, streams_per_connection: u32, streams_per_caller: u32) -> Streams {
        Streams::new(&CallLimits { streams, streams_per_connection, streams_per_caller, ..CallLimits::default() })
    }

    /// A call on its own connection.
    fn call() -> Request<()> {
        let mut call = Request::new(());
        call.extensions_mut().insert(ConnectionInfo::default());
        call
    }

    fn refused(result: Result<StreamPermit, Failure>) -> Option<(Scope, u32)> {
        match result {
            Err(Failure::TooManyStreams { scope, limit }) => Some((scope, limit)),
            other => other.map(|_| None).unwrap(),
        }
    }

    #[test]
    fn a_caller_has_room_of_its_own_over_all_connections() {
        let streams = streams(100, 100, 2);
        let ann = principal(ActorKind::Person, "idp", "ann");
        let first = streams.open(&call(), &ann).unwrap();
        // The same caller, although another credential calls it a service.
        let _second = streams.open(&call(), &principal(ActorKind::Service, "idp", "ann")).unwrap();
        assert_eq!(refused(streams.open(&call(), &ann)), Some((Scope::Caller, 2)));
        let others = [("idp", "bob"), ("other", "ann"), ("id", "pann"), ("idpann", "")];
        let others = others.map(|(issuer, subject)| principal(ActorKind::Person, issuer, subject));
        let _others = others.each_ref().map(|other| streams.open(&call(), other).unwrap());
        drop(first);
        let _third = streams.open(&call(), &ann).unwrap();
        assert_eq!(refused(streams.open(&call(), &ann)), Some((Scope::Caller, 2)));
    }

    #[test]
    fn a_refusal_takes_no_room_anywhere() {
        let (streams, connection) = (streams(2, 1, 1), call());
        let (ann, bob) = (principal(ActorKind::Person, "idp", "ann"), principal(ActorKind::Person, "idp", "bob"));
        let one = streams.open(&connection, &ann).unwrap();
        assert_eq!(refused(streams.open(&connection, &bob)), Some((Scope::Connection, 1)));
        let other = call();
        assert_eq!(refused(streams.open(&other, &ann)), Some((Scope::Caller, 1)));
        let two = streams.open(&other, &bob).unwrap();
        let (eve, third) = (principal(ActorKind::Person, "idp", "eve"), call());
        assert_eq!(refused(streams.open(&third, &eve)), Some((Scope::Server, 2)));
        drop((one, two));
        let _again = [(&connection, &ann), (&third, &eve)].map(|(call, who)| streams.open(call, who).unwrap());
    }

    #[test]
    fn nobody_is_remembered_who_has_no_stream() {
        let streams = streams(2, 10, 10);
        let nth = |n: usize| principal(ActorKind::Agent, "idp", &n.to_string());
        let open = [0, 0].map(|n| streams.open(&call(), &nth(n)).unwrap());
        for n in 1..100 {
            assert!(refused(streams.open(&call(), &nth(n))).is_some()); // the server is full
        }
        assert_eq!(streams.callers.lock().len(), 1);
        drop(open);
        assert!(streams.callers.lock().is_empty());
    }
}
