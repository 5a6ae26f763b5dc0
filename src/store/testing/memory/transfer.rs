//! Export and import in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;

use super::{Key, MemoryStore, key, named, policies::by};
use crate::{
    domain::{Approval, ApprovalId, Event},
    store::{Forgotten, History, PolicyVersion, StoreError, Transfer, UnchangedPolicy},
};

#[async_trait]
impl Transfer for MemoryStore {
    async fn export(&self, after: Option<ApprovalId>, limit: usize) -> Result<Vec<History>, StoreError> {
        let state = self.state()?;
        let beyond = state.approvals.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(beyond.take(limit).map(|(id, (_, events))| History { id: *id, events: events.clone() }).collect())
    }

    async fn import(&self, histories: Vec<History>) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let mut new: BTreeMap<ApprovalId, (Approval, Vec<Event>)> = BTreeMap::new();
        let mut keys: HashMap<Key, ApprovalId> = HashMap::new();
        for History { id, events } in histories {
            let approval = Approval::replay(id, &events).map_err(|error| StoreError::BadHistory(id, error))?;
            let stored = state.approvals.get(&id).map(|(_, events)| events);
            if let Some(known) = stored.or_else(|| new.get(&id).map(|(_, events)| events)) {
                if *known == events {
                    continue;
                }
                return Err(StoreError::Conflict(id));
            }
            let key = key(&approval.request.caller, &approval.request.request_id);
            if state.forgotten.contains_key(&key) {
                continue;
            }
            if state.by_request_id.contains_key(&key) || keys.insert(key, id).is_some() {
                return Err(StoreError::Conflict(id));
            }
            new.insert(id, (approval, events));
        }
        let count = new.len();
        for (approval, events) in new.into_values() {
            self.publish(&state.put(approval, events));
        }
        Ok(count)
    }

    async fn export_forgotten(&self, after: Option<Forgotten>, limit: usize) -> Result<Vec<Forgotten>, StoreError> {
        let mut all: Vec<_> = self.state()?.forgotten.values().cloned().collect();
        all.sort_unstable();
        Ok(all.into_iter().filter(|one| after.as_ref().is_none_or(|after| one > after)).take(limit).collect())
    }

    async fn import_forgotten(&self, forgotten: Vec<Forgotten>) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let bad = |one: &Forgotten| Some(StoreError::BadForgotten(one.request_id.clone(), one.fault()?));
        if let Some(error) = forgotten.iter().find_map(bad) {
            return Err(error);
        }
        let mut new = 0;
        for one in forgotten {
            let key = named(&one.issuer, &one.subject, &one.request_id);
            let known = state.forgotten.get(&key).is_some_and(|known| known.at >= one.at);
            if !known && !state.by_request_id.contains_key(&key) {
                state.forgotten.insert(key, one);
                new += 1;
            }
        }
        Ok(new)
    }

    async fn export_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        let policies = &self.state()?.policies;
        let newer = policies.iter().filter(|version| version.head.version > after);
        Ok(newer.take(limit).map(|version| PolicyVersion::clone(version)).collect())
    }

    async fn import_policies(&self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let mut all = state.policies.clone();
        for version in versions {
            let number = version.head.version;
            if let Some(stored) = all.iter().find(|stored| stored.head.version == number) {
                if **stored == version {
                    continue;
                }
                return Err(StoreError::PolicyConflict(number));
            }
            version.check(all.last().map(|newest| &newest.head))?;
            let known = version.request_id.as_ref().is_some_and(|id| {
                let author = &version.head.author;
                by(&all, author, id).is_some() || state.unchanged_policies.contains_key(&key(author, id))
            });
            if known {
                return Err(StoreError::PolicyConflict(number));
            }
            all.push(Arc::new(version));
        }
        let new = all.len() - state.policies.len();
        state.newest = state.newest.max(all.last().map(|newest| newest.head.at));
        state.policies = all;
        Ok(new)
    }

    async fn export_unchanged_policies(
        &self,
        after: Option<UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        let after = after.map(|call| key(&call.author, &call.request_id));
        let state = self.state()?;
        let beyond = state.unchanged_policies.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        Ok(beyond.take(limit).map(|(_, call)| call.clone()).collect())
    }

    async fn import_unchanged_policies(&self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let mut all = state.unchanged_policies.clone();
        for call in calls {
            let version = state.policies.iter().find(|version| version.head.version == call.version);
            call.check(version.map(|version| &**version))?;
            let key = key(&call.author, &call.request_id);
            let stored = all.get(&key);
            if stored == Some(&call) {
                continue;
            }
            if stored.is_some() || by(&state.policies, &call.author, &call.request_id).is_some() {
                return Err(StoreError::PolicyConflict(call.version));
            }
            all.insert(key, call);
        }
        let new = all.len() - state.unchanged_policies.len();
        state.unchanged_policies = all;
        Ok(new)
    }
}
