//! Signing keys in sled, and the new ones of a group.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore,
    commit_log::GroupRecord,
    job::Job,
    records::{self, StoredKey},
    tree_reader::TreeReader,
};
use crate::{
    domain::{KeyPurpose, SigningKey},
    store::{SigningKeyStore, StoreError},
};

#[async_trait]
impl SigningKeyStore for SledStore {
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
        let stored = self.scan(move |pages| records::signing_key(pages, purpose)).await?;
        Ok(stored.map(|stored| stored.key))
    }

    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        self.write(|reply| Job::KeepSigningKey(purpose, proposed, reply)).await
    }
}

/// The keys that a group adds.
pub(super) struct NewSigningKeys<'a> {
    pages: &'a TreeReader,
    new: BTreeMap<KeyPurpose, (SigningKey, records::Encoded, crate::domain::Digest)>,
}

impl<'a> NewSigningKeys<'a> {
    pub(super) const fn new(pages: &'a TreeReader) -> Self {
        Self { pages, new: BTreeMap::new() }
    }

    /// Adds all new keys to a batch, and their purposes to the group's record.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) {
        for (purpose, (_, encoded, hash)) in self.new {
            record.signing_keys.push((purpose, hash));
            encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
        }
    }

    /// The stored key, or else the proposed one, which is then stored.
    pub(super) fn keep(&mut self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        if let Some((key, ..)) = self.new.get(&purpose) {
            return Ok(key.clone());
        }
        if let Some(stored) = records::signing_key(self.pages, purpose)? {
            return Ok(stored.key);
        }
        let (encoded, hash) = records::encode_signing_key(&StoredKey { purpose, key: proposed.clone() })?;
        self.new.insert(purpose, (proposed.clone(), encoded, hash));
        Ok(proposed)
    }
}
