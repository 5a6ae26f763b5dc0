//! Decodes and validates requests. Reports every violation, not only the first.
//!
//! One function per call converts a message to the input of a use-case. A `Checker` collects the violations. Fields are
//! named by their path in the message, such as `agent.chain[2]` or `arguments.items[3].price`.

use super::violations::Checker;
pub use super::violations::{Violation, Violations};
use crate::domain::ApprovalId;

mod actions;
mod admin;
mod deliveries;
mod lists;
mod names;
mod people;
mod policy;
mod policy_calls;
mod request;
mod scalars;
mod sessions;
mod tokens;

pub use actions::{Wait, cancellation, claim, decision, report, revocation, wait};
pub use admin::{FreezeCall, ThawCall, freeze, thaw};
pub use deliveries::{DeliveriesPage, RetryCall, deliveries, retry_delivery, test_channel};
pub use lists::{list_approvals, list_pending, watch_pending};
pub use policy::{document, policy, test_cases};
pub use policy_calls::{PolicyTest, VersionsPage, policy_change, policy_test, policy_versions};
pub use request::{InvalidRequest, known_schema, request};
pub use sessions::{BlockCall, EndSessionsCall, SessionsPage, UnblockCall, block, end_sessions, sessions, unblock};
pub use tokens::{TokensPage, new_token, token_id, tokens};

/// Decodes the `approval_id` of a call without other fields to check.
///
/// # Errors
/// When it is not a UUID.
pub fn approval_id(text: &str) -> Result<ApprovalId, Violations> {
    let mut check = Checker::default();
    let id = check.id("approval_id", text);
    check.finish(|| id)
}

#[cfg(test)]
mod tests;
