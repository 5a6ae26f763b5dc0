//! Versions of the policy that a group adds: each follows the ones before it in the group.

use std::sync::Arc;

use sled::{Batch, Tree};

use super::{
    keys,
    records::{self, Encoded, broken, corrupt},
};
use crate::{
    domain::Actor,
    store::{NewPolicy, PolicyHead, PolicyVersion, StoreError},
};

/// Versions added, but not yet committed.
pub(super) struct Policies<'a> {
    tree: &'a Tree,
    added: Vec<(Arc<PolicyVersion>, Encoded)>,
}

impl<'a> Policies<'a> {
    pub(super) const fn new(tree: &'a Tree) -> Self {
        Self { tree, added: Vec::new() }
    }

    /// Adds everything to a batch. True when there is something.
    pub(super) fn write(self, batch: &mut Batch) -> bool {
        let any = !self.added.is_empty();
        for (key, value) in self.added.into_iter().flat_map(|(_, encoded)| encoded) {
            batch.insert(key, value);
        }
        any
    }

    pub(super) fn put(&mut self, new: NewPolicy) -> Result<Arc<PolicyVersion>, StoreError> {
        if let Some(first) = self.find(&new.author, new.request_id.as_deref())? {
            first.check_repetition(&new)?;
            return Ok(first);
        }
        let version = new.after(self.newest()?.as_ref())?;
        self.add(version)
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
            None => Ok(records::policies(self.tree, None, 1)?.pop()),
        }
    }

    fn get(&self, number: u64) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        match self.added.iter().find(|(version, _)| version.head.version == number) {
            Some((version, _)) => Ok(Some(Arc::clone(version))),
            None => Ok(records::policy(self.tree, number)?.map(Arc::new)),
        }
    }

    fn find(&self, author: &Actor, request_id: Option<&str>) -> Result<Option<Arc<PolicyVersion>>, StoreError> {
        let Some(request_id) = request_id else { return Ok(None) };
        if let Some((version, _)) = self.added.iter().find(|(version, _)| version.is_by(author, request_id)) {
            return Ok(Some(Arc::clone(version)));
        }
        match self.tree.get(keys::policy_request_id(author, request_id)).map_err(broken)? {
            Some(value) => {
                let number = keys::policy_version_of(&value).ok_or_else(|| corrupt("a policy's request_id".into()))?;
                self.get(number)
            }
            None => Ok(None),
        }
    }
}
