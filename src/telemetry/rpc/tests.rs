use std::{collections::VecDeque, convert::Infallible, future};

use bytes::Bytes;
use http::HeaderValue;
use tower::{ServiceExt as _, service_fn};

use super::*;
use crate::domain::Time;
use crate::telemetry::logs::{
    Format,
    tests::{Lines, capture},
};

const DECIDE: &str = "/signoff.v1.ApprovalService/Decide";
const WATCH: &str = "/signoff.v1.ApprovalService/WatchPending";
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// A body of these frames.
#[derive(Debug, Default)]
struct Frames(VecDeque<Frame<Bytes>>);

impl Frames {
    /// One message, then trailers with `status`.
    fn ending_with(status: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        Self([Self::message(), Frame::trailers(trailers)].into())
    }

    fn message() -> Frame<Bytes> {
        Frame::data(Bytes::from_static(&[0, 0, 0, 0, 0]))
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn request(path: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::post(path).header(CONTENT_TYPE, "application/grpc").body(()).unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    request
}

/// Responds to `request` with `response`, through the layer.
async fn answer<B>(metrics: &Metrics, request: Request<()>, response: Response<B>) -> Response<RpcBody<B>> {
    let mut response = Some(response);
    let inner = service_fn(|_: Request<()>| future::ready(Ok::<_, Infallible>(response.take().unwrap())));
    RpcLayer::new(metrics.clone(), false).layer(inner).oneshot(request).await.unwrap()
}

async fn next<B: Body + Unpin>(body: &mut B) -> Option<Result<Frame<B::Data>, B::Error>> {
    future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

async fn read_to_end<B: Body + Unpin>(mut body: B) {
    while next(&mut body).await.is_some() {}
}

/// Asserts that `metrics` counts `count` calls of the method at `path` that ended with `code`.
#[track_caller]
fn assert_counted(metrics: &Metrics, path: &str, code: &str, count: u32) {
    let text = metrics.render(Time::UNIX_EPOCH);
    let series = format!(r#"signoff_requests_total{{method="{}",code="{code}"}}"#, &path[1..]);
    let found = text.lines().find_map(|line| line.strip_prefix(&series)).map_or("0", str::trim);
    assert_eq!(found, count.to_string(), "{text}");
}

fn measured(metrics: &Metrics, path: &str) -> bool {
    metrics.render(Time::UNIX_EPOCH).contains(&format!(r#"signoff_request_seconds_count{{method="{}"}} 1"#, &path[1..]))
}

/// Level and code of each line about the end of a call.
fn ends(lines: &Lines) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let ends = lines.json().into_iter().filter(|line| line["message"] == "call ended");
    ends.map(|line| (text(&line["level"]), text(&line["code"]))).collect()
}

#[tokio::test]
async fn trailers_tell_the_status() {
    let (lines, _guard) = capture(Format::Json, "debug", None);
    let metrics = Metrics::new("1");
    let response = answer(&metrics, request(DECIDE, &[]), Response::new(Frames::ending_with("0"))).await;
    assert_counted(&metrics, DECIDE, "OK", 0);
    read_to_end(response.into_body()).await;
    assert_counted(&metrics, DECIDE, "OK", 1);
    assert!(measured(&metrics, DECIDE));
    let response = answer(&metrics, request(DECIDE, &[]), Response::new(Frames::ending_with("13"))).await;
    read_to_end(response.into_body()).await;
    assert_counted(&metrics, DECIDE, "INTERNAL", 1);
    assert_counted(&metrics, DECIDE, "CANCELLED", 0);
    assert_eq!(ends(&lines), [("DEBUG".into(), "OK".into()), ("WARN".into(), "INTERNAL".into())]);
    let line = &lines.json()[0];
    assert_eq!(line["spans"][0]["method"], DECIDE[1..]);
    assert!(line["duration_ms"].as_f64().is_some());
}

#[tokio::test]
async fn headers_tell_the_status_when_there_are_only_trailers() {
    let (lines, _guard) = capture(Format::Json, "info", None);
    let metrics = Metrics::new("1");
    let refused = Response::builder().header("grpc-status", "5").body(Frames::default()).unwrap();
    let response = answer(&metrics, request(WATCH, &[]), refused).await;
    assert_counted(&metrics, WATCH, "NOT_FOUND", 1);
    assert!(
        metrics
            .render(Time::UNIX_EPOCH)
            .contains(r#"signoff_open_streams{method="signoff.v1.ApprovalService/WatchPending"} 0"#)
    );
    drop(response);
    assert_counted(&metrics, WATCH, "CANCELLED", 0);
    assert_eq!(ends(&lines), [("INFO".into(), "NOT_FOUND".into())]);

    let overloaded = Response::builder().status(503).body(Frames::default()).unwrap();
    answer(&metrics, request(DECIDE, &[]), overloaded).await;
    assert_counted(&metrics, DECIDE, "UNAVAILABLE", 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    let metrics = Metrics::new("1");
    let mut body = answer(&metrics, request(WATCH, &[]), Response::new(Frames::ending_with("0"))).await.into_body();
    assert!(next(&mut body).await.unwrap().unwrap().is_data());
    let open = |count| format!(r#"signoff_open_streams{{method="signoff.v1.ApprovalService/WatchPending"}} {count}"#);
    assert!(metrics.render(Time::UNIX_EPOCH).contains(&open(1)));
    drop(body);
    assert!(metrics.render(Time::UNIX_EPOCH).contains(&open(0)));
    assert_counted(&metrics, WATCH, "CANCELLED", 1);
    assert!(!measured(&metrics, WATCH));

    let inner = service_fn(|_: Request<()>| future::pending::<Result<Response<Frames>, Infallible>>());
    let mut service = RpcLayer::new(metrics.clone(), false).layer(inner);
    drop(service.call(request(DECIDE, &[])));
    assert_counted(&metrics, DECIDE, "CANCELLED", 1);
}

#[tokio::test]
async fn a_body_without_trailers_has_no_known_status() {
    let metrics = Metrics::new("1");
    let cut = Response::new(Frames([Frames::message()].into()));
    read_to_end(answer(&metrics, request(DECIDE, &[]), cut).await.into_body()).await;
    assert_counted(&metrics, DECIDE, "UNKNOWN", 1);
    read_to_end(
        answer(&metrics, request("/any.Service/Method", &[]), Response::new(Frames::ending_with("12")))
            .await
            .into_body(),
    )
    .await;
    assert_counted(&metrics, "/other", "UNIMPLEMENTED", 1);
    let failing = service_fn(|_: Request<()>| future::ready(Err::<Response<Frames>, _>("broken")));
    let failed = RpcLayer::new(metrics.clone(), false).layer(failing).oneshot(request(DECIDE, &[])).await;
    assert_eq!(failed.unwrap_err(), "broken");
    assert_counted(&metrics, DECIDE, "UNKNOWN", 2);
}

#[tokio::test]
async fn the_request_id_reaches_handler_answer_and_log() {
    let (lines, _guard) = capture(Format::Json, "error", None);
    let metrics = Metrics::new("1");
    let sent = "x".repeat(129);
    for (given, kept) in [(Some("req-7"), true), (Some("two words"), false), (Some(&*sent), false), (None, false)] {
        let inner = service_fn(|request: Request<()>| async move {
            tracing::error!("cause");
            let id = request.extensions().get::<RequestId>().unwrap().as_str().to_owned();
            Ok::<_, Infallible>(Response::builder().header("seen-id", id).body(Frames::default()).unwrap())
        });
        let headers: Vec<_> = given.into_iter().map(|id| ("x-request-id", id)).collect();
        let layer = RpcLayer::new(metrics.clone(), false);
        let response = layer.layer(inner).oneshot(request(DECIDE, &headers)).await.unwrap();
        let id = response.headers()[REQUEST_ID_HEADER].to_str().unwrap();
        assert_eq!(response.headers()["seen-id"], id);
        assert_eq!(Some(id) == given, kept, "{given:?} became {id}");
        if !kept {
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
        }
        let last = lines.json().pop().unwrap();
        assert_eq!((&last["message"], &last["spans"][0]["request_id"]), (&"cause".into(), &id.into()));
    }
}

#[tokio::test]
async fn probes_are_logged_at_debug_only() {
    let (lines, _guard) = capture(Format::Json, "info", None);
    let metrics = Metrics::new("1");
    for status in ["0", "14"] {
        read_to_end(
            answer(&metrics, request(CHECK, &[]), Response::new(Frames::ending_with(status))).await.into_body(),
        )
        .await;
    }
    assert_counted(&metrics, CHECK, "UNAVAILABLE", 1);
    assert_eq!(lines.text(), "");
}

#[tokio::test]
async fn with_logs_off_there_is_no_span() {
    let (_lines, _guard) = capture(Format::Text, "off", None);
    let layer = RpcLayer::new(Metrics::new("1"), false);
    assert!(Call::start(&layer, DECIDE, &HeaderMap::new()).span.is_disabled());
}

#[test]
fn callers_that_leave_are_logged_at_debug_only() {
    for (filter, lines_expected) in [("info", 0), ("debug", 1)] {
        let (lines, _guard) = capture(Format::Json, filter, None);
        let layer = RpcLayer::new(Metrics::new("1"), false);
        drop(Call::start(&layer, WATCH, &HeaderMap::new()));
        assert_eq!(ends(&lines).len(), lines_expected, "{filter}");
    }
}

#[tokio::test]
async fn other_requests_pass_untouched() {
    let (lines, _guard) = capture(Format::Json, "debug", None);
    let metrics = Metrics::new("1");
    let before = metrics.render(Time::UNIX_EPOCH);
    let scrape = Request::get("/metrics").header("x-request-id", "req-7").body(()).unwrap();
    let inner = service_fn(|request: Request<()>| async move {
        assert!(request.extensions().get::<RequestId>().is_none());
        Ok::<_, Infallible>(Response::builder().status(404).body(Frames([Frames::message()].into())).unwrap())
    });
    let response = RpcLayer::new(metrics.clone(), true).layer(inner).oneshot(scrape).await.unwrap();
    assert!(response.headers().is_empty());
    assert_eq!(response.status(), 404);
    let mut body = response.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap().into_data().unwrap().len(), 5);
    assert!(next(&mut body).await.is_none());
    assert_eq!(metrics.render(Time::UNIX_EPOCH), before);
    assert_eq!(lines.text(), "");
}

#[tokio::test]
async fn grpc_web_is_counted_inside_its_layer() {
    let metrics = Metrics::new("1");
    let inner = service_fn(|_: Request<tonic::body::Body>| async {
        Ok::<_, Infallible>(Response::new(Frames::ending_with("9")))
    });
    let service = tonic_web::GrpcWebLayer::new().layer(RpcLayer::new(metrics.clone(), false).layer(inner));
    let request = Request::post(DECIDE).header(CONTENT_TYPE, "application/grpc-web").body(tonic::body::Body::empty());
    let response = service.oneshot(request.unwrap()).await.unwrap();
    assert!(response.headers().contains_key(REQUEST_ID_HEADER));
    read_to_end(response.into_body()).await;
    assert_counted(&metrics, DECIDE, "FAILED_PRECONDITION", 1);
}

#[tokio::test]
async fn a_whole_tonic_server_is_observed() {
    let metrics = Metrics::new("1");
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("signoff", tonic_health::ServingStatus::Serving).await;
    let routes = tonic::service::Routes::new(health).into_axum_router();
    let mut client =
        tonic_health::pb::health_client::HealthClient::new(routes.layer(RpcLayer::new(metrics.clone(), false)));
    let ask = |service: &str| tonic_health::pb::HealthCheckRequest { service: service.to_owned() };

    let answer = client.check(ask("signoff")).await.unwrap();
    assert!(answer.metadata().contains_key("x-request-id"));
    assert_counted(&metrics, CHECK, "OK", 1);
    let refused = client.check(ask("nobody")).await.unwrap_err();
    assert!(refused.metadata().contains_key("x-request-id"));
    assert_counted(&metrics, CHECK, "NOT_FOUND", 1);

    let mut watch = client.watch(ask("signoff")).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    let open = |count| format!(r#"signoff_open_streams{{method="grpc.health.v1.Health/Watch"}} {count}"#);
    assert!(metrics.render(Time::UNIX_EPOCH).contains(&open(1)));
    drop(watch);
    assert!(metrics.render(Time::UNIX_EPOCH).contains(&open(0)));
    assert_counted(&metrics, "/grpc.health.v1.Health/Watch", "CANCELLED", 1);
}
