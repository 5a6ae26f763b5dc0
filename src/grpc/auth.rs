//! Admission of calls: authenticates the caller, and limits its rate.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::poll;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use super::{
    bearer::bearer,
    caller_key::{CallerKey, caller_key},
    connection_info::ConnectionInfo,
    error::Failure,
    limits::CallLimits,
    request_body::punctual,
};
use crate::{
    clock::{Clock, WallClock},
    identity::{Authenticator, Credentials, Principal, Unrecognised},
    telemetry::{Metrics, is_grpc},
};

/// Delay of the response to a call without valid credentials. It slows down guessing, and clients that keep retrying
/// with an expired token.
const FAILURE_PAUSE: Duration = Duration::from_millis(250);
/// Maximum number of delayed responses. Further ones are sent immediately, so that a flood of invalid calls uses no
/// memory.
const PAUSES: usize = 1_024;
/// Maximum number of calls that wait for the check of their credentials, such as for the keys of a provider. They use
/// about 40 MiB.
const JUDGED: usize = 4_096;
/// Number of calls after which idle callers are removed from the rate limiter.
const TIDY: u32 = 65_536;

type Rates = RateLimiter<CallerKey, HashMapStateStore<CallerKey>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Admits authenticated callers, within their rate limit.
pub struct Admission {
    authenticator: Arc<dyn Authenticator>,
    clock: Arc<dyn WallClock>,
    /// The clock for message timeouts.
    timer: Arc<dyn Clock>,
    metrics: Metrics,
    rates: Rates,
    calls_per_second: u32,
    admitted: AtomicU32,
    pauses: Semaphore,
    judged: Semaphore,
    message_timeout: Duration,
}

