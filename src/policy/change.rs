use std::sync::Arc;

use super::Policy;

/// A policy to set.
#[derive(Clone, Debug)]
pub struct PolicyChange {
    /// The caller's idempotency key.
    pub request_id: Option<String>,
    /// The policy.
    pub policy: Arc<Policy>,
    /// The version that must be live. `None`: any.
    pub expected: Option<u64>,
    /// The author's comment.
    pub comment: String,
    /// Only validate, without setting it.
    pub validate_only: bool,
}

/// The policy to test.
#[derive(Clone, Debug)]
pub enum Tried {
    /// The live one.
    Live,
    /// A version.
    Version(u64),
    /// A policy that is not set.
    Given(Arc<Policy>),
}
