//! Telemetry for operators: logs, metrics, and traces.
//!
//! - [`init`] sends logs to stderr and, if configured, spans to an OpenTelemetry collector.
//! - [`ApprovalLog`] writes a line per event of an approval.
//! - [`Metrics`] counts; [`Metrics::render`] is the content of `/metrics`.
//! - [`RpcLayer`] gives every gRPC call a request id, a span, its counts and one log line.

mod approval_log;
mod bounded_counts;
mod codes;
mod connection_end;
mod logs;
mod methods;
mod metrics;
mod request_id;
mod rpc;
mod traces;

#[cfg(test)]
pub(crate) use self::logs::tests as test_logs;
pub(crate) use self::rpc::is_grpc;
pub use self::{
    approval_log::ApprovalLog,
    connection_end::ConnectionEnd,
    logs::{Error, Format, Guard, Options, init, unfiltered},
    metrics::{CONTENT_TYPE, Metrics, OutboxBacklog, reference_markdown},
    request_id::{REQUEST_ID_HEADER, RequestId},
    rpc::{RpcBody, RpcFuture, RpcLayer, RpcService},
};
