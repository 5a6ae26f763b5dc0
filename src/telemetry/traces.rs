//! Exports spans to an OpenTelemetry collector.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::{
    KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// Maximum time to export the last spans, within the 5 s of a drain.
pub(super) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A provider that exports spans in batches, by gRPC, to `endpoint` (`http://host:port`). It connects at the first
/// export. Must be called inside a tokio runtime with several threads, which run the exports.
pub(super) fn provider(endpoint: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = Resource::builder()
        .with_service_name("signoff")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The layer that passes spans to `provider`: only those of this crate. Spans of the transport (h2, hyper, tonic) are
/// excluded, because each export would create spans to export.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("signoff"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target("signoff", Level::INFO))
}

/// Sets the parent of `span` from the W3C `traceparent` in `headers`, if there is exactly one and it is valid. The span
/// must not be entered yet. With two, another server on the way may have continued the other one.
pub(super) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if headers.get_all("traceparent").iter().count() != 1 {
        return;
    }
    let states = headers.get_all("tracestate").iter().filter_map(|state| state.to_str().ok());
    // The specification allows several headers.
    let metadata = Metadata { headers, state: states.collect::<Vec<_>>().join(",") };
    let context = TraceContextPropagator::new().extract(&metadata);
    if context.span().span_context().is_valid() {
        // Fails if no layer uses this span: then there is no trace to continue.
        let _ = span.set_parent(context);
    }
}

struct Metadata<'a> {
    headers: &'a HeaderMap,
    /// All `tracestate`, joined.
    state: String,
}

impl Extractor for Metadata<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if key == "tracestate" {
            return Some(&self.state);
        }
        self.headers.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.headers.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
