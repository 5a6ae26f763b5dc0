//! Freezes.

use super::{Encoded, get};
use crate::{
    domain::{Digest, Freeze, FreezeId, Freezes},
    store::{
        StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// Reads a freeze.
pub(in super::super) fn freeze(pages: &TreeReader, id: FreezeId) -> Result<Option<Freeze>, StoreError> {
    match get::<Freeze>(pages, &keys::freeze(id))? {
        Some(freeze) if freeze.id != id => Err(corrupt(format!("freeze {id} says that it is {}", freeze.id))),
        freeze => Ok(freeze),
    }
}

/// Reads every freeze.
pub(in super::super) fn freezes(pages: &TreeReader) -> Result<Freezes, StoreError> {
    let mut found = Vec::new();
    for key in pages.keys(keys::freezes()) {
        if let Some(id) = keys::freeze_of(&key?) {
            found.extend(freeze(pages, id)?); // `None` if forgotten meanwhile
        }
    }
    Ok(found.into_iter().collect())
}

/// Keys and values of a freeze, and the hash of its payload.
pub(in super::super) fn encode_freeze(freeze: &Freeze) -> Result<(Encoded, Digest), StoreError> {
    let payload = rmp_serde::to_vec_named(freeze).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::freeze(freeze.id), &payload)?;
    Ok((encoded, Digest::of_bytes(&payload)))
}
