//! Versions of the policy, by the rules that `signoff` exports for every store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

use async_trait::async_trait;
use signoff::{
    domain::{Actor, Time},
    store::{NewPolicy, PolicyHead, PolicyStore, PolicyVersion, StoreError},
};

use super::Delegating;

/// Versions in order: version 1 first.
pub(crate) type Policies = Mutex<Vec<Arc<PolicyVersion>>>;

impl Delegating {
    fn versions(&self) -> Result<MutexGuard<'_, Vec<Arc<PolicyVersion>>>, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("closed".into()));
        }
        Ok(self.policies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn newest_policy_time(&self) -> Option<Time> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).last().map(|newest| newest.head.at)
    }

    pub(super) fn newer_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        let versions = self.versions()?;
        let newer = versions.iter().filter(|version| version.head.version > after);
        Ok(newer.take(limit).map(|version| PolicyVersion::clone(version)).collect())
    }

    /// Takes all of an export's versions, or none.
    pub(super) fn take_policies(&self, imported: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        let mut versions = self.versions()?;
        let mut all = versions.to_vec();
        for version in imported {
            let number = version.head.version;
            if let Some(stored) = all.iter().find(|stored| stored.head.version == number) {
                if **stored == version {
                    continue;
                }
                return Err(StoreError::PolicyConflict(number));
            }
            version.check(all.last().map(|newest| &newest.head))?;
            if version.request_id.as_deref().is_some_and(|key| by(&all, &version.head.author, key).is_some()) {
                return Err(StoreError::PolicyConflict(number));
            }
            all.push(Arc::new(version));
        }
        let new = all.len() - versions.len();
        *versions = all;
        Ok(new)
    }
}

#[async_trait]
impl PolicyStore for Delegating {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        let mut versions = self.versions()?;
        if let Some(first) = new.request_id.as_deref().and_then(|key| by(&versions, &new.author, key)) {
            first.check_repetition(&new)?;
            return Ok(Arc::clone(first));
        }
        let version = Arc::new(new.after(versions.last().map(|newest| &newest.head))?);
        versions.push(Arc::clone(&version));
        Ok(version)
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        let versions = self.versions()?;
        let wanted = |one: &&Arc<PolicyVersion>| version.is_none_or(|version| one.head.version == version);
        Ok(versions.iter().rev().find(wanted).cloned())
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        let versions = self.versions()?;
        let heads = versions.iter().rev().map(|version| version.head.clone());
        Ok(heads.filter(|head| before.is_none_or(|before| head.version < before)).take(limit).collect())
    }
}

/// The version that an author recorded under a `request_id`.
fn by<'a>(versions: &'a [Arc<PolicyVersion>], author: &Actor, request_id: &str) -> Option<&'a Arc<PolicyVersion>> {
    versions.iter().find(|version| version.is_by(author, request_id))
}
