//! Observes every gRPC call: request id, span, metrics, and a log line at its end.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::trace::Status;
use pin_project_lite::pin_project;
use tonic::Code;
use tower::{Layer, Service};
use tracing::{Span, debug, info, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    codes,
    methods::{self, METHODS},
    metrics::{Metrics, OpenStream},
    request_id::{REQUEST_ID_HEADER, RequestId},
    traces,
};

/// A layer around the gRPC services of a server. Requests with a content type other than `application/grpc…` pass
/// unchanged.
///
/// Each call gets a [`RequestId`] (in the request's extensions and the response's headers) and a span `rpc` with
/// `method` and `request_id`. It is counted with its final status; a call that is dropped before its status is sent
/// counts as `CANCELLED`. At its end, one line is logged to the target `signoff::rpc`. The level is debug if the call
/// ended OK, because a busy server ends tens of thousands per second, and for health checks and reflection. It is warn
/// if the server failed (UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS), and info otherwise.
///
/// gRPC-Web carries trailers inside the body, where this layer cannot see them: put it inside tonic-web's layer.
#[derive(Clone, Debug)]
pub struct RpcLayer {
    metrics: Metrics,
    traces: bool,
}

impl RpcLayer {
    /// Counts into `metrics`. With `traces` (see [`Guard::exports_traces`](super::Guard::exports_traces)), spans also
    /// continue the trace of the caller's `traceparent`, and have OpenTelemetry's attributes.
    pub fn new(metrics: Metrics, traces: bool) -> Self {
        Self { metrics, traces }
    }
}

impl<S> Layer<S> for RpcLayer {
    type Service = RpcService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcService { inner, layer: self.clone() }
    }
}

/// A service wrapped by [`RpcLayer`].
#[derive(Clone, Debug)]
pub struct RpcService<S> {
    inner: S,
    layer: RpcLayer,
}

impl<S, Req, Res> Service<Request<Req>> for RpcService<S>
where
    S: Service<Request<Req>, Response = Response<Res>>,
{
    type Response = Response<RpcBody<Res>>;
    type Error = S::Error;
    type Future = RpcFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Req>) -> Self::Future {
        if !is_grpc(request.headers()) {
            return RpcFuture { inner: self.inner.call(request), call: None };
        }
        let call = Call::start(&self.layer, request.uri().path(), request.headers());
        request.extensions_mut().insert(call.id.clone());
        let inner = call.span.in_scope(|| self.inner.call(request));
        RpcFuture { inner, call: Some(call) }
    }
}

/// Whether this is a gRPC call: its only content type is `application/grpc…`. A page of another origin can make a
/// browser, which may have a client certificate, send requests with some other content types without asking this server
/// first. If there are two content types, a proxy may have read the other one.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.as_bytes().get(..GRPC.len()));
    first.is_some_and(|start| start.eq_ignore_ascii_case(GRPC)) && types.next().is_none()
}

/// A call, from its request to its status.
#[derive(Debug)]
struct Call {
    metrics: Metrics,
    /// Index into [`METHODS`].
    method: usize,
    id: RequestId,
    span: Span,
    traces: bool,
    started: Instant,
    ended: bool,
    open: Option<OpenStream>,
}

impl Call {
    #[expect(clippy::disallowed_methods, reason = "how long a call took is only counted")]
    fn start(layer: &RpcLayer, path: &str, headers: &HeaderMap) -> Self {
        let method = methods::find(path);
        let name = METHODS[method].name;
        let id = RequestId::of_request(headers);
        // At level error, so that a filter for errors keeps the request id. With logs off, the span is disabled and
        // costs almost nothing.
        let span = tracing::error_span!(
            target: "signoff::rpc",
            parent: None,
            "rpc",
            method = name,
            request_id = id.as_str(),
            otel.name = layer.traces.then_some(name),
            otel.kind = layer.traces.then_some("server"),
        );
        if layer.traces {
            traces::continue_trace(&span, headers);
            span.set_attribute("rpc.system", "grpc");
            if let Some((service, method)) = name.split_once('/') {
                span.set_attribute("rpc.service", service);
                span.set_attribute("rpc.method", method);
            }
        }
        Self {
            metrics: layer.metrics.clone(),
            method,
            id,
            span,
            traces: layer.traces,
            started: Instant::now(),
            ended: false,
            open: None,
        }
    }

    /// Adds the id to the response. Returns `None` if the response ends the call: it has a status and no body.
    fn answered<B>(mut self, response: &mut Response<B>) -> Option<Self> {
        response.headers_mut().insert(REQUEST_ID_HEADER, self.id.header());
        let code = match codes::of_headers(response.headers()) {
            None if response.status() == StatusCode::OK => {
                self.open = self.metrics.stream_opened(self.method);
                return Some(self);
            }
            None => codes::of_http(response.status()),
            Some(code) => code,
        };
        self.end(code);
        None
    }

    /// Counts and logs the end of the call. Only the first code counts.
    fn end(&mut self, code: Code) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.open = None;
        let time = self.started.elapsed();
        self.metrics.call_ended(self.method, code, time);
        let name = codes::name(code);
        if self.traces {
            self.span.set_attribute("rpc.grpc.status_code", i64::from(code as i32));
            if codes::is_failure(code) {
                self.span.set_status(Status::error(name));
            }
        }
        let duration_ms = time.as_secs_f64() * 1e3;
        // Entered, because JSON lines show only entered spans, and ignore an event's explicit parent.
        let _in_span = self.span.enter();
        // The level of an event must be a constant.
        macro_rules! log {
            ($level:ident) => {
                $level!(target: "signoff::rpc", code = name, duration_ms, "call ended")
            };
        }
        match code {
            _ if METHODS[self.method].quiet => log!(debug),
            // A caller that stops waiting is as normal as one that gets a response.
            Code::Ok | Code::Cancelled => log!(debug),
            code if codes::is_failure(code) => log!(warn),
            _ => log!(info),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

pin_project! {
    /// The future of [`RpcService`].
    #[derive(Debug)]
    pub struct RpcFuture<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
    }
}

impl<F, B, E> Future for RpcFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<RpcBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = {
            let _in_span = this.call.as_ref().map(|call| call.span.enter());
            ready!(this.inner.poll(cx))
        };
        let call = this.call.take();
        Poll::Ready(match result {
            Ok(mut response) => {
                let call = call.and_then(|call| call.answered(&mut response));
                Ok(response.map(|inner| RpcBody { inner, call }))
            }
            Err(error) => {
                if let Some(mut call) = call {
                    call.end(Code::Unknown);
                }
                Err(error)
            }
        })
    }
}

pin_project! {
    /// The response body of [`RpcService`], which observes the end of the inner one.
    #[derive(Debug)]
    pub struct RpcBody<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B: Body> Body for RpcBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let polled = {
            let _in_span = this.call.as_ref().map(|call| call.span.enter());
            ready!(this.inner.poll_frame(cx))
        };
        let code = match &polled {
            Some(Ok(frame)) => {
                frame.trailers_ref().map(|trailers| codes::of_headers(trailers).unwrap_or(Code::Unknown))
            }
            // For a client, a body that breaks or ends without trailers has no status.
            Some(Err(_)) | None => Some(Code::Unknown),
        };
        if let Some(code) = code
            && let Some(mut call) = this.call.take()
        {
            call.end(code);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
