//! Versions of the policy, by the rules that `signoff` exports for every store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use async_trait::async_trait;
use signoff::{
    domain::{Actor, Time, name::composed},
    store::{NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, Record, StoreError, UnchangedPolicy},
};

use super::Delegating;

/// Versions in order, version 1 first; and calls that set what was set already, in order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    all: Vec<Arc<PolicyVersion>>,
    unchanged: BTreeMap<Key, UnchangedPolicy>,
}

/// Issuer and subject of an author, and the idempotency key.
type Key = (String, String, String);

pub(crate) type Policies = Mutex<Versions>;

fn key(Actor { issuer, subject, .. }: &Actor, request_id: &str) -> Key {
    (composed(issuer).into_owned(), composed(subject).into_owned(), request_id.to_owned())
}

impl Delegating {
    fn versions(&self) -> Result<MutexGuard<'_, Versions>, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("closed".into()));
        }
        Ok(self.policies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn newest_policy_time(&self) -> Option<Time> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).all.last().map(|newest| newest.head.at)
    }

    pub(super) fn newer_policies(&self, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        let versions = self.versions()?;
        let newer = versions.all.iter().filter(|version| version.head.version > after);
        Ok(newer.take(limit).map(|version| PolicyVersion::clone(version)).collect())
    }

    /// All versions and calls, for a snapshot.
    pub(super) fn policy_records(&self) -> Result<Vec<Record>, StoreError> {
        let versions = self.versions()?;
        let policies = versions.all.iter().map(|version| Record::Policy(PolicyVersion::clone(version)));
        Ok(policies.chain(versions.unchanged.values().cloned().map(Record::UnchangedPolicy)).collect())
    }

    /// Takes all of an export's versions, or none.
    pub(super) fn take_policies(&self, imported: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        let mut versions = self.versions()?;
        let mut all = versions.all.clone();
        for version in imported {
            let number = version.head.version;
            if let Some(stored) = all.iter().find(|stored| stored.head.version == number) {
                if **stored == version {
                    continue;
                }
                return Err(StoreError::PolicyConflict(number));
            }
            version.check(all.last().map(|newest| &newest.head))?;
            let known = version.request_id.as_deref().is_some_and(|id| {
                let author = &version.head.author;
                by(&all, author, id).is_some() || versions.unchanged.contains_key(&key(author, id))
            });
            if known {
                return Err(StoreError::PolicyConflict(number));
            }
            all.push(Arc::new(version));
        }
        let new = all.len() - versions.all.len();
        versions.all = all;
        Ok(new)
    }

    pub(super) fn unchanged_beyond(
        &self,
        after: Option<&UnchangedPolicy>,
        limit: usize,
    ) -> Result<Vec<UnchangedPolicy>, StoreError> {
        let after = after.map(|call| key(&call.author, &call.request_id));
        let versions = self.versions()?;
        let beyond = versions.unchanged.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        Ok(beyond.take(limit).map(|(_, call)| call.clone()).collect())
    }

    /// Takes all of an export's calls, or none.
    pub(super) fn take_unchanged(&self, imported: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        let mut versions = self.versions()?;
        let mut unchanged = versions.unchanged.clone();
        for call in imported {
            let version = versions.all.iter().find(|version| version.head.version == call.version);
            call.check(version.map(|version| &**version))?;
            let key = key(&call.author, &call.request_id);
            let stored = unchanged.get(&key);
            if stored == Some(&call) {
                continue;
            }
            if stored.is_some() || by(&versions.all, &call.author, &call.request_id).is_some() {
                return Err(StoreError::PolicyConflict(call.version));
            }
            unchanged.insert(key, call);
        }
        let new = unchanged.len() - versions.unchanged.len();
        versions.unchanged = unchanged;
        Ok(new)
    }
}

#[async_trait]
impl PolicyStore for Delegating {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        let mut versions = self.versions()?;
        if let Some(first) = new.request_id.as_deref().and_then(|key| by(&versions.all, &new.author, key)) {
            first.check_repetition(&new)?;
            return Ok(Arc::clone(first));
        }
        if let Some(call) = new.request_id.as_deref().and_then(|id| versions.unchanged.get(&key(&new.author, id))) {
            let found = versions.all.iter().find(|version| version.head.version == call.version);
            let found = found.ok_or_else(|| StoreError::Corrupt("a version of the policy is gone".into()))?;
            call.check_repetition(&new, found)?;
            return Ok(Arc::clone(found));
        }
        let newest = versions.all.last().cloned();
        match (new.after(newest.as_deref())?, newest) {
            (NextPolicy::Unchanged(call), Some(newest)) => {
                versions.unchanged.extend(call.map(|call| (key(&call.author, &call.request_id), call)));
                Ok(newest)
            }
            (NextPolicy::Unchanged(_), None) => Err(StoreError::NotFound), // there is nothing that it could repeat
            (NextPolicy::Version(version), _) => {
                let version = Arc::new(version);
                versions.all.push(Arc::clone(&version));
                Ok(version)
            }
        }
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        let versions = self.versions()?;
        let wanted = |one: &&Arc<PolicyVersion>| version.is_none_or(|version| one.head.version == version);
        Ok(versions.all.iter().rev().find(wanted).cloned())
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        let versions = self.versions()?;
        let heads = versions.all.iter().rev().map(|version| version.head.clone());
        Ok(heads.filter(|head| before.is_none_or(|before| head.version < before)).take(limit).collect())
    }
}

/// The version that an author recorded under a `request_id`.
fn by<'a>(versions: &'a [Arc<PolicyVersion>], author: &Actor, request_id: &str) -> Option<&'a Arc<PolicyVersion>> {
    versions.iter().find(|version| version.is_by(author, request_id))
}
