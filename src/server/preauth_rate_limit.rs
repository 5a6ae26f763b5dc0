//! Charges unauthenticated connections for each request, before any other layer.

#![expect(clippy::disallowed_methods, reason = "what connections pay is counted by the runtime's time")]

use std::{
    task::{Context, Poll},
    time::Instant,
};

use http::Request;
use tower::{Layer, Service};

use crate::{
    connections::{CALL_COST, Stage},
    grpc::ConnectionInfo,
};

/// Notes that a connection speaks HTTP, and charges it for each call until a call on it is authenticated.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreauthRateLimitLayer;

impl<S> Layer<S> for PreauthRateLimitLayer {
    type Service = PreauthRateLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PreauthRateLimit(inner)
    }
}

/// The service that [`PreauthRateLimitLayer`] makes.
#[derive(Clone, Debug)]
pub(super) struct PreauthRateLimit<S>(S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for PreauthRateLimit<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let link = request.extensions().get::<ConnectionInfo>().and_then(|connection| connection.link.as_ref());
        if let Some(link) = link.filter(|link| !link.is_authenticated()) {
            let now = Instant::now();
            link.reached(Stage::Open, now);
            link.charge(CALL_COST, now);
        }
        self.0.call(request)
    }
}
