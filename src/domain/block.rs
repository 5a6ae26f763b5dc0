//! Blocks of subjects: people and programs that may not call, whatever their credentials.
//!
//! A [`Block`] is recorded once, and ends at most once. An ended block is kept for a while as history.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Actor, BlockId, Time,
    limits::{BLOCK_REASON_BYTES_MAX, PERSON_MAX},
    moment,
    name::{composed, same},
};

/// Maximum length of an issuer, of a name at one, and of a key, in bytes. At least as long as the API allows.
const NAME_MAX: usize = 4 * PERSON_MAX;

/// A name at an authority. Every credential of this name is of the same person or program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectName {
    /// The authority.
    pub issuer: String,
    /// The name at that authority.
    pub subject: String,
}

impl SubjectName {
    /// Whether both are the same person or program, as by [`Actor::is`].
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        same(&self.issuer, &other.issuer) && same(&self.subject, &other.subject)
    }

    /// The form by which equal names are equal values.
    #[must_use]
    pub fn composed(&self) -> Self {
        Self { issuer: composed(&self.issuer).into_owned(), subject: composed(&self.subject).into_owned() }
    }
}

impl From<&Actor> for SubjectName {
    fn from(Actor { issuer, subject, .. }: &Actor) -> Self {
        Self { issuer: issuer.clone(), subject: subject.clone() }
    }
}

/// `issuer/subject`, for people, as an [`Actor`].
impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.issuer, self.subject)
    }
}

/// A block of a subject. Reading one rejects unknown fields: a later version may add fields that make it block more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its id.
    pub id: BlockId,
    /// Who may not call.
    pub subject: SubjectName,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who blocked.
    pub actor: Actor,
    /// When. Never before an older block.
    #[serde(with = "moment")]
    pub at: Time,
    /// The operator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unblocked: Option<Unblocked>,
}

/// The end of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unblocked {
    /// Who unblocked.
    pub actor: Actor,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
    /// The operator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A block to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlock {
    /// The id for the block.
    pub id: BlockId,
    /// Whom to block.
    pub subject: SubjectName,
    /// Why.
    pub reason: String,
    /// Who blocks.
    pub actor: Actor,
    /// The operator's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// A subject to unblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnblock {
    /// Whom to unblock.
    pub subject: SubjectName,
    /// Who unblocks.
    pub actor: Actor,
    /// The operator's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// Why blocking or unblocking failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The subject is not blocked.
    #[error("{0} is not blocked")]
    NotBlocked(SubjectName),
    /// The maximum number of subjects is blocked.
    #[error("too many blocked subjects: at most {limit}; unblock some, or remove their roles at their authority")]
    TooMany {
        /// The maximum.
        limit: usize,
    },
    /// The idempotency key belongs to another call of the same operator, or to a block that has ended since. Returning
    /// that block would wrongly say that its subject is blocked.
    #[error("request_id was used before, for block {id}; use a new request_id for a new call")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The block of the earlier call.
        id: BlockId,
    },
    /// Another block has this id.
    #[error("another block has the id {0}")]
    Conflict(BlockId),
    /// An impossible block, in an import.
    #[error("block {0} is invalid: {1}")]
    Bad(BlockId, &'static str),
}

impl Block {
    /// Whether it is active.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.unblocked.is_none()
    }

    /// Why such a block is impossible; `None` if it is valid.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let ended = self.unblocked.as_ref();
        let mut keys = self.request_id.iter().chain(ended.and_then(|ended| ended.request_id.as_ref()));
        let actors = [Some(&self.actor), ended.map(|ended| &ended.actor)].into_iter().flatten();
        let mut names = actors.flat_map(|actor| [&actor.issuer, &actor.subject]);
        let SubjectName { issuer, subject } = &self.subject;
        if [issuer, subject].into_iter().any(|name| name.is_empty() || name.len() > NAME_MAX) {
            Some("the name of its subject is empty or too long")
        } else if self.reason.len() > BLOCK_REASON_BYTES_MAX {
            Some("its reason is too long")
        } else if keys.any(|key| key.is_empty() || key.len() > NAME_MAX) {
            Some("a request_id is empty or too long")
        } else if names.any(|name| name.len() > NAME_MAX) {
            Some("the name of its author is too long")
        } else {
            None
        }
    }

    /// Merges a copy of this block: the first end counts. Returns false if the other is not a copy of this block.
    pub(super) fn absorb(&mut self, other: &Self) -> bool {
        let same = |block: &Self| Self { unblocked: None, ..block.clone() };
        if same(self) != same(other) {
            return false;
        }
        let ends = [self.unblocked.take(), other.unblocked.clone()].into_iter().flatten();
        self.unblocked = ends.min_by(|one, other| (one.at, &one.actor).cmp(&(other.at, &other.actor)));
        true
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples {
    use super::*;
    use crate::domain::{freeze_samples::operator, samples::at};

    pub(crate) fn block_id(n: u32) -> BlockId {
        BlockId::new(uuid::Uuid::from_u128(u128::from(n) << 64 | 17))
    }

    pub(crate) fn subject(n: u32) -> SubjectName {
        SubjectName { issuer: "https://idp".into(), subject: format!("mallory-{n}") }
    }

    /// A block of `subject(n)` by the first operator, at `at(n)`.
    pub(crate) fn new_block(n: u32) -> NewBlock {
        let (reason, now) = (format!("left {n}"), at(i64::from(n)));
        NewBlock { id: block_id(n), subject: subject(n), reason, actor: operator(1), request_id: None, now }
    }

    /// Its end by the second operator, ten seconds later.
    pub(crate) fn new_unblock(n: u32) -> NewUnblock {
        NewUnblock { subject: subject(n), actor: operator(2), request_id: None, now: at(i64::from(n) + 10) }
    }
}
