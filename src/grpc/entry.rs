//! Checks an admitted call before its message is read: role, encoding, and free memory.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Request, Response, header::HeaderName};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use super::{
    Admitted,
    connection_info::ConnectionInfo,
    error::Failure,
    in_flight::{Carried, Charge, InFlightQuota, Incoming, whole},
    limits::CallLimits,
};
use crate::identity::Method;

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Accepts calls that the caller's role allows, while there is memory for them.
#[derive(Debug)]
pub struct Entry {
    quota: Arc<InFlightQuota>,
    message_bytes: usize,
}

impl Entry {
    /// Counts calls in flight against the limits.
    #[must_use]
    pub fn new(limits: &CallLimits) -> Arc<Self> {
        Arc::new(Self { quota: InFlightQuota::new(limits), message_bytes: limits.message_bytes })
    }

    /// Wraps a service. Use it inside [`Admission::guard`](super::Admission::guard), which identifies the caller.
    pub fn to<S>(self: &Arc<Self>, inner: S) -> Entered<S> {
        Entered { inner, entry: Arc::clone(self) }
    }

    fn enter(&self, request: &Request<Body>) -> Result<(Method, Arc<Charge>), Failure> {
        let path = request.uri().path();
        let method = Method::at_path(path).ok_or_else(|| Failure::NoSuchMethod(path.to_owned()))?;
        let admitted = request.extensions().get::<Admitted>().ok_or(crate::identity::Unrecognised::Unknown)?;
        let caller = admitted.caller();
        // Before any error about the message: only callers who may make the call learn what its message should be.
        caller.require_role(method)?;
        readable(request.headers())?;
        let connection = request.extensions().get::<ConnectionInfo>().map(|connection| &connection.in_flight);
        let charge = self.quota.open(connection, &caller.actor, method)?;
        Ok((method, charge))
    }
}

/// Whether messages with this encoding are supported: only uncompressed ones are.
fn readable(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(ENCODING) {
        Some(encoding) if encoding != IDENTITY => {
            Err(Failure::NoSuchEncoding(String::from_utf8_lossy(encoding.as_bytes()).into_owned()))
        }
        _ => Ok(()),
    }
}

/// The response to a rejected call.
fn refusal(failure: Failure) -> Response<Body> {
    let accepted = matches!(failure, Failure::NoSuchEncoding(_)).then_some(IDENTITY);
    let mut response: Response<Body> = Status::from(failure).into_http();
    response.headers_mut().extend(accepted.map(|accepted| (ACCEPT_ENCODING, accepted)));
    response
}

/// Responds to calls of unknown services.
pub async fn no_such_service(request: Request<axum::body::Body>) -> Response<Body> {
    refusal(Failure::NoSuchMethod(request.uri().path().to_owned()))
}

/// A service wrapped by [`Entry::to`].
#[derive(Clone, Debug)]
pub struct Entered<S> {
    inner: S,
    entry: Arc<Entry>,
}

impl<S: NamedService> NamedService for Entered<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Entered<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, charge) = match self.entry.enter(&request) {
            Ok(entered) => entered,
            Err(failure) => return Box::pin(std::future::ready(Ok(refusal(failure)))),
        };
        let limit = self.entry.message_bytes;
        let mut request = request.map(|body| Body::new(Incoming::new(body, Arc::clone(&charge), limit)));
        request.extensions_mut().insert(Arc::clone(&charge));
        let answering = self.inner.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            if !method.streams() {
                response = whole(response, &charge).await.unwrap_or_else(Status::into_http);
            }
            response.extensions_mut().insert(Carried { charge, streams: method.streams() });
            Ok(response)
        })
    }
}
