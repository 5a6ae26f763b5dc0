//! Decodes the calls of PolicyService.

use std::sync::Arc;

use super::{Checker, Violation, Violations, policy, test_cases};
use crate::{
    domain::limits::RequestLimits,
    policy::{Policy, PolicyChange, TestCase, Tried},
    proto::v1,
    wire::page_token,
};

/// A page of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionsPage {
    /// Only versions older than this.
    pub before: Option<u64>,
    /// Maximum number of versions.
    pub limit: usize,
}

/// Decodes ListPolicyVersions.
///
/// # Errors
/// Every rule that it breaks.
pub fn policy_versions(
    message: &v1::ListPolicyVersionsRequest,
    limits: &RequestLimits,
) -> Result<VersionsPage, Violations> {
    let mut check = Checker::default();
    let limit = check.page_size(message.page_size, limits);
    let before = match message.page_token.as_str() {
        "" => None,
        token => page_token::decode_version(token).map_err(|error| check.refuse("page_token", error.to_string())).ok(),
    };
    check.finish(|| Some(VersionsPage { before, limit: limit? }))
}

/// Decodes SetPolicy, and compiles its policy.
///
/// # Errors
/// Every rule that it breaks, including those of the policy.
pub fn policy_change(message: v1::SetPolicyRequest, limits: &RequestLimits) -> Result<PolicyChange, Violations> {
    let v1::SetPolicyRequest { request_id, policy, expected_version, comment, validate_only } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    check.text("comment", &comment, limits.text_bytes);
    let policy = match policy {
        Some(policy) => check.compiled(policy),
        None => {
            check.refuse("policy", "is required; {} requires approval of every call");
            None
        }
    };
    let expected = expected_version;
    check.finish(|| Some(PolicyChange { request_id, policy: policy?, expected, comment, validate_only }))
}

/// The calls to evaluate, and the policy.
#[derive(Debug)]
pub struct PolicyTest {
    /// The policy to test.
    pub tried: Tried,
    /// The calls.
    pub cases: Vec<TestCase>,
}

/// Decodes TestPolicy.
///
/// # Errors
/// Every rule that it breaks, including those of the policy.
pub fn policy_test(message: v1::TestPolicyRequest, limits: &RequestLimits) -> Result<PolicyTest, Violations> {
    let v1::TestPolicyRequest { policy, version, cases } = message;
    let mut check = Checker::default();
    let tried = match (policy, version) {
        (Some(_), Some(_)) => {
            check.refuse("version", "must not be set together with `policy`");
            None
        }
        (Some(policy), None) => check.compiled(policy).map(Tried::Given),
        (None, Some(version)) => Some(Tried::Version(version)),
        (None, None) => Some(Tried::Live),
    };
    let cases = test_cases(cases, limits).map_err(|violations| check.add(violations.0)).ok();
    check.finish(|| Some(PolicyTest { tried: tried?, cases: cases? }))
}

impl Checker {
    /// Compiles the field `policy`.
    fn compiled(&mut self, message: v1::Policy) -> Option<Arc<Policy>> {
        let around = |Violation { field, description }| {
            let field = if field.is_empty() { "policy".to_owned() } else { format!("policy.{field}") };
            Violation { field, description }
        };
        policy(message).map(Arc::new).map_err(|violations| self.add(violations.into_iter().map(around))).ok()
    }

    /// Adds violations from elsewhere.
    fn add(&mut self, violations: impl IntoIterator<Item = Violation>) {
        for Violation { field, description } in violations {
            self.refuse(&field, description);
        }
    }
}
