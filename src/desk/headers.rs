//! Headers of every page, and the limit of requests without a session.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::Desk;
use crate::grpc::{ConnectionInfo, Held, UnauthenticatedCall, UnauthenticatedCalls};

/// No inline script or style, nothing from other origins, no frames: what an agent wrote cannot run, and no other page
/// can show ours.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds the headers that protect pages. A response that says how to be cached keeps that.
pub(super) async fn add(request: Request, next: Next) -> Response {
    with(next.run(request).await)
}

/// As [`add`], for a response.
pub(super) fn with(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Streams of events say `no-cache`, which lets a cache store them.
    let cached = headers.get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"));
    if !cached {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Limits the requests on connections without a session, as for the other calls that need none. The sign-in counts on
/// every connection: an agent's, and one that a proxy shares, are authenticated by other calls.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let link = request.extensions().get::<ConnectionInfo>().and_then(|connection| connection.link.as_ref());
    let signs_in = request.uri().path().starts_with("/sign-in");
    if !signs_in && link.is_some_and(|link| link.is_authenticated()) {
        return next.run(request).await;
    }
    match UnauthenticatedCalls::enter(UnauthenticatedCall::Page, request.extensions()) {
        Ok(permit) => next.run(request).await.map(|body| Body::new(Held::new(body, permit))),
        Err(_) => (StatusCode::TOO_MANY_REQUESTS, "too many open requests\n").into_response(),
    }
}

/// Ends a form that does not arrive in time, as a call's message.
pub(super) async fn punctual(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    next.run(request.map(|body| desk.admission.punctual(body))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_not_cached_and_assets_are() {
        let page = with(Response::new(Body::empty()));
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*'), "{POLICY}");
        assert_eq!(page.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        let mut asset = Response::new(Body::empty());
        asset.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        assert_eq!(with(asset).headers()[header::CACHE_CONTROL], "public");
    }
}
