//! Why a store did not do what it was asked.

use std::sync::Arc;

use super::{DOCUMENT_MAX, NAME_MAX};
use crate::domain::{ApprovalId, FreezeError, Refusal, ReplayError, TokenId};

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such approval.
    #[error("no such approval")]
    NotFound,
    /// The domain forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another approval is stored under this id.
    #[error("another approval is stored as {0}")]
    Conflict(ApprovalId),
    /// Events that no approval can have.
    #[error("the events of {0} are wrong: {1}")]
    BadHistory(ApprovalId, ReplayError),
    /// The newest version of the policy is not the expected one.
    #[error("the policy has changed: its newest version is {version}")]
    PolicyChanged {
        /// The newest version; 0 when none was set.
        version: u64,
    },
    /// The idempotency key belongs to another version of the policy by the same author.
    #[error("this request_id was used before with another {field}; use a new request_id for a new version")]
    PolicyRequestIdReused {
        /// The key.
        request_id: String,
        /// The version that it was used for.
        version: u64,
        /// The first field of SetPolicy that differs.
        field: &'static str,
    },
    /// Another version of the policy is stored under this number, or with its author and `request_id`.
    #[error("version {0} of the policy conflicts with one that is stored")]
    PolicyConflict(u64),
    /// What cannot be a version of the policy.
    #[error("version {0} of the policy is wrong: {1}")]
    BadPolicy(u64, PolicyFault),
    /// Another token is kept under this id.
    #[error("another token is kept as {0}")]
    TokenConflict(TokenId),
    /// What cannot be a token.
    #[error("token {0} is wrong: {1}")]
    BadToken(TokenId, &'static str),
    /// Calls were not frozen, or not thawed.
    #[error(transparent)]
    Freeze(#[from] FreezeError),
    /// What cannot be a request_id that was forgotten.
    #[error("the forgotten request_id {0:?} is wrong: {1}")]
    BadForgotten(String, &'static str),
    /// The store has failed or is closed. What was asked may or may not have been recorded.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// What is stored is damaged, or contradicts itself. Nothing is done with it.
    #[error("stored data is damaged: {0}")]
    Corrupt(Arc<str>),
    /// A record was written by a later version. It may restrict what it stands for, so that nothing is done with it.
    #[error("stored data was written by a later version: {0}")]
    Newer(Arc<str>),
}

/// Why something cannot be a version of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A gap, or time running backwards.
    #[error("it does not follow version {newest}, or is earlier than it")]
    OutOfOrder {
        /// The newest version; 0 for none.
        newest: u64,
    },
    /// Its author expected another version, so that it would have been refused.
    #[error("it expects another version than the one before it")]
    Unexpected,
    /// A call that found a version which is not stored.
    #[error("it is not stored")]
    Missing,
    /// A name that no store could index.
    #[error("a name is longer than {NAME_MAX} bytes, or holds a NUL")]
    BadName,
    /// A document that no store takes.
    #[error("its document is longer than {DOCUMENT_MAX} bytes")]
    DocumentTooLong,
}
