//! The freezes of a store, with the rules that all stores follow. `transition.rs` applies them to claims, and
//! [`Freezes::judge`] to new requests.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Actor, Effect, Freeze, FreezeError, FreezeId, FreezeScope, Frozen, NewFreeze, NewThaw, Request, Thawed, Time,
    Verdict, name,
};

/// The rule in the verdict of a call that a freeze rejected. Rules of policies cannot begin with `_`.
pub const FREEZE_RULE: &str = "_freeze";

/// The message for the model that requested a frozen call. The decision says who froze, and why.
const FREEZE_MESSAGE: &str =
    "An operator has frozen calls such as this one. It was not run. After the thaw, ask again with another request_id.";

/// Maximum number of active freezes. With the longest names and reasons they fit into 4 MiB, the default limit of gRPC
/// clients: in an emergency a list must not fail.
///
/// A freeze of all calls may exceed it, and so may imported freezes: a stop must not be lost.
pub const FREEZES_MAX: usize = 500;

/// Maximum number of thawed freezes to keep. The newest are kept, for repeated calls and exports.
const THAWED_KEPT: usize = 1_000;

impl FreezeScope {
    /// Whether it stops the calls of a request. Names of callers and agents are compared in Unicode NFC.
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

/// All freezes that a store keeps: the active ones, and the newest thawed ones. Pure: stores persist its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freezes(BTreeMap<FreezeId, Arc<Freeze>>);

/// A change of [`Freezes`] for the store to persist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreezeChanges {
    /// Freezes to write.
    pub changed: Vec<Arc<Freeze>>,
    /// Freezes to delete.
    pub forgotten: Vec<FreezeId>,
}

/// The result of an import of freezes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedFreezes {
    /// Number of freezes that are new.
    pub new: usize,
    /// Active freezes that a copy in the import ended.
    pub ended: Vec<Freeze>,
}

impl FreezeChanges {
    /// The newest time in the change.
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
    /// All freezes, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Freeze>> {
        self.0.values()
    }

    /// The active freezes, ordered by id.
    pub fn standing(&self) -> impl Iterator<Item = &Arc<Freeze>> {
        self.iter().filter(|freeze| freeze.stands())
    }

    /// The oldest freeze that stops the calls of a request.
    #[must_use]
    pub fn covering(&self, request: &Request) -> Option<&Arc<Freeze>> {
        self.standing().find(|freeze| freeze.scope.covers(request))
    }

    /// The verdict on a new request that replaces the policy's, if its calls are frozen.
    #[must_use]
    pub fn judge(&self, request: &Request, verdict: &Verdict) -> Option<Verdict> {
        let frozen = Frozen::from(&**self.covering(request)?);
        let (rule, message) = (FREEZE_RULE.to_owned(), FREEZE_MESSAGE.to_owned());
        let (effect, notify) = (Effect::AutoReject, Vec::new());
        Some(Verdict { effect, rule, message, frozen: Some(frozen), notify, ..verdict.clone() })
    }

    /// Adds a freeze. A repetition, by operator and `request_id`, returns the existing one if it is still active.
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
        let stops_more = scope == FreezeScope::All && self.standing().all(|freeze| freeze.scope != FreezeScope::All);
        if self.standing().count() >= FREEZES_MAX && !stops_more {
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

    /// Ends a freeze. A repetition, by operator and `request_id`, returns the freeze that it ended.
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

    /// Imports freezes, all or none. They may be copies of existing freezes. An active copy does not undo a thaw.
    ///
    /// # Errors
    /// [`FreezeError::Conflict`] or [`FreezeError::Bad`].
    pub fn import(&mut self, freezes: Vec<Freeze>) -> Result<(ImportedFreezes, FreezeChanges), FreezeError> {
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
        let ended = self.standing().filter_map(|freeze| all.0.get(&freeze.id)).filter(|freeze| !freeze.stands());
        let imported = ImportedFreezes { new, ended: ended.map(|freeze| Freeze::clone(freeze)).collect() };
        *self = all;
        let forgotten = self.forget_old();
        let changed = changed.into_values().filter(|freeze| !forgotten.contains(&freeze.id)).collect();
        Ok((imported, FreezeChanges { changed, forgotten }))
    }

    /// The freeze that an operator froze or thawed with this `request_id`.
    fn under(&self, actor: &Actor, request_id: &str) -> Option<Arc<Freeze>> {
        let is = |by: &Actor, key: Option<&String>| key.is_some_and(|key| key == request_id) && by.is(actor);
        let known = |freeze: &&Arc<Freeze>| {
            let thawed = freeze.thawed.as_ref();
            is(&freeze.actor, freeze.request_id.as_ref())
                || thawed.is_some_and(|thawed| is(&thawed.actor, thawed.request_id.as_ref()))
        };
        self.iter().find(known).cloned()
    }

    /// Deletes the thawed freezes that ended first, if there are too many.
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

#[cfg(test)]
mod tests;
