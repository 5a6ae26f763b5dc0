//! Signing keys.

use serde::{Deserialize, Serialize};

use super::{Encoded, get};
use crate::{
    domain::{Digest, KeyPurpose, SigningKey},
    store::{
        StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// The key of a purpose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StoredKey {
    pub(in super::super) purpose: KeyPurpose,
    pub(in super::super) key: SigningKey,
}

/// Reads the key of a purpose.
pub(in super::super) fn signing_key(pages: &TreeReader, purpose: KeyPurpose) -> Result<Option<StoredKey>, StoreError> {
    match get::<StoredKey>(pages, &keys::signing_key(purpose))? {
        Some(stored) if stored.purpose != purpose => {
            Err(corrupt(format!("the signing key of {purpose} says that it is that of {}", stored.purpose)))
        }
        stored => Ok(stored),
    }
}

/// Keys and values of a signing key, and the hash of its payload.
pub(in super::super) fn encode_signing_key(stored: &StoredKey) -> Result<(Encoded, Digest), StoreError> {
    let payload = rmp_serde::to_vec_named(stored).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::signing_key(stored.purpose), &payload)?;
    Ok((encoded, Digest::of_bytes(&payload)))
}
