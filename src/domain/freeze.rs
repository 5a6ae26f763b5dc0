//! Emergency stops: which calls an operator has frozen.
//!
//! A [`Freeze`] is recorded once, and thawed at most once; then it is history. [`Freezes`] is all that a store has of
//! them, with the rules that every store follows. What they stop is decided by `transition.rs`, for claims, and by
//! [`Freezes::judge`], for new requests.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Actor, Effect, FreezeId, Request, Time, ToolGlob, Verdict, moment, name};

/// The rule that a verdict names when a freeze rejected the call. No rule of a policy begins with `_`.
pub const FREEZE_RULE: &str = "_freeze";

/// What a model reads that asks for a frozen call. Who froze, and why, stands in the decision.
const FREEZE_MESSAGE: &str =
    "An operator has frozen calls such as this one. It was not run. After the thaw, ask again with another request_id.";

/// Most freezes that stand at once.
pub const FREEZES_MAX: usize = 1_000;

/// Thawed freezes that are kept, the newest: their calls can be repeated, and exports show them.
const THAWED_KEPT: usize = 1_000;

/// Longest name, and longest reason, that a freeze could have, in bytes: no less than what can be asked for.
const NAME_MAX: usize = 4 * 1_024;

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
    #[error("there is no freeze {0}; it may have been thawed")]
    NotFound(FreezeId),
    /// There are as many freezes as may stand.
    #[error("at most {limit} freezes can stand; thaw some, or freeze more calls with one")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// The idempotency key belongs to another call of the same operator, or to a freeze that was thawed since: saying
    /// again that it froze would be a lie.
    #[error("this request_id was used before, for freeze {id}; use another one")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The freeze that it was used for.
        id: FreezeId,
    },
    /// Another freeze is kept under this id.
    #[error("another freeze is kept as {0}")]
    Conflict(FreezeId),
    /// What cannot be a freeze.
    #[error("freeze {0} is wrong: {1}")]
    Bad(FreezeId, &'static str),
}

impl FreezeScope {
    /// Whether it stops the calls of a request. Names of callers and agents are the same in every form of Unicode.
    #[must_use]
    pub fn covers(&self, request: &Request) -> bool {
        match self {
            Self::All => true,
            Self::Caller(caller) => name::same(caller, &request.caller.to_string()),
            Self::Tool(glob) => glob.matches(&request.tool_name),
            Self::Agent(agent) => {
                let mut names = std::iter::once(&request.agent.name).chain(&request.agent.chain);
                names.any(|name| name::same(agent, name))
            }
        }
    }
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
        if scope.is_empty() || scope.len() > NAME_MAX {
            Some("the name in its scope is empty or too long")
        } else if self.reason.len() > NAME_MAX {
            Some("its reason is too long")
        } else if keys.any(|key| key.is_empty() || key.len() > NAME_MAX) {
            Some("a request_id is empty or too long")
        } else {
            None
        }
    }

    /// Takes over the end of a copy of this freeze: the first one counts. False when it is no copy of this freeze.
    fn absorb(&mut self, other: &Self) -> bool {
        let same = |freeze: &Self| Self { thawed: None, ..freeze.clone() };
        if same(self) != same(other) {
            return false;
        }
        let ends = [self.thawed.take(), other.thawed.clone()].into_iter().flatten();
        self.thawed = ends.min_by(|one, other| (one.at, &one.actor).cmp(&(other.at, &other.actor)));
        true
    }
}

/// Every freeze that a store keeps: those that stand, and the newest that were thawed. For implementations of stores,
/// and pure: what it changes, they make durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freezes(BTreeMap<FreezeId, Arc<Freeze>>);

/// What a change of [`Freezes`] means for what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreezeChanges {
    /// Freezes as they are now.
    pub changed: Vec<Arc<Freeze>>,
    /// Freezes that are not kept any more.
    pub forgotten: Vec<FreezeId>,
}

impl FreezeChanges {
    /// The newest time in what changed.
    #[must_use]
    pub fn newest(&self) -> Option<Time> {
        let end = |freeze: &Arc<Freeze>| freeze.thawed.as_ref().map_or(freeze.at, |thawed| thawed.at.max(freeze.at));
        self.changed.iter().map(end).max()
    }
}

impl FromIterator<Freeze> for Freezes {
    fn from_iter<T: IntoIterator<Item = Freeze>>(freezes: T) -> Self {
        Self(freezes.into_iter().map(|freeze| (freeze.id, Arc::new(freeze))).collect())
    }
}

