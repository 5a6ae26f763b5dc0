//! One port: gRPC, gRPC-Web, `/metrics`, `/healthz` and `/readyz`, over HTTP/1.1 and HTTP/2.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Extensions, StatusCode, header::CONTENT_TYPE},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};

use super::{accept::Accept, preauth_rate_limit::PreauthRateLimitLayer, probes::probes, use_cases::Apis};
use crate::{
    clock::Clock,
    config::ReflectionAccess,
    desk::no_such_page,
    grpc::{
        Admission, CallLimits, Entry, Held, UnauthenticatedCall, UnauthenticatedCalls, health_call, metered,
        no_such_service, reflection_call,
    },
    proto::{
        FILE_DESCRIPTOR_SET,
        v1::{
            access_service_server::AccessServiceServer, admin_service_server::AdminServiceServer,
            approval_service_server::ApprovalServiceServer, policy_service_server::PolicyServiceServer,
        },
    },
    telemetry::{self, Metrics, RpcLayer},
};

/// The service's full name, as health checks name it.
pub(super) const POLICY_SERVICE: &str = "signoff.v1.PolicyService";

/// Names for health checks: the server as a whole (empty), and each service.
pub(super) const SERVICES: [&str; 5] =
    ["", "signoff.v1.AccessService", "signoff.v1.AdminService", "signoff.v1.ApprovalService", POLICY_SERVICE];

/// HTTP/2 streams that a connection may have in addition to streaming calls: decisions must not queue behind waits.
const UNARY_HEADROOM: u32 = 256;

/// Calls that a connection may reset before the server has accepted them. By default, the HTTP/2 library ends the
/// connection after a few such resets, with every call on it. Callers behind one proxy can cancel many waits at the
/// same moment, so this limit is higher.
const RESETS: usize = 1_024;

/// Bytes that the HTTP/2 library counts for a small unread frame. It ends a connection on which these add up to more
/// than half the window. Each stream can have one, its whole request, when many start simultaneously.
const SMALL_FRAME: u32 = 256;

/// Bounds of a connection's window, in bytes: unread data that a client may have sent.
const WINDOW: RangeInclusive<u32> = 1 << 20..=64 << 20;

/// Maximum size of a health or reflection request, in bytes: both hold little more than a name.
const SIDE_MESSAGE: usize = 4 << 10;

/// Maximum size of request headers, in bytes as HTTP/2 counts them: room for the longest token (16 KiB) and more.
const HEADERS: u32 = 24 << 10;

const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn routes(
    Apis { approvals, policies, access, admin }: Apis,
    admission: &Arc<Admission>,
    clock: Arc<dyn Clock>,
    limits: &CallLimits,
    reflection_access: ReflectionAccess,
    (metrics, traces): (Metrics, bool),
) -> Result<(HealthReporter, Router), tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    for service in SERVICES {
        health.set_service_status(service, ServingStatus::Serving).await;
    }
    let calls_without_token = UnauthenticatedCalls::new(Arc::clone(&clock), limits.message_timeout);
    let health_service = health_service.max_decoding_message_size(SIDE_MESSAGE);
    let scraped = clock;
    let entry = Entry::new(limits); // enforces the message limit; the services' own limit must not be lower
    let approvals = entry.to(ApprovalServiceServer::new(approvals).max_decoding_message_size(limits.message_bytes));
    let policies = entry.to(PolicyServiceServer::new(policies).max_decoding_message_size(limits.message_bytes));
    let access = entry.to(AccessServiceServer::new(access).max_decoding_message_size(limits.message_bytes));
    let admin = entry.to(AdminServiceServer::new(admin).max_decoding_message_size(limits.message_bytes));
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that grpcurl can show the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let v1 = calls_without_token.bound(v1.max_decoding_message_size(SIDE_MESSAGE), reflection_call);
    let v1alpha = calls_without_token.bound(v1alpha.max_decoding_message_size(SIDE_MESSAGE), reflection_call);
    let grpc = Routes::new(admission.guard(approvals))
        .add_service(admission.guard(policies))
        .add_service(admission.guard(access))
        .add_service(admission.guard(admin))
        .add_service(calls_without_token.bound(health_service, health_call));
    let grpc = match reflection_access {
        ReflectionAccess::Open => grpc.add_service(v1).add_service(v1alpha),
        ReflectionAccess::Token => {
            grpc.add_service(admission.guard_streaming(v1)).add_service(admission.guard_streaming(v1alpha))
        }
    };
    let layered = metrics.clone();
    let exposition = move |extensions: Extensions| {
        let answer = UnauthenticatedCalls::enter(UnauthenticatedCall::Metrics, &extensions).map(|permit| {
            let body = Body::new(Held::new(Full::new(Bytes::from(metrics.render(scraped.now()))), permit));
            ([(CONTENT_TYPE, telemetry::CONTENT_TYPE)], body)
        });
        std::future::ready(answer.map_err(|_| (StatusCode::TOO_MANY_REQUESTS, "too many open requests\n")))
    };
    let router = grpc
        .prepare()
        .into_axum_router()
        .fallback(nothing_there)
        .layer(RpcLayer::new(layered, traces))
        .layer(GrpcWebLayer::new()) // what is inside sees plain gRPC
        .layer(MapRequestLayer::new(without_doubtful_type))
        .layer(from_fn(calls_only)) // the gRPC-Web layer would answer a missing page with an empty 400
        .layer(MapResponseLayer::new(metered::<axum::body::Body>)) // outermost: counts the bytes that are sent
        .route("/metrics", get(exposition))
        .merge(probes(&health));
    Ok((health, router))
}

/// Answers with a page where nothing is, unless the request is a call: its content type says so, or its path, which
/// begins with the name of a package.
async fn calls_only(request: Request, next: Next) -> Response {
    let service = request.uri().path().split('/').nth(1).unwrap_or_default();
    if service.contains('.') || telemetry::is_grpc(request.headers()) {
        next.run(request).await
    } else {
        no_such_page().await
    }
}

/// The answer where nothing is: an error of gRPC for calls, else a page.
async fn nothing_there(request: Request) -> Response {
    if telemetry::is_grpc(request.headers()) {
        no_such_service(request).await.map(Body::new)
    } else {
        no_such_page().await
    }
}

/// Removes the content type from a request that has several, so that it is rejected: a proxy may have checked another
/// one than this server would. Must run before the gRPC-Web layer, which replaces them with one type.
fn without_doubtful_type(mut request: Request) -> Request {
    if request.headers().get_all(CONTENT_TYPE).iter().nth(1).is_some() {
        request.headers_mut().remove(CONTENT_TYPE);
    }
    request
}

/// Serves until `stop` is cancelled and every connection has ended.
pub(super) fn serve(
    router: Router,
    accept: Accept,
    limits: &CallLimits,
    stop: CancellationToken,
) -> impl Future<Output = Result<(), tonic::transport::Error>> + use<> {
    let streams = limits.streams_per_connection.saturating_add(UNARY_HEADROOM);
    Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(RESETS))
        .http2_max_header_list_size(HEADERS)
        .max_concurrent_streams(streams)
        .initial_connection_window_size(streams.saturating_mul(2 * SMALL_FRAME).clamp(*WINDOW.start(), *WINDOW.end()))
        .layer(PreauthRateLimitLayer)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(accept.connections(), stop.cancelled_owned())
}
