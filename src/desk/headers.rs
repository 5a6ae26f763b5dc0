//! Headers of every page, and the limit of requests without a session.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

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
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Limits the requests on connections without a session, as for the other calls that need none.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let link = request.extensions().get::<ConnectionInfo>().and_then(|connection| connection.link.as_ref());
    if link.is_some_and(|link| link.is_authenticated()) {
        return next.run(request).await;
    }
    match UnauthenticatedCalls::enter(UnauthenticatedCall::Page, request.extensions()) {
        Ok(permit) => next.run(request).await.map(|body| Body::new(Held::new(body, permit))),
        Err(_) => (StatusCode::TOO_MANY_REQUESTS, "too many open requests\n").into_response(),
    }
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
