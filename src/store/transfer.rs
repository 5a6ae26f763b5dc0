//! What moves a store's content to another one.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{NAME_MAX, PolicyVersion, StoreError, UnchangedPolicy};
use crate::domain::{ApprovalId, Event, Refusal, Time, after};

/// Exports and imports in a form that every store has. Tokens move by [`TokenStore`](super::TokenStore), which takes
/// copies.
#[async_trait]
pub trait Transfer: Send + Sync + 'static {
    /// Whole histories of the approvals with ids beyond `after`, in order of id, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError>;

    /// Takes histories from an export: all of them or none. One that is stored already, with the same events, is
    /// skipped, and so is one whose `request_id` is remembered as that of an approval that was forgotten. Returns how
    /// many are new.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::BadHistory`], or a failure.
    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError>;

    /// `request_id`s of approvals that were forgotten, beyond `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError>;

    /// Takes `request_id`s from an export: all of them or none. One that is known already, as used for an approval or
    /// as forgotten later, stays as it is. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::BadForgotten`], or a failure.
    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError>;

    /// Versions of the policy newer than `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Takes versions of the policy from an export, in order: all of them or none. One that is stored already, and is
    /// the same, is skipped. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::PolicyConflict`], [`StoreError::BadPolicy`], or a failure.
    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError>;

    /// Calls that set what was set already, beyond `after`, in order of author and `request_id`, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError>;

    /// Takes such calls from an export: all of them or none. Their versions are there already. One that is stored, and
    /// is the same, is skipped. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::PolicyConflict`], [`StoreError::BadPolicy`], or a failure.
    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError>;
}

/// An approval with its events, which say everything about it: the unit of export and import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The approval's id.
    pub id: ApprovalId,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// How long a `request_id` is remembered after its approval was forgotten. A request waits for 7 days at most, and its
/// caller may repeat it for as long; a day more is for those who come late.
pub const REMEMBERED: Duration = Duration::from_secs(8 * 86_400);

/// A `request_id` whose approval was forgotten. Sorted by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// When its approval was forgotten.
    #[serde(with = "crate::domain::moment")]
    pub at: Time,
    /// Who says who the caller was.
    pub issuer: String,
    /// The caller.
    pub subject: String,
    /// The caller's idempotency key.
    pub request_id: String,
}

impl Forgotten {
    /// From this moment on it is as if the key had never been used.
    #[must_use]
    pub fn until(&self) -> Time {
        after(self.at, REMEMBERED)
    }

    /// For implementations of stores: rejects the key while it is remembered.
    ///
    /// # Errors
    /// [`Refusal::RequestForgotten`].
    pub fn check(&self, now: Time) -> Result<(), Refusal> {
        let until = self.until();
        if now < until { Err(Refusal::RequestForgotten { request_id: self.request_id.clone(), until }) } else { Ok(()) }
    }

    /// For implementations of stores: why it cannot be stored; `None` when it can.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let names = [&self.issuer, &self.subject, &self.request_id];
        if names.iter().any(|name| name.len() > NAME_MAX) {
            return Some("a name is longer than 1024 bytes");
        }
        names.iter().any(|name| name.contains('\0')).then_some("a name contains a NUL")
    }
}
