//! `GET /healthz` and `GET /readyz`: health for load balancers and orchestrators that do not speak gRPC.

use axum::{
    Router,
    body::Body,
    http::{Extensions, Response, StatusCode, header::CACHE_CONTROL},
    routing::get,
};
use bytes::Bytes;
use http_body_util::Full;
use tonic::Request;
use tonic_health::{
    pb::{HealthCheckRequest, health_check_response::ServingStatus, health_server::Health as _},
    server::{HealthReporter, HealthService},
};

use crate::grpc::{Held, UnauthenticatedCall, UnauthenticatedCalls};

/// `/healthz` answers 200 while the process serves. `/readyz` answers with the overall status of
/// `grpc.health.v1.Health`: 200, or 503 while the server drains.
pub(super) fn probes(health: &HealthReporter) -> Router {
    let health = health.clone();
    let ready = move |extensions: Extensions| {
        let health = HealthService::from_health_reporter(health.clone());
        async move {
            let overall = health.check(Request::new(HealthCheckRequest::default())).await;
            if overall.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving) {
                answer(&extensions, StatusCode::OK, "ok\n")
            } else {
                answer(&extensions, StatusCode::SERVICE_UNAVAILABLE, "not serving\n")
            }
        }
    };
    let alive = |extensions: Extensions| async move { answer(&extensions, StatusCode::OK, "ok\n") };
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

fn answer(extensions: &Extensions, status: StatusCode, text: &'static str) -> Response<Body> {
    let (status, body) = match UnauthenticatedCalls::enter(UnauthenticatedCall::Check, extensions) {
        Ok(permit) => (status, Body::new(Held::new(Full::new(Bytes::from_static(text.as_bytes())), permit))),
        Err(_) => (StatusCode::TOO_MANY_REQUESTS, Body::from("too many open requests\n")),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // A cached reply must not hide that the server has stopped.
    response.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(router: &Router, path: &str) -> StatusCode {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        response.status()
    }

    #[tokio::test]
    async fn a_server_that_ends_is_alive_and_not_ready() {
        let (health, _service) = tonic_health::server::health_reporter();
        let router = probes(&health);
        for (status, ready) in [
            (tonic_health::ServingStatus::Serving, StatusCode::OK),
            (tonic_health::ServingStatus::NotServing, StatusCode::SERVICE_UNAVAILABLE),
            (tonic_health::ServingStatus::Unknown, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            health.set_service_status("", status).await;
            assert_eq!(asked(&router, "/readyz").await, ready, "{status:?}");
            assert_eq!(asked(&router, "/healthz").await, StatusCode::OK, "{status:?}");
        }
    }
}