impl Admission {
    /// Limits each caller to `calls_per_second`, and as many at the same time. Each message must arrive in time.
    #[must_use]
    pub fn new(
        authenticator: Arc<dyn Authenticator>,
        (clock, timer): (Arc<dyn WallClock>, Arc<dyn Clock>),
        limits: &CallLimits,
        metrics: Metrics,
    ) -> Arc<Self> {
        let calls_per_second = limits.calls_per_second;
        let quota = Quota::per_second(NonZeroU32::new(calls_per_second).unwrap_or(NonZeroU32::MIN));
        Arc::new(Self {
            authenticator,
            clock,
            timer,
            metrics,
            rates: RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock),
            calls_per_second,
            admitted: AtomicU32::new(0),
            pauses: Semaphore::new(PAUSES),
            judged: Semaphore::new(JUDGED),
            message_timeout: limits.message_timeout,
        })
    }

    /// Guards a service whose calls have one message.
    pub fn guard<S>(self: &Arc<Self>, inner: S) -> Guarded<S> {
        Guarded { inner, admission: Arc::clone(self), message_timeout: Some(self.message_timeout) }
    }

    /// Guards a service whose callers send messages for any time.
    pub fn guard_streaming<S>(self: &Arc<Self>, inner: S) -> Guarded<S> {
        Guarded { inner, admission: Arc::clone(self), message_timeout: None }
    }

    /// Authenticates a call. Most checks finish immediately; the number of waiting ones is limited.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        let mut judging = self.authenticator.authenticate(credentials);
        if let Poll::Ready(judged) = poll!(&mut judging) {
            return judged;
        }
        let _place = self.judged.try_acquire().map_err(|_| Unrecognised::Unavailable)?;
        judging.await
    }

    async fn admit(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Arc<Principal>, Failure> {
        let connection = extensions.get::<ConnectionInfo>();
        let certificate = connection.and_then(|connection| connection.certificate.as_deref());
        let principal = self.authenticate(Credentials { bearer: bearer(headers)?, certificate }).await?;
        self.admit_known(&principal, extensions)?;
        Ok(principal)
    }

    /// Admits a caller that is recognised already: notes it on its connection, and counts the call.
    ///
    /// # Errors
    /// [`Failure::RateLimited`].
    pub fn admit_known(&self, principal: &Principal, extensions: &Extensions) -> Result<(), Failure> {
        let connection = extensions.get::<ConnectionInfo>();
        let name = caller_key(&principal.actor);
        if let Some(link) = connection.and_then(|connection| connection.link.as_ref()) {
            link.authenticated(&name);
        }
        if self.admitted.fetch_add(1, Ordering::Relaxed).is_multiple_of(TIDY) {
            self.rates.retain_recent();
        }
        self.rates.check_key(&name).map_err(|early| Failure::RateLimited {
            limit: self.calls_per_second,
            retry: early.wait_time_from(MonotonicClock.now()),
        })
    }

    /// The owner of a token that a person entered. Unknown tokens are rejected after a delay, as in calls.
    ///
    /// # Errors
    /// [`Failure::Unrecognised`].
    pub async fn recognise(&self, token: &str) -> Result<Arc<Principal>, Failure> {
        match self.authenticate(Credentials { bearer: Some(token), certificate: None }).await {
            Ok(principal) => Ok(principal),
            Err(cause) => {
                let failure = Failure::from(cause);
                self.delay(&failure).await;
                Err(failure)
            }
        }
    }

    /// A request's body that fails if it does not arrive within the message timeout.
    pub fn punctual(&self, body: axum::body::Body) -> axum::body::Body {
        axum::body::Body::new(punctual(Body::new(body), &self.timer, self.message_timeout))
    }

    async fn refuse(&self, failure: Failure) -> Status {
        self.delay(&failure).await;
        failure.into()
    }

    /// Counts a rejection of unknown credentials, and delays it.
    async fn delay(&self, failure: &Failure) {
        if let Failure::Unrecognised(cause) = failure
            && *cause != Unrecognised::Unavailable
        {
            tracing::debug!(%cause, "rejected a call without valid credentials");
            self.metrics.authentication_failed();
            if let Ok(_pause) = self.pauses.try_acquire() {
                self.timer.sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

/// A guarded service. See [`Admission::guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    admission: Arc<Admission>,
    /// Maximum time for a call's message. `None` if calls have many.
    message_timeout: Option<Duration>,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Call the instance that was polled to be ready.
        let next = self.inner.clone();
        let (mut inner, admission) = (std::mem::replace(&mut self.inner, next), Arc::clone(&self.admission));
        let message_timeout = self.message_timeout;
        Box::pin(async move {
            // A body need not be `Sync`, so a reference to it cannot be held across an await.
            let (mut head, body) = request.into_parts();
            if !is_grpc(&head.headers) {
                let mut refused = Response::new(Body::empty());
                *refused.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return Ok(refused);
            }
            match admission.admit(&head.headers, &head.extensions).await {
                Ok(principal) => {
                    head.extensions.insert(Admitted::new(principal, Arc::clone(&admission.clock)));
                    let body = match message_timeout {
                        Some(limit) => punctual(body, &admission.timer, limit),
                        None => body,
                    };
                    inner.call(Request::from_parts(head, body)).await
                }
                Err(failure) => {
                    drop(body); // while it is held, the HTTP/2 library counts it against the connection
                    Ok(admission.refuse(failure).await.into_http())
                }
            }
        })
    }
}

/// An admitted caller. Its message may arrive much later than the head of the call.
#[derive(Clone)]
pub struct Admitted {
    principal: Arc<Principal>,
    clock: Arc<dyn WallClock>,
}

impl Admitted {
    /// A caller, and the clock for the expiry of its credentials.
    #[must_use]
    pub const fn new(principal: Arc<Principal>, clock: Arc<dyn WallClock>) -> Self {
        Self { principal, clock }
    }

    /// The caller.
    pub(super) fn caller(&self) -> &Principal {
        &self.principal
    }
}

/// The caller, if its credentials are still valid after the whole message has arrived.
pub(super) fn principal<T>(request: &tonic::Request<T>) -> Result<Arc<Principal>, Failure> {
    let Admitted { principal, clock } = request.extensions().get::<Admitted>().ok_or(Unrecognised::Unknown)?;
    principal.check(clock.wall())?;
    Ok(Arc::clone(principal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        domain::{Actor, ActorKind, Time, after},
        identity::AuthenticationMethod,
    };

    /// A caller can send the head of a call long before the rest.
    #[test]
    fn credentials_may_end_before_the_message_is_there() {
        let clock = Arc::new(ManualClock::new(Time::UNIX_EPOCH));
        let actor = Actor { kind: ActorKind::Service, issuer: "local".into(), subject: "a".into() };
        let hour = Duration::from_secs(3_600);
        let held = |method| {
            let expires_at = Some(after(Time::UNIX_EPOCH, hour));
            let caller = Principal { expires_at, ..Principal::new(actor.clone(), method, Time::UNIX_EPOCH) };
            let revocation = caller.revocation.clone();
            let mut request = tonic::Request::new(());
            request.extensions_mut().insert(Admitted::new(Arc::new(caller), Arc::clone(&clock) as Arc<dyn WallClock>));
            (request, revocation)
        };
        let [certificate, token, revoked] =
            [AuthenticationMethod::Certificate, AuthenticationMethod::Oidc, AuthenticationMethod::Token].map(held);
        revoked.1.revoke();
        assert_eq!(principal(&revoked.0).unwrap_err(), Unrecognised::TokenRevoked.into());
        clock.advance(hour - Duration::from_micros(1));
        assert!(principal(&certificate.0).is_ok() && principal(&token.0).is_ok());
        clock.advance(Duration::from_micros(1));
        assert_eq!(principal(&certificate.0).unwrap_err(), Unrecognised::CertificateExpired.into());
        assert_eq!(principal(&token.0).unwrap_err(), Unrecognised::TokenExpired.into());
        assert_eq!(principal(&tonic::Request::new(())).unwrap_err(), Unrecognised::Unknown.into());
    }
}
