use crate::{connections::ConnectionLimits, domain::limits::RequestLimits, grpc::CallLimits};

/// Limits of requests, calls and connections: the settings `limits.…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Limits of one request.
    pub request: RequestLimits,
    /// Maximum number of PENDING approvals per caller: 1 to 1,000,000.
    pub pending_per_caller: u32,
    /// Limits of messages, streams, call rates and memory.
    pub calls: CallLimits,
    /// Limits of connections.
    pub connections: ConnectionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: RequestLimits::default(),
            pending_per_caller: 10_000,
            calls: CallLimits::default(),
            connections: ConnectionLimits::default(),
        }
    }
}
