//! Versions of the policy, and the rules that they follow in every store. What they say is opaque here.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{DOCUMENT_MAX, NAME_MAX, PolicyFault, StoreError};
use crate::domain::{Actor, Time, moment};

/// Keeps versions of the policy.
#[async_trait]
pub trait PolicyStore: Send + Sync + 'static {
    /// Records a new version of the policy, or finds the one that the same author recorded with the same `request_id`.
    ///
    /// # Errors
    /// [`StoreError::PolicyChanged`] when the newest version is not the expected one,
    /// [`StoreError::PolicyRequestIdReused`], [`StoreError::BadPolicy`] when it is too long, or a failure.
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError>;

    /// A version of the policy; the newest one without a number. `None` when there is none.
    ///
    /// # Errors
    /// A failure.
    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError>;

    /// Versions of the policy older than `before`, all without it: the newest first, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError>;
}

/// A policy to record.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// What it says, at most [`DOCUMENT_MAX`] bytes.
    pub document: Arc<str>,
    /// Who sets it.
    pub author: Actor,
    /// Why.
    pub comment: String,
    /// The author's idempotency key.
    pub request_id: Option<String>,
    /// What must be the newest version, 0 for none; without it, any may be.
    pub expected: Option<u64>,
    /// When it was accepted.
    pub now: Time,
}

/// A version of the policy, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyHead {
    /// 1, 2, 3…; 0 stands for "none was set".
    pub version: u64,
    /// Who set it.
    pub author: Actor,
    /// Why.
    pub comment: String,
    /// When; never before an older version.
    #[serde(with = "moment")]
    pub at: Time,
}

/// A version of the policy: the unit of export and import. Never changes, and is never forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVersion {
    /// Which version, by whom.
    pub head: PolicyHead,
    /// The author's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What its author expected to be the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// What it says.
    pub document: Arc<str>,
}

impl NewPolicy {
    /// For implementations of stores: the version that follows the newest one. Look first for a version with the same
    /// author and `request_id` ([`is_by`](PolicyVersion::is_by)): what is a repetition makes no version.
    ///
    /// # Errors
    /// [`StoreError::PolicyChanged`] when the newest version is not the expected one, or what
    /// [`check`](PolicyVersion::check) says.
    pub fn after(self, newest: Option<&PolicyHead>) -> Result<PolicyVersion, StoreError> {
        let Self { document, author, comment, request_id, expected, now } = self;
        let last = newest.map_or(0, |newest| newest.version);
        if expected.is_some_and(|expected| expected != last) {
            return Err(StoreError::PolicyChanged { version: last });
        }
        let at = newest.map_or(now, |newest| newest.at.max(now));
        let head = PolicyHead { version: last + 1, author, comment, at };
        let version = PolicyVersion { head, request_id, expected, document };
        version.check(newest)?;
        Ok(version)
    }
}

impl PolicyVersion {
    /// For implementations of stores: whether an author recorded it under this `request_id`.
    #[must_use]
    pub fn is_by(&self, author: &Actor, request_id: &str) -> bool {
        self.head.author.is(author) && self.request_id.as_deref() == Some(request_id)
    }

    /// For implementations of stores: rejects what has its author and `request_id`, but is not a repetition.
    ///
    /// # Errors
    /// [`StoreError::PolicyRequestIdReused`].
    pub fn check_repetition(&self, again: &NewPolicy) -> Result<(), StoreError> {
        let NewPolicy { document, comment, request_id, expected, .. } = again;
        let field = if self.document != *document {
            "policy"
        } else if self.expected != *expected {
            "expected_version"
        } else if self.head.comment != *comment {
            "comment"
        } else {
            return Ok(());
        };
        let request_id = request_id.clone().unwrap_or_default();
        Err(StoreError::PolicyRequestIdReused { request_id, version: self.head.version, field })
    }

    /// For implementations of stores: rejects what cannot follow the newest version, or is too long to store.
    ///
    /// # Errors
    /// [`StoreError::BadPolicy`].
    pub fn check(&self, newest: Option<&PolicyHead>) -> Result<(), StoreError> {
        let Actor { issuer, subject, .. } = &self.head.author;
        let last = newest.map_or(0, |newest| newest.version);
        let mut names = [issuer, subject].into_iter().chain(&self.request_id);
        let ordered = newest.is_none_or(|newest| newest.at <= self.head.at);
        let fault = if self.head.version.checked_sub(1) != Some(last) || !ordered {
            PolicyFault::OutOfOrder { newest: last }
        } else if self.expected.is_some_and(|expected| expected != last) {
            PolicyFault::Unexpected
        } else if names.any(|name| name.len() > NAME_MAX || name.contains('\0')) {
            PolicyFault::BadName
        } else if self.document.len() > DOCUMENT_MAX {
            PolicyFault::DocumentTooLong
        } else {
            return Ok(());
        };
        Err(StoreError::BadPolicy(self.head.version, fault))
    }
}