impl Freezes {
    /// All of them, in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Freeze>> {
        self.0.values()
    }

    /// The oldest freeze that stops the calls of a request.
    #[must_use]
    pub fn covering(&self, request: &Request) -> Option<&Arc<Freeze>> {
        self.iter().find(|freeze| freeze.stands() && freeze.scope.covers(request))
    }

    /// What a new request gets in the place of the policy's verdict, if its calls are frozen.
    #[must_use]
    pub fn judge(&self, request: &Request, verdict: &Verdict) -> Option<Verdict> {
        let frozen = Frozen::from(&**self.covering(request)?);
        let (rule, message) = (FREEZE_RULE.to_owned(), FREEZE_MESSAGE.to_owned());
        Some(Verdict { effect: Effect::AutoReject, rule, message, frozen: Some(frozen), ..verdict.clone() })
    }

    /// Freezes calls, or finds the freeze that the same operator made with the same `request_id`, if it still stands.
    ///
    /// # Errors
    /// [`FreezeError::TooMany`] or [`FreezeError::RequestIdReused`].
    pub fn freeze(&mut self, new: NewFreeze) -> Result<(Arc<Freeze>, FreezeChanges), FreezeError> {
        let NewFreeze { id, scope, reason, actor, request_id, now } = new;
        if let Some(key) = &request_id
            && let Some(first) = self.under(&actor, key)
        {
            let frozen = first.request_id.as_ref() == Some(key) && first.actor.is(&actor);
            return if frozen && first.stands() && (&first.scope, &first.reason) == (&scope, &reason) {
                Ok((first, FreezeChanges::default()))
            } else {
                Err(FreezeError::RequestIdReused { request_id: key.clone(), id: first.id })
            };
        }
        if self.iter().filter(|freeze| freeze.stands()).count() >= FREEZES_MAX {
            return Err(FreezeError::TooMany { limit: FREEZES_MAX });
        }
        let at = self.iter().map(|freeze| freeze.at).max().map_or(now, |newest| newest.max(now));
        let freeze = Arc::new(Freeze { id, scope, reason, actor, at, request_id, thawed: None });
        if let Some(fault) = freeze.fault() {
            return Err(FreezeError::Bad(id, fault));
        }
        if self.0.contains_key(&id) {
            return Err(FreezeError::Conflict(id));
        }
        self.0.insert(id, Arc::clone(&freeze));
        Ok((Arc::clone(&freeze), FreezeChanges { changed: vec![freeze], forgotten: Vec::new() }))
    }

    /// Ends a freeze, or finds the one that the same operator ended with the same `request_id`.
    ///
    /// # Errors
    /// [`FreezeError::NotFound`] or [`FreezeError::RequestIdReused`].
    pub fn thaw(&mut self, new: NewThaw) -> Result<(Arc<Freeze>, FreezeChanges), FreezeError> {
        let NewThaw { id, actor, request_id, now } = new;
        if let Some(key) = &request_id
            && let Some(first) = self.under(&actor, key)
        {
            let thawed = first.thawed.as_ref().filter(|thawed| thawed.request_id.as_ref() == Some(key));
            return if first.id == id && thawed.is_some_and(|thawed| thawed.actor.is(&actor)) {
                Ok((first, FreezeChanges::default()))
            } else {
                Err(FreezeError::RequestIdReused { request_id: key.clone(), id: first.id })
            };
        }
        let freeze = self.0.get_mut(&id).filter(|freeze| freeze.stands()).ok_or(FreezeError::NotFound(id))?;
        let at = now.max(freeze.at);
        Arc::make_mut(freeze).thawed = Some(Thawed { actor, at, request_id });
        let (freeze, changed) = (Arc::clone(freeze), vec![Arc::clone(freeze)]);
        Ok((freeze, FreezeChanges { changed, forgotten: self.forget_old() }))
    }

    /// Takes freezes from an export, copies of such as are kept already included: all of them or none. A copy that
    /// stands does not undo a thaw. Returns how many are new.
    ///
    /// # Errors
    /// [`FreezeError::Conflict`] or [`FreezeError::Bad`].
    pub fn import(&mut self, freezes: Vec<Freeze>) -> Result<(usize, FreezeChanges), FreezeError> {
        let (mut all, mut changed) = (self.clone(), BTreeMap::new());
        for freeze in freezes {
            let id = freeze.id;
            if let Some(fault) = freeze.fault() {
                return Err(FreezeError::Bad(id, fault));
            }
            let kept = all.0.entry(id).or_insert_with(|| Arc::new(freeze.clone()));
            if !Arc::make_mut(kept).absorb(&freeze) {
                return Err(FreezeError::Conflict(id));
            }
            if self.0.get(&id) != Some(kept) {
                changed.insert(id, Arc::clone(kept));
            }
        }
        let new = all.0.len() - self.0.len();
        *self = all;
        let forgotten = self.forget_old();
        let changed = changed.into_values().filter(|freeze| !forgotten.contains(&freeze.id)).collect();
        Ok((new, FreezeChanges { changed, forgotten }))
    }

    /// What an operator recorded under a `request_id`, as its freezer or as its thawer.
    fn under(&self, actor: &Actor, request_id: &str) -> Option<Arc<Freeze>> {
        let is = |by: &Actor, key: Option<&String>| key.is_some_and(|key| key == request_id) && by.is(actor);
        let known = |freeze: &&Arc<Freeze>| {
            let thawed = freeze.thawed.as_ref();
            is(&freeze.actor, freeze.request_id.as_ref())
                || thawed.is_some_and(|thawed| is(&thawed.actor, thawed.request_id.as_ref()))
        };
        self.iter().find(known).cloned()
    }

    /// Forgets those that were thawed first, if there are too many.
    fn forget_old(&mut self) -> Vec<FreezeId> {
        let thawed = |freeze: &Arc<Freeze>| freeze.thawed.as_ref().map(|thawed| (thawed.at, freeze.id));
        let mut old: Vec<_> = self.iter().filter_map(thawed).collect();
        old.sort_unstable();
        old.truncate(old.len().saturating_sub(THAWED_KEPT));
        let forgotten: Vec<_> = old.into_iter().map(|(_, id)| id).collect();
        forgotten.iter().for_each(|id| drop(self.0.remove(id)));
        forgotten
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

#[cfg(test)]
mod tests;
