//! Emergency stops: which calls an operator has frozen.
//!
//! A [`Freeze`] is recorded once, and thawed at most once; then it is history.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Actor, FreezeId, Time, ToolGlob,
    limits::{CALLER_MAX, FREEZE_REASON_BYTES_MAX, PERSON_MAX},
    moment,
};

/// Bytes of a character, at most.
const CHARACTER: usize = 4;
/// Longest name in a scope, and longest key, in bytes: no less than what can be asked for.
const NAME_MAX: usize = CHARACTER * CALLER_MAX;
/// Longest issuer, and longest name at one, in bytes.
const ACTOR_NAME_MAX: usize = CHARACTER * PERSON_MAX;

/// An emergency stop. What a later version adds may make it stop more, so that nothing unknown is passed over in
/// reading one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its name.
    pub id: FreezeId,
    /// What it stops.
    pub scope: FreezeScope,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who froze.
    pub actor: Actor,
    /// When; never before an older freeze.
    #[serde(with = "moment")]
    pub at: Time,
    /// The freezer's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thawed: Option<Thawed>,
}

/// Which calls a freeze stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FreezeScope {
    /// Every call.
    All,
    /// Those of one caller, as an [`Actor`] is displayed.
    Caller(String),
    /// Those of the tools that match.
    Tool(ToolGlob),
    /// Those of an agent, or handed on by it. Agents say their names themselves.
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
    /// The thawer's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What is told of a freeze to those whose calls it stops.
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

/// Calls to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFreeze {
    /// The name that the freeze will have.
    pub id: FreezeId,
    /// Which calls.
    pub scope: FreezeScope,
    /// Why.
    pub reason: String,
    /// Who freezes.
    pub actor: Actor,
    /// The freezer's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// A freeze to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewThaw {
    /// Which.
    pub id: FreezeId,
    /// Who thaws.
    pub actor: Actor,
    /// The thawer's idempotency key.
    pub request_id: Option<String>,
    /// When it was accepted.
    pub now: Time,
}

/// Why calls were not frozen, or not thawed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// There is no such freeze, or it was thawed before.
    #[error("freeze {0} does not exist; it may have been thawed")]
    NotFound(FreezeId),
    /// There are as many freezes as may stand.
    #[error("too many freezes: at most {limit} can be active; thaw some, or freeze all calls")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// The idempotency key belongs to another call of the same operator, or to a freeze that was thawed since: saying
    /// again that it froze would be a lie.
    #[error("request_id was used before, for freeze {id}; use a new request_id for a new call")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The freeze that it was used for.
        id: FreezeId,
    },
    /// Another freeze is kept under this id.
    #[error("another freeze has the id {0}")]
    Conflict(FreezeId),
    /// What cannot be a freeze.
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
    /// Whether it stops calls.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.thawed.is_none()
    }

    /// Why nobody can have made such a freeze; `None` when it may be one.
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

    /// Takes over the end of a copy of this freeze: the first one counts. False when it is no copy of this freeze.
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

    /// A freeze by the first operator at `at(n)`.
    pub(crate) fn new_freeze(n: u32, scope: FreezeScope) -> NewFreeze {
        let (reason, now) = (format!("incident {n}"), at(i64::from(n)));
        NewFreeze { id: freeze_id(n), scope, reason, actor: operator(1), request_id: None, now }
    }

    /// Its end by the second operator, ten seconds later.
    pub(crate) fn new_thaw(n: u32) -> NewThaw {
        NewThaw { id: freeze_id(n), actor: operator(2), request_id: None, now: at(i64::from(n) + 10) }
    }

    pub(crate) fn tool(glob: &str) -> FreezeScope {
        FreezeScope::Tool(ToolGlob::new(glob).unwrap())
    }
}
