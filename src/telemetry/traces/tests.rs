use std::{convert::Infallible, future};

use futures_util::FutureExt as _;
use http::{Request, Response, header::CONTENT_TYPE};
use opentelemetry::{
    SpanId, TraceId, Value,
    trace::{SpanKind, Status},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value,
    resource::v1::Resource as SentResource,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::telemetry::{
    Guard, Metrics, RpcLayer,
    logs::{Format, tests::capture},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A call with these headers and this status, whose handler has its own span.
async fn call(traces: bool, headers: &[(&str, &str)], status: &'static str) {
    let inner = service_fn(|_: Request<()>| {
        tracing::info_span!("handler").in_scope(|| tracing::info!("handled"));
        future::ready(Ok::<_, Infallible>(Response::builder().header("grpc-status", status).body(()).unwrap()))
    });
    let mut request = Request::post("/signoff.v1.ApprovalService/Decide").header(CONTENT_TYPE, "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let service = RpcLayer::new(Metrics::new("1"), traces).layer(inner);
    service.oneshot(request.body(()).unwrap()).await.unwrap();
}

/// The spans of one such call, the outermost first.
async fn spans(filter: &str, headers: &[(&str, &str)], status: &'static str) -> [SpanData; 2] {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let (_lines, _guard) = capture(Format::Text, filter, Some(&provider));
    call(true, headers, status).await;
    let mut spans = exporter.get_finished_spans().unwrap();
    spans.reverse();
    spans.try_into().unwrap()
}

fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| attribute.value.clone())
}

#[tokio::test]
async fn the_callers_trace_is_continued() {
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    // Also with logs off: traces do not depend on them.
    for filter in ["info", "off"] {
        let [rpc, handler] = spans(filter, &[("traceparent", &traceparent)], "0").await;
        assert_eq!(rpc.span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
        assert_eq!(rpc.parent_span_id, SpanId::from_hex(PARENT).unwrap());
        assert_eq!(rpc.name, "signoff.v1.ApprovalService/Decide");
        assert_eq!(rpc.span_kind, SpanKind::Server);
        assert_eq!(rpc.status, Status::Unset);
        assert_eq!(attribute(&rpc, "rpc.system"), Some("grpc".into()));
        assert_eq!(attribute(&rpc, "rpc.service"), Some("signoff.v1.ApprovalService".into()));
        assert_eq!(attribute(&rpc, "rpc.method"), Some("Decide".into()));
        assert_eq!(attribute(&rpc, "rpc.grpc.status_code"), Some(Value::I64(0)));
        assert!(attribute(&rpc, "request_id").is_some());
        assert_eq!(handler.name, "handler");
        assert_eq!(handler.parent_span_id, rpc.span_context.span_id());
        assert_eq!(handler.span_context.trace_id(), rpc.span_context.trace_id());
    }
}

#[tokio::test]
async fn without_a_usable_parent_a_trace_begins() {
    let usable = format!("00-{TRACE}-{PARENT}-01");
    for traceparents in [
        &[][..],
        &["00-zz-zz-01"],
        &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
        // With two, nobody knows which one other servers continued.
        &[&usable, &usable],
    ] {
        let headers: Vec<_> = traceparents.iter().map(|value| ("traceparent", *value)).collect();
        let [rpc, _] = spans("info", &headers, "13").await;
        assert_eq!(rpc.parent_span_id, SpanId::INVALID);
        assert_ne!(rpc.span_context.trace_id(), TraceId::INVALID);
        assert_eq!(rpc.status, Status::error("INTERNAL"));
        assert_eq!(attribute(&rpc, "rpc.grpc.status_code"), Some(Value::I64(13)));
    }
}

#[tokio::test]
async fn a_trace_state_in_several_headers_is_one() {
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", "a=1"), ("tracestate", "b=2")];
    let [rpc, _] = spans("info", &headers, "0").await;
    assert_eq!(rpc.span_context.trace_state().header(), "a=1,b=2");
}

#[tokio::test]
async fn log_lines_have_no_trace_fields_without_traces() {
    let (lines, _guard) = capture(Format::Json, "info", None);
    call(false, &[("traceparent", &format!("00-{TRACE}-{PARENT}-01"))], "0").await;
    let handled = lines.json().remove(0);
    let mut fields: Vec<_> = handled["spans"][0].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["method", "name", "request_id"]);
}

#[tokio::test]
async fn the_exporters_own_spans_stay_here() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let (_lines, _guard) = capture(Format::Text, "trace", Some(&provider));
    tracing::error_span!(target: "h2::client", "send").in_scope(|| ());
    tracing::error_span!(target: "hyper::client", "send").in_scope(|| ());
    tracing::error_span!(target: "tonic::transport", "send").in_scope(|| ());
    tracing::error_span!(target: "tower::buffer::worker", "send").in_scope(|| ());
    tracing::error_span!(target: "signoff::rpc", "rpc").in_scope(|| ());
    let names: Vec<_> = exporter.get_finished_spans().unwrap().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["rpc"]);
}

/// A collector that forwards what it gets.
struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.send(request.into_inner()).unwrap();
        Ok(tonic::Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

fn service_name(resource: &SentResource) -> Option<&str> {
    let attribute = resource.attributes.iter().find(|attribute| attribute.key == "service.name")?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(name) => Some(name),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_arrive_at_a_collector() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a collector must not wait for the test")]
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector(sender)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);

    let provider = provider(&endpoint).unwrap();
    let (_lines, subscribed) = capture(Format::Text, "info", Some(&provider));
    // Immediately and on this thread, because the subscriber is thread-local.
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    call(true, &[("traceparent", &traceparent)], "0").now_or_never().unwrap();
    drop(subscribed);
    let guard = Guard::of(provider);
    assert!(guard.exports_traces());
    guard.shutdown().await;

    let sent = received.recv().await.unwrap();
    assert_eq!(sent.resource_spans.len(), 1);
    let of_resource = &sent.resource_spans[0];
    assert_eq!(service_name(of_resource.resource.as_ref().unwrap()), Some("signoff"));
    let spans: Vec<_> = of_resource.scope_spans.iter().flat_map(|scope| &scope.spans).collect();
    let rpc = spans.iter().find(|span| span.name == "signoff.v1.ApprovalService/Decide").unwrap();
    assert_eq!(rpc.trace_id, TraceId::from_hex(TRACE).unwrap().to_bytes());
    assert_eq!(rpc.parent_span_id, SpanId::from_hex(PARENT).unwrap().to_bytes());
    assert_eq!(spans.len(), 2, "{spans:?}");
}
