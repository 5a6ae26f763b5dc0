//! Where logs and spans go.

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

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour on a terminal, unless `NO_COLOR` or `TERM=dumb` is set.
    Text,
    /// A JSON object in each line, for machines.
    Json,
}

/// What [`init`] sets up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How log lines are written.
    pub format: Format,
    /// What is logged: directives such as `info,signoff::rpc=debug`, or `off`. Traces do not depend on it.
    pub filter: String,
    /// gRPC endpoint of an OpenTelemetry collector, `http://host:port`, for traces; none: no traces.
    pub otlp_endpoint: Option<String>,
}

/// Why logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// [`Options::filter`] is malformed.
    #[error("invalid log filter: {0}")]
    Filter(#[from] ParseError),
    /// [`Options::otlp_endpoint`] cannot be used.
    #[error("cannot export traces: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// Traces are sent by tokio, and [`init`] was called outside of it.
    #[error("cannot export traces: no tokio runtime is running")]
    NoRuntime,
    /// This process has its logs set up already.
    #[error("logging is already initialized: {0}")]
    AlreadySet(#[from] TryInitError),
}

/// Keeps traces flowing. Call [`Guard::shutdown`] at the end, or the last spans may be lost.
#[derive(Debug)]
#[must_use = "the last spans are lost when nobody shuts the exporter down"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Guard {
    /// Whether spans go to a collector.
    pub fn exports_traces(&self) -> bool {
        self.provider.is_some()
    }

    /// Sends the spans that are still waiting, for a second at most, and stops exporting. A failure is logged.
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
/// When the filter or the endpoint cannot be used, without a runtime for the endpoint, or when called twice.
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

/// A log on stderr of everything, whatever the filter: for a process's first and last lines.
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
        // The filter decides for all: what it leaves out is never made.
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
        // All spans, as the innermost alone need not be the one with the request id.
        Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(true).boxed(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
