//! OTLP traces, received by a test collector.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use signoff::proto::v1::ListPendingRequest;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::server::{Server, soon};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Forwards every span that it receives.
struct Collector(mpsc::Sender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let _ = self.0.send(span).await; // the test may have seen enough
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_span_in_the_callers_trace_arrives() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("otlp.endpoint=http://{}", listener.local_addr().unwrap());
    let (sender, mut spans) = mpsc::channel(64);
    let collector = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector(sender)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let collector = tokio::spawn(collector);

    let server = Server::start(data.path(), &[&endpoint]).await;
    let mut request = Request::new(ListPendingRequest::default());
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{PARENT}-01").parse().unwrap());
    server.operator().list_pending(request).await.unwrap();
    // A drain sends the remaining spans.
    let stopped = tokio::spawn(server.stop());
    let span = soon("the span arrives", async {
        loop {
            let span = spans.recv().await.expect("the collector is there");
            if hex(&span.trace_id) == TRACE && hex(&span.parent_span_id) == PARENT {
                break span;
            }
        }
    });
    assert!(span.await.name.contains("ListPending"));
    assert_eq!(stopped.await.unwrap().code(), Some(0));
    collector.abort();
}
