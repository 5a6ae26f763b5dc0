//! Freezes: emergency stops of calls.
//!
//! A [`Freeze`] is recorded once, and thawed at most once. A thawed freeze is kept for a while as history.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Actor, FreezeId, Time, ToolGlob,
    limits::{CALLER_MAX, FREEZE_REASON_BYTES_MAX, PERSON_MAX},
    moment,
};

/// Maximum bytes of a character.
const CHARACTER: usize = 4;
/// Maximum length of a name in a scope, and of a key, in bytes. At least as long as the API allows.
const NAME_MAX: usize = CHARACTER * CALLER_MAX;
/// Maximum length of an issuer, and of a name at one, in bytes.
const ACTOR_NAME_MAX: usize = CHARACTER * PERSON_MAX;

/// An emergency stop. Reading one rejects unknown fields: a later version may add fields that make it stop more calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its id.
    pub id: FreezeId,
    /// The calls that it stops.
    pub scope: FreezeScope,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who froze.
    pub actor: Actor,
    /// When. Never before an older freeze.
    #[serde(with = "moment")]
    pub at: Time,
    /// The operator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Its end, once thawed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thawed: Option<Thawed>,
}

/// The calls that a freeze stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FreezeScope {
    /// Every call.
    All,
    /// The calls of one caller, as [`Actor`] is displayed.
    Caller(String),
    /// The calls of the tools that match this glob.
    Tool(ToolGlob),
    /// The calls of this agent, or delegated by it. Agents choose their own names.
    Agent(String),
}

/// The end of a freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thawed {
    /// Who thawed.
    pub actor: Actor,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
    /// The operator's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The facts about a freeze for the callers whose calls it stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// The freeze.
    pub id: FreezeId,
    /// Who froze.
    pub actor: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When.
    #[serde(with = "moment")]
    pub at: Time,
}

/// A freeze to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFreeze {
    /// The id for the freeze.
    pub id: FreezeId,
    /// The calls to stop.
    pub scope: FreezeScope,
    /// Why.
    pub reason: String,
    /// Who freezes.
    pub actor: Actor,
    /// The operator's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// A freeze to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewThaw {
    /// The freeze's id.
    pub id: FreezeId,
    /// Who thaws.
    pub actor: Actor,
    /// The operator's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// Why a freeze or a thaw failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// The freeze does not exist, or is thawed already.
    #[error("freeze {0} does not exist; it may have been thawed")]
    NotFound(FreezeId),
    /// The maximum number of freezes is active.
    #[error("too many freezes: at most {limit} can be active; thaw some, or freeze all calls")]
    TooMany {
        /// The maximum.
        limit: usize,
    },
    /// The idempotency key belongs to another call of the same operator, or to a freeze that was thawed since.
    /// Returning that freeze would wrongly say that its calls are frozen.
    #[error("request_id was used before, for freeze {id}; use a new request_id for a new call")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The freeze of the earlier call.
        id: FreezeId,
    },
    /// Another freeze has this id.
    #[error("another freeze has the id {0}")]
    Conflict(FreezeId),
    /// An impossible freeze, in an import.
    #[error("freeze {0} is invalid: {1}")]
    Bad(FreezeId, &'static str),
}

/// For people.
impl fmt::Display for FreezeScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all calls"),
            Self::Caller(caller) => write!(f, "calls of {caller}"),
            Self::Tool(glob) => write!(f, "calls of the tool {glob}"),
            Self::Agent(agent) => write!(f, "calls of the agent {agent}"),
        }
    }
}

impl From<&Freeze> for Frozen {
    fn from(Freeze { id, actor, reason, at, .. }: &Freeze) -> Self {
        Self { id: *id, actor: actor.clone(), reason: reason.clone(), at: *at }
    }
}

impl Freeze {
    /// Whether it is active.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.thawed.is_none()
    }

    /// Why such a freeze is impossible; `None` if it is valid.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let scope = match &self.scope {
            FreezeScope::All => "all",
            FreezeScope::Caller(name) | FreezeScope::Agent(name) => name,
            FreezeScope::Tool(glob) => glob.as_str(),
        };
        let thawed = self.thawed.as_ref().and_then(|thawed| thawed.request_id.as_ref());
        let mut keys = self.request_id.iter().chain(thawed);
        let actors = [Some(&self.actor), self.thawed.as_ref().map(|thawed| &thawed.actor)].into_iter().flatten();
        let mut names = actors.flat_map(|actor| [&actor.issuer, &actor.subject]);
        if scope.is_empty() || scope.len() > NAME_MAX {
            Some("the name in its scope is empty or too long")
        } else if self.reason.len() > FREEZE_REASON_BYTES_MAX {
            Some("its reason is too long")
        } else if keys.any(|key| key.is_empty() || key.len() > NAME_MAX) {
            Some("a request_id is empty or too long")
        } else if names.any(|name| name.len() > ACTOR_NAME_MAX) {
            Some("the name of its freezer or thawer is too long")
        } else {
            None
        }
    }

    /// Merges a copy of this freeze: the first thaw counts. Returns false if the other is not a copy of this freeze.
    pub(super) fn absorb(&mut self, other: &Self) -> bool {
        let same = |freeze: &Self| Self { thawed: None, ..freeze.clone() };
        if same(self) != same(other) {
            return false;
        }
        let ends = [self.thawed.take(), other.thawed.clone()].into_iter().flatten();
        self.thawed = ends.min_by(|one, other| (one.at, &one.actor).cmp(&(other.at, &other.actor)));
        true
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples {
    use super::*;
    use crate::domain::{
        ActorKind,
        samples::{actor, at},
    };

    pub(crate) fn freeze_id(n: u32) -> FreezeId {
        FreezeId::new(uuid::Uuid::from_u128(u128::from(n) << 64 | 11))
    }

    pub(crate) fn operator(n: u32) -> Actor {
        actor(ActorKind::Person, &format!("operator-{n}"))
    }

    /// A freeze by the first operator, at `at(n)`.
    pub(crate) fn new_freeze(n: u32, scope: FreezeScope) -> NewFreeze {
        let (reason, now) = (format!("incident {n}"), at(i64::from(n)));
        NewFreeze { id: freeze_id(n), scope, reason, actor: operator(1), request_id: None, now }
    }

    /// Its thaw by the second operator, ten seconds later.
    pub(crate) fn new_thaw(n: u32) -> NewThaw {
        NewThaw { id: freeze_id(n), actor: operator(2), request_id: None, now: at(i64::from(n) + 10) }
    }

    pub(crate) fn tool(glob: &str) -> FreezeScope {
        FreezeScope::Tool(ToolGlob::new(glob).unwrap())
    }
}
