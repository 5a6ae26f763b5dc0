use std::sync::Arc;

use super::Policy;

/// A policy to set.
#[derive(Clone, Debug)]
pub struct PolicyChange {
    /// The caller's idempotency key.
    pub request_id: Option<String>,
    /// The policy.
    pub policy: Arc<Policy>,
    /// The version that must be live.
    pub expected: Option<u64>,
    /// The author's comment.
    pub comment: String,
    /// Only check.
    pub validate_only: bool,
}

/// Which policy to try.
#[derive(Clone, Debug)]
pub enum Tried {
    /// The live one.
    Live,
    /// A version.
    Version(u64),
    /// One that is not set.
    Given(Arc<Policy>),
}
