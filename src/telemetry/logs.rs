//! Sets up logs and traces.

use std::io;

use anstream::{AutoStream, ColorChoice};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry,
    registry::LookupSpan,
    util::{SubscriberInitExt as _, TryInitError},
};

use super::traces;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people. In color on a terminal, unless `NO_COLOR` or `TERM=dumb` is set.
    Text,
    /// A JSON object per line, for programs.
    Json,
}

/// Options of [`init`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Format of log lines.
    pub format: Format,
    /// Filter: directives such as `info,signoff::rpc=debug`, or `off`. Does not affect traces.
    pub filter: String,
    /// gRPC endpoint of an OpenTelemetry collector, `http://host:port`. `None`: no traces.
    pub otlp_endpoint: Option<String>,
}

/// Why logs or traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// [`Options::filter`] is malformed.
    #[error("invalid log filter: {0}")]
    Filter(#[from] ParseError),
    /// [`Options::otlp_endpoint`] cannot be used.
    #[error("cannot export traces: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// [`init`] was called outside of a tokio runtime, which traces need.
    #[error("cannot export traces: no tokio runtime is running")]
    NoRuntime,
    /// Logging is already initialized in this process.
    #[error("logging is already initialized: {0}")]
    AlreadySet(#[from] TryInitError),
}

/// Keeps exporting traces. Call [`Guard::shutdown`] at the end, or the last spans may be lost.
#[derive(Debug)]
#[must_use = "the last spans are lost when nobody shuts the exporter down"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Guard {
    /// Whether spans are exported to a collector.
    pub fn exports_traces(&self) -> bool {
        self.provider.is_some()
    }

    /// Exports the remaining spans, for at most a second, and stops. A failure is logged.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(traces::FLUSH_TIMEOUT)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot export the last spans"),
            Err(error) => tracing::warn!(%error, "cannot export the last spans"),
        }
    }
}

/// Sends this process's logs to stderr and, with an endpoint, its spans to a collector. Call it once; with an endpoint,
/// inside a tokio runtime of several threads.
///
/// # Errors
///
/// When the filter or the endpoint is invalid, without a runtime for the endpoint, or at a second call.
pub fn init(options: &Options) -> Result<Guard, Error> {
    let filter = EnvFilter::builder().parse(&options.filter)?;
    let provider = match &options.otlp_endpoint {
        None => None,
        Some(_) if tokio::runtime::Handle::try_current().is_err() => return Err(Error::NoRuntime),
        Some(endpoint) => Some(traces::provider(endpoint)?),
    };
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    dispatch(options.format, filter, colour, io::stderr, provider.as_ref()).try_init()?;
    Ok(Guard { provider })
}

/// A log to stderr without a filter: for the first and last lines of a process.
pub fn unfiltered(format: Format) -> Dispatch {
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    Dispatch::new(registry().with(lines(format, colour, io::stderr)))
}

fn dispatch<W>(
    format: Format,
    filter: EnvFilter,
    colour: bool,
    writer: W,
    provider: Option<&SdkTracerProvider>,
) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match provider {
        // One filter for all: filtered events are never created.
        None => Dispatch::new(registry().with(filter).with(lines(format, colour, writer))),
        Some(provider) => {
            let lines = lines(format, colour, writer).with_filter(filter);
            Dispatch::new(registry().with(traces::layer(provider)).with(lines))
        }
    }
}

/// The layer that writes lines.
fn lines<S, W>(format: Format, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match format {
        Format::Text => lines.with_ansi(colour).boxed(),
        // All spans: the request id may be on an outer span, not the innermost one.
        Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(true).boxed(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
