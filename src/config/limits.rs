use crate::{connections::ConnectionLimits, domain::limits::RequestLimits, grpc::CallLimits};

/// What a caller may send or hold, by what is limited: the settings `limits.…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What a request may hold.
    pub request: RequestLimits,
    /// PENDING approvals of one caller: 1 to 1,000,000.
    pub pending_per_caller: u32,
    /// What calls may cost.
    pub calls: CallLimits,
    /// How many connections there may be.
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
