//! What every gRPC call gets: an id, a span, its counts, and a log line at its end.

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

/// Wraps the gRPC services of a server. Requests whose content type is not `application/grpc…` pass through untouched.
///
/// Each call gets a [`RequestId`] (in its request's extensions and its answer's headers), a span `rpc` with `method`
/// and `request_id`, and is counted with its final status; a call that is dropped before its status is sent counts as
/// `CANCELLED`. At its end one line is logged to the target `signoff::rpc`: at debug when it ended OK, since a busy
/// server ends tens of thousands a second, or is a health check or reflection; at warn when the server failed (UNKNOWN,
/// INTERNAL, UNAVAILABLE, DATA_LOSS); else at info.
///
/// gRPC-Web carries trailers inside the body, where this layer does not look: put it inside tonic-web's layer.
#[derive(Clone, Debug)]
pub struct RpcLayer {
    metrics: Metrics,
    traces: bool,
}

impl RpcLayer {
    /// Counts into `metrics`. With `traces`, which [`Guard::exports_traces`](super::Guard::exports_traces) tells, spans
    /// also continue the trace of the caller's `traceparent` and carry OpenTelemetry's attributes.
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

/// The service that [`RpcLayer`] makes.
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

/// Whether this is a call: its one content type is `application/grpc…`. Pages of other origins can have a browser,
/// which may have a client certificate, send requests of a few other types without asking this server first; and of two
/// types a proxy may have read the other one.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.as_bytes().get(..GRPC.len()));
    first.is_some_and(|start| start.eq_ignore_ascii_case(GRPC)) && types.next().is_none()
}

/// One call, from its request to its status.
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
        // At the level of errors, so that a filter that keeps only those still has their request id. With logs off the
        // span is disabled, and all that is done with it costs next to nothing.
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

    /// Puts the id into the answer. `None` when the answer is the call's end: it has a status and no body.
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

    /// Counts and logs the call; the first code counts.
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
        // Entered, as JSON lines list only the spans that are: they pass over an event's explicit parent.
        let _in_span = self.span.enter();
        // The level of an event must be a constant.
        macro_rules! log {
            ($level:ident) => {
                $level!(target: "signoff::rpc", code = name, duration_ms, "call ended")
            };
        }
        match code {
            _ if METHODS[self.method].quiet => log!(debug),
            // A caller that stops waiting is as ordinary as one that is answered.
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
    /// Future of [`RpcService`].
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
    /// Body of an answer of [`RpcService`]: the inner one, with its end observed.
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
            // To a client, a body that breaks or ends without trailers has no status.
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
