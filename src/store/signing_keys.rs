//! The store of signing keys.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{KeyPurpose, SigningKey};

/// Stores one signing key for each purpose. Keys never change, and do not move with an export: another store has its
/// own.
#[async_trait]
pub trait SigningKeyStore: Send + Sync + 'static {
    /// The key of a purpose, if there is one.
    ///
    /// # Errors
    /// A failure.
    async fn signing_key(&self, purpose: KeyPurpose) -> Result<Option<SigningKey>, StoreError>;

    /// Stores the key of a purpose, or finds the one that is already stored. Returns the stored one.
    ///
    /// # Errors
    /// A failure.
    async fn keep_signing_key(&self, purpose: KeyPurpose, proposed: SigningKey) -> Result<SigningKey, StoreError>;
}
