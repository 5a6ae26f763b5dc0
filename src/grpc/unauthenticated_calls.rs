//! Calls that need no token: health, `/metrics`, and reflection if it is enabled. Anyone can make them, so their number
//! is limited: see [`UnauthenticatedCall`].

#![expect(clippy::disallowed_methods, reason = "what connections pay is counted by the runtime's time")]

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use http::{Extensions, Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use super::{
    connection_info::ConnectionInfo,
    error::{Failure, Scope},
    request_body::{aging, punctual, rationed},
};
pub use crate::connections::UnauthenticatedCall;
use crate::{
    clock::Clock,
    connections::{CALL_COST, NoPlace, Place},
};

/// Maximum number of questions in a reflection stream. A tool asks some dozens, and may open another stream.
const QUESTIONS: u32 = 1_000;
/// Maximum age of a reflection stream: a forgotten one must not keep its place.
const REFLECTION_AGE: Duration = Duration::from_secs(60);

/// Limits the calls that need no token.
pub struct UnauthenticatedCalls {
    clock: Arc<dyn Clock>,
    message_timeout: Duration,
}

impl UnauthenticatedCalls {
    /// A call's message must arrive within `message_timeout`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, message_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { clock, message_timeout })
    }

    /// Admits another call of a kind, until the permit is dropped.
    ///
    /// # Errors
    /// At the limit.
    pub fn enter(kind: UnauthenticatedCall, extensions: &Extensions) -> Result<UnauthenticatedPermit, Failure> {
        let link = extensions.get::<ConnectionInfo>().and_then(|connection| connection.link.as_ref());
        let place = link.map(|link| link.registry().place(link, kind)).transpose().map_err(|full| {
            let (scope, limit) = match full {
                NoPlace::OnConnection(limit) => (Scope::Connection, limit),
                NoPlace::ForCaller(limit) => (Scope::Caller, limit),
                NoPlace::OnServer(limit) => (Scope::Server, limit),
            };
            Failure::TooManyStreams { scope, limit }
        })?;
        Ok(UnauthenticatedPermit { kind, place })
    }

    /// Wraps a service, and counts its calls.
    pub fn bound<S>(self: &Arc<Self>, inner: S, kind: fn(&str) -> UnauthenticatedCall) -> Bounded<S> {
        Bounded { inner, calls: Arc::clone(self), kind }
    }

    fn bound_request(&self, kind: UnauthenticatedCall, body: Body) -> Body {
        match kind {
            UnauthenticatedCall::Check
            | UnauthenticatedCall::Metrics
            | UnauthenticatedCall::Watch
            | UnauthenticatedCall::Page => punctual(body, &self.clock, self.message_timeout),
            UnauthenticatedCall::Reflection => aging(rationed(body, QUESTIONS), &self.clock, REFLECTION_AGE),
        }
    }
}

/// The kind of a call of `grpc.health.v1.Health`, by its path.
#[must_use]
pub fn health_call(path: &str) -> UnauthenticatedCall {
    if path.ends_with("/Watch") { UnauthenticatedCall::Watch } else { UnauthenticatedCall::Check }
}

/// The kind of every call of reflection.
#[must_use]
pub fn reflection_call(_path: &str) -> UnauthenticatedCall {
    UnauthenticatedCall::Reflection
}

/// A permit for one call that needs no token.
#[derive(Debug)]
pub struct UnauthenticatedPermit {
    kind: UnauthenticatedCall,
    /// `None` only in tests.
    place: Option<Place>,
}

impl UnauthenticatedPermit {
    /// The response is on its way: the connection is in use.
    fn answered(&self) {
        if let Some(place) = &self.place {
            place.link().answered(Instant::now());
        }
    }

    /// Charges the work of a response to the unauthenticated client. Metrics are rendered each time. Responses of
    /// reflection and files of pages are only copied, so that a tool that reads the whole API does not have to wait.
    fn charge(&self, bytes: usize) {
        if let Some(place) = &self.place {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let copied = matches!(self.kind, UnauthenticatedCall::Reflection | UnauthenticatedCall::Page);
            let work = if copied { CALL_COST + bytes / 64 } else { bytes };
            place.link().charge(work, Instant::now());
        }
    }
}

/// A service wrapped by [`UnauthenticatedCalls::bound`].
#[derive(Clone)]
pub struct Bounded<S> {
    inner: S,
    calls: Arc<UnauthenticatedCalls>,
    kind: fn(&str) -> UnauthenticatedCall,
}

impl<S: NamedService> NamedService for Bounded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Bounded<S>
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
        let kind = (self.kind)(request.uri().path());
        let permit = match UnauthenticatedCalls::enter(kind, request.extensions()) {
            Ok(permit) => permit,
            Err(failure) => return Box::pin(std::future::ready(Ok(Status::from(failure).into_http()))),
        };
        let answering = self.inner.call(request.map(|body| self.calls.bound_request(kind, body)));
        Box::pin(async move { Ok(answering.await?.map(|body| Body::new(Held::new(body, permit)))) })
    }
}

pin_project! {
    /// A response body that holds the call's permit until it is sent or dropped.
    pub struct Held<B> {
        #[pin]
        body: B,
        permit: UnauthenticatedPermit,
    }
}

impl<B> Held<B> {
    /// The body of a response.
    pub const fn new(body: B, permit: UnauthenticatedPermit) -> Self {
        Self { body, permit }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Held<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.permit.charge(frame.data_ref().map_or(0, Buf::remaining));
                if frame.is_trailers() || this.body.is_end_stream() {
                    this.permit.answered();
                }
            }
            Poll::Ready(None) => this.permit.answered(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
