//! Versions of the policy in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryStore, key};
use crate::{
    domain::Actor,
    store::{NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, StoreError},
};

#[async_trait]
impl PolicyStore for MemoryStore {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        let mut state = self.state()?;
        if let Some(first) = new.request_id.as_ref().and_then(|key| by(&state.policies, &new.author, key)) {
            first.check_repetition(&new)?;
            return Ok(Arc::clone(first));
        }
        if let Some(call) = new.request_id.as_ref().and_then(|id| state.unchanged_policies.get(&key(&new.author, id))) {
            let version = state.policies.iter().find(|version| version.head.version == call.version);
            let version = version.ok_or_else(|| StoreError::Corrupt("a version of the policy is gone".into()))?;
            call.check_repetition(&new, version)?;
            return Ok(Arc::clone(version));
        }
        let newest = state.policies.last().cloned();
        match (new.after(newest.as_deref())?, newest) {
            (NextPolicy::Unchanged(call), Some(newest)) => {
                state.unchanged_policies.extend(call.map(|call| (key(&call.author, &call.request_id), call)));
                Ok(newest)
            }
            (NextPolicy::Unchanged(_), None) => Err(StoreError::NotFound), // there is nothing that it could repeat
            (NextPolicy::Version(version), _) => {
                let version = Arc::new(version);
                state.newest = state.newest.max(Some(version.head.at));
                state.policies.push(Arc::clone(&version));
                Ok(version)
            }
        }
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        let policies = &self.state()?.policies;
        let wanted = |policy: &&Arc<PolicyVersion>| version.is_none_or(|version| policy.head.version == version);
        Ok(policies.iter().rev().find(wanted).cloned())
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        let policies = &self.state()?.policies;
        let heads = policies.iter().rev().map(|version| version.head.clone());
        Ok(heads.filter(|head| before.is_none_or(|before| head.version < before)).take(limit).collect())
    }
}

/// The version that an author recorded under a `request_id`.
pub(super) fn by<'a>(
    policies: &'a [Arc<PolicyVersion>],
    author: &Actor,
    request_id: &str,
) -> Option<&'a Arc<PolicyVersion>> {
    policies.iter().find(|version| version.is_by(author, request_id))
}
