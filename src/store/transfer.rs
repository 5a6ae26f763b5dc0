//! Export and import, which move the content of one store to another.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{NAME_MAX, PolicyVersion, StoreError, UnchangedPolicy};
use crate::domain::{ApprovalId, Event, Refusal, Time, after};

/// Exports and imports in a form that all stores share. Tokens move with [`TokenStore`](super::TokenStore), which
/// accepts copies.
#[async_trait]
pub trait Transfer: Send + Sync + 'static {
    /// Whole histories of the approvals with ids after `after`, in order of id, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError>;

    /// Imports histories: all or none. It skips histories that are stored already with the same events, and those whose
    /// `request_id` belongs to a forgotten approval. Returns the number of new ones.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::BadHistory`], or a failure.
    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError>;

    /// `request_id`s of forgotten approvals after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError>;

    /// Imports forgotten `request_id`s: all or none. It skips one that belongs to a stored approval, or is stored
    /// already with a later time. Returns the number of new ones.
    ///
    /// # Errors
    /// [`StoreError::BadForgotten`], or a failure.
    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError>;

    /// Versions of the policy newer than `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Imports versions of the policy, in order: all or none. It skips versions that are stored already and equal.
    /// Returns the number of new ones.
    ///
    /// # Errors
    /// [`StoreError::PolicyConflict`], [`StoreError::BadPolicy`], or a failure.
    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError>;

    /// SetPolicy calls that made no version, after `after`, in order of author and `request_id`, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError>;

    /// Imports such calls: all or none. Import their versions first. It skips calls that are stored already and equal.
    /// Returns the number of new ones.
    ///
    /// # Errors
    /// [`StoreError::PolicyConflict`], [`StoreError::BadPolicy`], or a failure.
    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError>;
}

/// An approval's id and events, which hold everything about it: the unit of export and import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The approval's id.
    pub id: ApprovalId,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// How long a `request_id` is remembered after its approval was forgotten. A request waits for at most 7 days, and its
/// caller may repeat it during that time; one more day is a margin.
pub const REMEMBERED: Duration = Duration::from_secs(8 * 86_400);

/// A `request_id` whose approval was forgotten. Orders by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// When its approval was forgotten.
    #[serde(with = "crate::domain::moment")]
    pub at: Time,
    /// The issuer of the caller's name.
    pub issuer: String,
    /// The caller's name.
    pub subject: String,
    /// The caller's idempotency key.
    pub request_id: String,
}

impl Forgotten {
    /// When the key becomes usable again.
    #[must_use]
    pub fn until(&self) -> Time {
        after(self.at, REMEMBERED)
    }

    /// For implementations of stores: rejects the key until then.
    ///
    /// # Errors
    /// [`Refusal::RequestForgotten`].
    pub fn check(&self, now: Time) -> Result<(), Refusal> {
        let until = self.until();
        if now < until { Err(Refusal::RequestForgotten { request_id: self.request_id.clone(), until }) } else { Ok(()) }
    }

    /// For implementations of stores: why it cannot be stored; `None` if it can.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let names = [&self.issuer, &self.subject, &self.request_id];
        if names.iter().any(|name| name.len() > NAME_MAX) {
            return Some("a name is longer than 1024 bytes");
        }
        names.iter().any(|name| name.contains('\0')).then_some("a name contains a NUL")
    }
}
