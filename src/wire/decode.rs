//! Requests from the wire, checked: every violation is found, not only the first.
//!
//! One function per call turns a message into the input of a use-case. A `Checker` collects what is wrong on the way;
//! fields are named by their path in the message, such as `agent.chain[2]` or `arguments.items[3].price`.

use crate::domain::ApprovalId;

mod actions;
mod lists;
mod names;
mod people;
mod policy;
mod policy_calls;
mod request;
mod scalars;
mod tokens;

pub use actions::{Wait, cancellation, claim, decision, report, wait};
pub use lists::{list_approvals, list_pending, watch_pending};
pub use policy::{document, policy, test_cases};
pub use policy_calls::{PolicyTest, VersionsPage, policy_change, policy_test, policy_versions};
pub use request::request;
pub use tokens::{TokensPage, new_token, token_id, tokens};

/// Most violations that are kept; further ones are counted.
const KEPT: usize = 50;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub description: String,
}

/// Everything that is wrong with a request, at most 51: the last one then tells how many more there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request breaks {} rules", .0.len())]
pub struct Violations(pub Vec<Violation>);

/// Collects violations.
#[derive(Debug, Default)]
pub(super) struct Checker {
    kept: Vec<Violation>,
    more: usize,
    /// Path of the message that is looked at, within the request; with a dot at its end, if it is not the request.
    around: String,
}

impl Checker {
    pub(super) fn refuse(&mut self, field: &str, description: impl Into<String>) {
        if self.kept.len() < KEPT {
            self.kept.push(Violation { field: format!("{}{field}", self.around), description: description.into() });
        } else {
            self.more += 1;
        }
    }

    /// Has `check` look at the message in `field`, whose fields it names without that.
    pub(super) fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.around.len();
        self.around.extend([field, "."]);
        let checked = check(self);
        self.around.truncate(length);
        checked
    }

    /// What `build` makes of the checked fields. It is not asked when anything was refused, and may only return `None`
    /// for a field that was.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Violations> {
        if self.kept.is_empty()
            && let Some(built) = build()
        {
            return Ok(built);
        }
        Err(Violations(self.into_violations()))
    }

    /// Everything that was refused.
    pub(super) fn into_violations(mut self) -> Vec<Violation> {
        if self.more > 0 {
            self.kept.push(Violation { field: String::new(), description: format!("… and {} more", self.more) });
        }
        self.kept
    }
}

/// The `approval_id` of a call that has nothing else to check.
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
