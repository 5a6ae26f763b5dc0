//! Versions of the policy in sled, and those that a group adds.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore,
    commit_log::GroupRecord,
    frame::corrupt,
    job::Job,
    keys,
    records::{self, Encoded, NamedPolicy},
    tree_reader::TreeReader,
};
use crate::{
    domain::{Actor, Time},
    store::{NewPolicy, NextPolicy, PolicyHead, PolicyStore, PolicyVersion, StoreError, UnchangedPolicy},
};

#[async_trait]
impl PolicyStore for SledStore {
    async fn put_policy(&self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        self.write(|reply| Job::PutPolicy(new, reply)).await
    }

    async fn policy(&self, version: Option<u64>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        self.scan(move |pages| {
            let version = match version {
                Some(version) => version,
                None => records::policies(pages, None, 1)?.pop().map_or(0, |newest| newest.version),
            };
            Ok(records::policy(pages, version)?.map(Arc::new))
        })
        .await
    }

    async fn policies(&self, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
        self.scan(move |pages| records::policies(pages, before, limit)).await
    }
}

/// Versions that a group adds; each follows the one before it.
pub(super) struct Policies<'a> {
    pages: &'a TreeReader,
    added: Vec<(Arc<PolicyVersion>, Encoded)>,
    /// New calls that made no version, by their keys.
    unchanged: BTreeMap<Vec<u8>, (UnchangedPolicy, Vec<u8>)>,
}

/// What an author's idempotency key was used for, with the version that a repetition gets.
enum Found {
    Version(Arc<PolicyVersion>),
    Unchanged(UnchangedPolicy, Arc<PolicyVersion>),
}

impl<'a> Policies<'a> {
    pub(super) const fn new(pages: &'a TreeReader) -> Self {
        Self { pages, added: Vec::new(), unchanged: BTreeMap::new() }
    }

    /// Keys of the calls that made no version, and that the group adds. They are not in the group's record.
    pub(super) fn new_calls(&self) -> Vec<Vec<u8>> {
        self.unchanged.keys().cloned().collect()
    }

    /// Adds everything to a batch, and its numbers to the group's record. Returns the time of the newest.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) -> Option<Time> {
        let newest = self.added.last().map(|(version, _)| version.head.at);
        for (version, encoded) in self.added {
            record.policies.push(version.head.version);
            encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
        }
        self.unchanged.into_iter().for_each(|(key, (_, value))| batch.insert(key, value));
        newest
    }

    pub(super) fn put(&mut self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        match self.find(&new.author, new.request_id.as_deref())? {
            Some(Found::Version(first)) => {
                first.check_repetition(&new)?;
                return Ok(first);
            }
            Some(Found::Unchanged(call, version)) => {
                call.check_repetition(&new, &version)?;
                return Ok(version);
            }
            None => {}
        }
        let newest = match self.newest()? {
            Some(head) => Some(self.named(head.version)?),
            None => None,
        };
        match (new.after(newest.as_deref())?, newest) {
            (NextPolicy::Version(version), _) => self.add(version),
            (NextPolicy::Unchanged(call), Some(newest)) => {
                if let Some(call) = call {
                    self.keep(call)?;
                }
                Ok(newest)
            }
            (NextPolicy::Unchanged(_), None) => Err(corrupt("there is no version of the policy to repeat")),
        }
    }

    fn keep(&mut self, call: UnchangedPolicy) -> Result<(), StoreError> {
        let (key, value) = records::encode_unchanged_policy(&call)?;
        self.unchanged.insert(key, (call, value));
        Ok(())
    }

    pub(super) fn import_unchanged(&mut self, calls: Vec<UnchangedPolicy>) -> Result<usize, StoreError> {
        let before = self.unchanged.clone();
        for call in calls {
            if let Err(error) = self.take_unchanged(call) {
                self.unchanged = before;
                return Err(error);
            }
        }
        Ok(self.unchanged.len() - before.len())
    }

    fn take_unchanged(&mut self, call: UnchangedPolicy) -> Result<(), StoreError> {
        call.check(self.get(call.version)?.as_deref())?;
        match self.find(&call.author, Some(&call.request_id))? {
            Some(Found::Unchanged(stored, _)) if stored == call => Ok(()),
            Some(_) => Err(StoreError::PolicyConflict(call.version)),
            None => self.keep(call),
        }
    }

    pub(super) fn import(&mut self, versions: Vec<PolicyVersion>) -> Result<usize, StoreError> {
        let before = self.added.len();
        for version in versions {
            if let Err(error) = self.take(version) {
                self.added.truncate(before);
                return Err(error);
            }
        }
        Ok(self.added.len() - before)
    }

    fn take(&mut self, version: PolicyVersion) -> Result<(), StoreError> {
        let number = version.head.version;
        match self.get(number)? {
            Some(stored) if *stored == version => return Ok(()),
            Some(_) => return Err(StoreError::PolicyConflict(number)),
            None => version.check(self.newest()?.as_ref())?,
        }
        if self.find(&version.head.author, version.request_id.as_deref())?.is_some() {
            return Err(StoreError::PolicyConflict(number));
        }
        self.add(version).map(drop)
    }

    fn add(&mut self, version: PolicyVersion) -> Result<Arc<PolicyVersion>, StoreError> {
        let (encoded, version) = (records::encode_policy(&version)?, Arc::new(version));
        self.added.push((Arc::clone(&version), encoded));
        Ok(version)
    }

    fn newest(&self) -> Result<Option<PolicyHead>, StoreError> {
        match self.added.last() {
            Some((version, _)) => Ok(Some(version.head.clone())),
            None => Ok(records::policies(self.pages, None, 1)?.pop()),
        }
    }

    fn get(&self, number: u64) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        match self.added.iter().find(|(version, _)| version.head.version == number) {
            Some((version, _)) => Ok(Some(Arc::clone(version))),
            None => Ok(records::policy(self.pages, number)?.map(Arc::new)),
        }
    }

    /// Reads a version that a record refers to.
    fn named(&self, number: u64) -> Result<Arc<PolicyVersion>, StoreError> {
        self.get(number)?.ok_or_else(|| corrupt(format!("version {number} of the policy is referenced, but missing")))
    }

    fn find(&self, author: &Actor, request_id: Option<&str>) -> Result<Option<Found>, StoreError> {
        let Some(request_id) = request_id else { return Ok(None) };
        if let Some((version, _)) = self.added.iter().find(|(version, _)| version.is_by(author, request_id)) {
            return Ok(Some(Found::Version(Arc::clone(version))));
        }
        let key = keys::policy_request_id(author, request_id);
        let named = match self.unchanged.get(&key) {
            Some((call, _)) => Some(NamedPolicy::Unchanged(call.clone())),
            None => records::policy_request_id(self.pages, &key)?,
        };
        let Some(named) = named else { return Ok(None) };
        let version = self.named(named.version())?;
        match named {
            NamedPolicy::Unchanged(call) => Ok(Some(Found::Unchanged(call, version))),
            NamedPolicy::Version(_) if version.is_by(author, request_id) => Ok(Some(Found::Version(version))),
            NamedPolicy::Version(number) => {
                Err(corrupt(format!("version {number} of the policy does not have the request_id that refers to it")))
            }
        }
    }
}
