//! Versions of the policy, and the rules that they follow in every store. Their documents are opaque here.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{DOCUMENT_MAX, NAME_MAX, PolicyFault, StoreError};
use crate::domain::{Actor, Digest, Time, moment};

/// Stores versions of the policy.
#[async_trait]
pub trait PolicyStore: Send + Sync + 'static {
    /// Records a new version of the policy, or finds the one that the same author recorded with the same `request_id`.
    ///
    /// If the newest version has the same document, the call makes no version: it returns the newest one, and the same
    /// transaction records the `request_id`, so that a repetition finds that version whatever is set later.
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

    /// Versions of the policy older than `before`, or of any age without it: newest first, at most `limit`.
    ///
    /// # Errors
    /// A failure.
    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError>;
}

/// A policy to record.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// The policy's text, at most [`DOCUMENT_MAX`] bytes.
    pub document: Arc<str>,
    /// Who sets it.
    pub author: Actor,
    /// Why.
    pub comment: String,
    /// The author's idempotency key.
    pub request_id: Option<String>,
    /// The version that must be the newest; 0 for none. Without it, any may be.
    pub expected: Option<u64>,
    /// When the call arrived.
    pub now: Time,
}

/// A version of the policy, without its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyHead {
    /// 1, 2, 3…; 0 means that no policy was set.
    pub version: u64,
    /// Who set it.
    pub author: Actor,
    /// Why.
    pub comment: String,
    /// When; never earlier than an older version.
    #[serde(with = "moment")]
    pub at: Time,
}

/// A version of the policy: the unit of export and import. It never changes, and is never forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVersion {
    /// The number, author and time.
    pub head: PolicyHead,
    /// The author's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What its author expected to be the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// The policy's text.
    pub document: Arc<str>,
}

/// A SetPolicy call that made no version, because the newest one had the same document.
///
/// It is recorded for its idempotency key: a repetition must find the version that the first call found. Otherwise a
/// late repetition could set that policy again, after another one was set. It is also a unit of export and import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnchangedPolicy {
    /// The version with the same document.
    pub version: u64,
    /// Who called.
    pub author: Actor,
    /// The author's idempotency key.
    pub request_id: String,
    /// What its author expected to be the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Hash of its comment, to compare a repetition with.
    pub comment: Digest,
}

/// The result of [`NewPolicy::after`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPolicy {
    /// A version that follows the newest one.
    Version(PolicyVersion),
    /// No version: the newest one has the same document. Holds the call to record, if it has an idempotency key.
    Unchanged(Option<UnchangedPolicy>),
}

impl NewPolicy {
    /// For implementations of stores: what to record after the newest version. First look for a version and for an
    /// unchanged policy with the same author and `request_id` ([`PolicyVersion::is_by`], [`UnchangedPolicy::is_by`]): a
    /// repetition gets the version of the first call.
    ///
    /// # Errors
    /// [`StoreError::PolicyChanged`] when the newest version is not the expected one, or the errors of
    /// [`PolicyVersion::check`] and [`UnchangedPolicy::check`].
    pub fn after(self, newest: Option<&PolicyVersion>) -> Result<NextPolicy, StoreError> {
        let last = newest.map_or(0, |newest| newest.head.version);
        if self.expected.is_some_and(|expected| expected != last) {
            return Err(StoreError::PolicyChanged { version: last });
        }
        if let Some(same) = newest.filter(|newest| newest.document == self.document) {
            let Self { author, request_id, expected, comment, .. } = self;
            let comment = Digest::of_bytes(comment.as_bytes());
            let call =
                request_id.map(|request_id| UnchangedPolicy { version: last, author, request_id, expected, comment });
            call.as_ref().map_or(Ok(()), |call| call.check(Some(same)))?;
            return Ok(NextPolicy::Unchanged(call));
        }
        let newest = newest.map(|newest| &newest.head);
        let Self { document, author, comment, request_id, expected, now } = self;
        let at = newest.map_or(now, |newest| newest.at.max(now));
        let head = PolicyHead { version: last + 1, author, comment, at };
        let version = PolicyVersion { head, request_id, expected, document };
        version.check(newest)?;
        Ok(NextPolicy::Version(version))
    }

    /// Rejects a repetition that differs from the first call.
    fn repeats(&self, version: &PolicyVersion, expected: Option<u64>, same_comment: bool) -> Result<(), StoreError> {
        let field = if self.document != version.document {
            "policy"
        } else if self.expected != expected {
            "expected_version"
        } else if !same_comment {
            "comment"
        } else {
            return Ok(());
        };
        let request_id = self.request_id.clone().unwrap_or_default();
        Err(StoreError::PolicyRequestIdReused { request_id, version: version.head.version, field })
    }
}

impl UnchangedPolicy {
    /// For implementations of stores: whether it has this author and `request_id`.
    #[must_use]
    pub fn is_by(&self, author: &Actor, request_id: &str) -> bool {
        self.author.is(author) && self.request_id == request_id
    }

    /// For implementations of stores: rejects a call that reuses the author's `request_id` with other content.
    /// `version` is the version that this one refers to.
    ///
    /// # Errors
    /// [`StoreError::PolicyRequestIdReused`].
    pub fn check_repetition(&self, again: &NewPolicy, version: &PolicyVersion) -> Result<(), StoreError> {
        again.repeats(version, self.expected, Digest::of_bytes(again.comment.as_bytes()) == self.comment)
    }

    /// For implementations of stores: rejects a call that cannot be stored. `version` is the version that it refers to,
    /// if that is stored.
    ///
    /// # Errors
    /// [`StoreError::BadPolicy`].
    pub fn check(&self, version: Option<&PolicyVersion>) -> Result<(), StoreError> {
        let Actor { issuer, subject, .. } = &self.author;
        let names = [issuer, subject, &self.request_id];
        let fault = if version.is_none_or(|version| version.head.version != self.version) {
            PolicyFault::Missing
        } else if self.expected.is_some_and(|expected| expected != self.version) {
            PolicyFault::Unexpected
        } else if names.iter().any(|name| unusable(name)) {
            PolicyFault::BadName
        } else {
            return Ok(());
        };
        Err(StoreError::BadPolicy(self.version, fault))
    }
}

/// Whether a name cannot be part of a key.
fn unusable(name: &str) -> bool {
    name.len() > NAME_MAX || name.contains('\0')
}

impl PolicyVersion {
    /// For implementations of stores: whether it has this author and `request_id`.
    #[must_use]
    pub fn is_by(&self, author: &Actor, request_id: &str) -> bool {
        self.head.author.is(author) && self.request_id.as_deref() == Some(request_id)
    }

    /// For implementations of stores: rejects a call that reuses the author's `request_id` with other content.
    ///
    /// # Errors
    /// [`StoreError::PolicyRequestIdReused`].
    pub fn check_repetition(&self, again: &NewPolicy) -> Result<(), StoreError> {
        again.repeats(self, self.expected, again.comment == self.head.comment)
    }

    /// For implementations of stores: rejects a version that does not follow the newest one, or is too long to store.
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
        } else if names.any(|name| unusable(name)) {
            PolicyFault::BadName
        } else if self.document.len() > DOCUMENT_MAX {
            PolicyFault::DocumentTooLong
        } else {
            return Ok(());
        };
        Err(StoreError::BadPolicy(self.head.version, fault))
    }
}
