//! Signing keys in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{KeyPurpose, SigningKey},
    store::{SigningKeyStore, StoreError},
};

#[async_trait]
impl SigningKeyStore for MemoryStore {
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError> {
        Ok(self.state()?.signing_keys.get(&purpose).cloned())
    }

    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError> {
        Ok(self.state()?.signing_keys.entry(purpose).or_insert(proposed).clone())
    }
}
