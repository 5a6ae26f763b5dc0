//! Errors of a store.

use std::sync::Arc;

use super::{DOCUMENT_MAX, NAME_MAX};
use crate::domain::{ApprovalId, BlockError, ChannelName, FreezeError, Refusal, ReplayError, SessionId, TokenId};

/// Why a store operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such approval.
    #[error("no such approval")]
    NotFound,
    /// The domain forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another approval is stored under this id, or with the caller and `request_id` of this one.
    #[error("approval {0} conflicts with a stored one: same id or same request_id")]
    Conflict(ApprovalId),
    /// The events do not form a valid history.
    #[error("the events of approval {0} are invalid: {1}")]
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
    #[error("version {0} of the policy conflicts with a stored version")]
    PolicyConflict(u64),
    /// A version of the policy that cannot be stored.
    #[error("version {0} of the policy is invalid: {1}")]
    BadPolicy(u64, PolicyFault),
    /// Another token is stored under this id.
    #[error("another token is stored under the id {0}")]
    TokenConflict(TokenId),
    /// A token that cannot be stored.
    #[error("token {0} is invalid: {1}")]
    BadToken(TokenId, &'static str),
    /// Another session is stored under this id.
    #[error("another session is stored under the id {0}")]
    SessionConflict(SessionId),
    /// A session that cannot be stored.
    #[error("session {0} is invalid: {1}")]
    BadSession(SessionId, &'static str),
    /// Blocking or unblocking a subject failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A freeze or a thaw failed.
    #[error(transparent)]
    Freeze(#[from] FreezeError),
    /// The call was checked with older control data, and newer ones restrict. Check it again, and repeat it: see
    /// [`ControlStore::as_of`](super::ControlStore::as_of).
    #[error("tokens, sessions, blocked subjects or the policy have changed")]
    Outdated,
    /// A server takes the policy from a file.
    #[error("a server of this store takes its policy from a file")]
    PolicyFromFile,
    /// A forgotten `request_id` that cannot be stored.
    #[error("the forgotten request_id {0:?} is invalid: {1}")]
    BadForgotten(String, &'static str),
    /// A lane that cannot be stored.
    #[error("the messages of channel {0} about approval {1} are invalid: {2}")]
    BadLane(ChannelName, ApprovalId, &'static str),
    /// Too much has changed since a snapshot was taken: the store no longer keeps its state.
    #[error("the snapshot ended: more than {limit} bytes of records have changed since it was taken")]
    SnapshotOverrun {
        /// Maximum bytes of changed records.
        limit: usize,
    },
    /// The store has failed or is closed. The request may or may not be on record.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// A record is damaged, or contradicts another one. The store does not act on it.
    #[error("stored data is damaged: {0}")]
    Corrupt(Arc<str>),
    /// A later version wrote this record. It may hold a restriction that this build does not know, so the store does
    /// not act on it.
    #[error("stored data was written by a later version: {0}")]
    Newer(Arc<str>),
}

/// Why a version of the policy cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Its number leaves a gap, or its time is before that of the newest version.
    #[error("it does not follow version {newest}, or is dated before it")]
    OutOfOrder {
        /// The newest version; 0 for none.
        newest: u64,
    },
    /// Its author expected another newest version, so SetPolicy would have rejected it.
    #[error("its expected_version is not the version before it")]
    Unexpected,
    /// A call refers to this version.
    #[error("a call refers to it, but it is not stored")]
    Missing,
    /// A name that cannot be part of an index key.
    #[error("a name is longer than {NAME_MAX} bytes, or contains a NUL")]
    BadName,
    /// The document is too long.
    #[error("its document is longer than {DOCUMENT_MAX} bytes")]
    DocumentTooLong,
}
