//! Blocks of subjects.

use super::{Encoded, get};
use crate::{
    domain::{Block, BlockId, Blocks, Digest},
    store::{
        StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// Reads a block.
pub(in super::super) fn block(pages: &TreeReader, id: BlockId) -> Result<Option<Block>, StoreError> {
    match get::<Block>(pages, &keys::block(id))? {
        Some(block) if block.id != id => Err(corrupt(format!("block {id} says that it is {}", block.id))),
        block => Ok(block),
    }
}

/// Reads every block.
pub(in super::super) fn blocks(pages: &TreeReader) -> Result<Blocks, StoreError> {
    let mut found = Vec::new();
    for key in pages.keys(keys::blocks()) {
        if let Some(id) = keys::block_of(&key?) {
            found.extend(block(pages, id)?); // `None` if forgotten meanwhile
        }
    }
    Ok(found.into_iter().collect())
}

/// Keys and values of a block, and the hash of its payload.
pub(in super::super) fn encode_block(block: &Block) -> Result<(Encoded, Digest), StoreError> {
    let payload = rmp_serde::to_vec_named(block).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::block(block.id), &payload)?;
    Ok((encoded, Digest::of_bytes(&payload)))
}
