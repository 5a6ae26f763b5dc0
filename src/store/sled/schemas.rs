//! JSON Schemas. Each is stored once, by its hash, because most calls of a tool have the same schema. The first event
//! of an approval holds the hash. A schema is removed with the last approval that uses it.

use std::collections::HashSet;

use sled::Batch;

use super::{
    frame::{self, Encoded},
    keys::{self, Field},
    tree_reader::TreeReader,
};
use crate::{
    domain::{Approval, ApprovalId, Digest},
    store::{
        StoreError,
        records::{schema_hash, whole_schema},
    },
};

/// Reads a schema from the store.
pub(super) fn read(pages: &TreeReader, hash: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    frame::get(pages, &keys::schema(&hash))
}

/// Schemas that a group of commits uses, and those that it may make unused.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    kept: HashSet<Digest>,
    left: HashSet<Digest>,
}

impl Schemas {
    /// Stores the schema of a new approval, unless an intact copy is stored. This repairs a damaged copy for all
    /// approvals that use it.
    pub(super) fn keep(
        &mut self,
        pages: &TreeReader,
        approval: &Approval,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let Some(text) = &approval.request.schema else { return Ok(()) };
        let hash = Digest::of_bytes(text.as_bytes());
        if self.kept.contains(&hash) {
            return Ok(());
        }
        if is_whole(pages, hash)? {
            self.kept.insert(hash);
            return Ok(());
        }
        let mut encoded = Encoded::new();
        frame::cut(&mut encoded, keys::schema(&hash), text.as_bytes())?;
        encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
        self.kept.insert(hash);
        Ok(())
    }

    /// Notes that an approval was forgotten.
    pub(super) fn leave(&mut self, approval: &Approval) {
        self.left.extend(schema_hash(&approval.request));
    }

    /// Removes the schemas that no approval uses any more, apart from approvals that are `gone`.
    pub(super) fn remove_unused(
        &self,
        pages: &TreeReader,
        gone: &HashSet<ApprovalId>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        for hash in self.left.difference(&self.kept) {
            if !is_named(pages, *hash, gone)? {
                let first = keys::schema(hash);
                for key in pages.keys(first.clone()..=frame::piece_key(&first, u8::MAX)) {
                    batch.remove(key?);
                }
            }
        }
        Ok(())
    }
}

/// Whether an intact copy of a schema is stored. A page that sled cannot read is an error: no write could repair it.
fn is_whole(pages: &TreeReader, hash: Digest) -> Result<bool, StoreError> {
    let first = keys::schema(&hash);
    let entries = pages.range(first.clone()..=frame::piece_key(&first, u8::MAX)).collect::<Result<Vec<_>, _>>()?;
    let find = |key: &[u8]| entries.iter().find(|(found, _)| found == key).map(|(_, value)| &**value);
    let Some(value) = find(&first) else { return Ok(false) };
    match frame::assemble(&first, value, find) {
        Ok(text) => Ok(Digest::of_bytes(&text) == hash),
        Err(StoreError::Corrupt(_)) => Ok(false),
        Err(error) => Err(error), // written by a later version
    }
}

fn is_named(pages: &TreeReader, hash: Digest, gone: &HashSet<ApprovalId>) -> Result<bool, StoreError> {
    // Newest first: the oldest approvals are forgotten first, so the newest most likely remains.
    for entry in pages.prefix(Field::Schema(hash).prefix()).rev() {
        if keys::id_of(&entry?.0).is_none_or(|id| !gone.contains(&id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Faults of stored schemas: each must match the hash in its key, and have an approval that uses it. Missing schemas
/// show up as faults of their approvals.
pub(super) fn faults(pages: &TreeReader) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    for key in pages.keys(keys::schemas()) {
        let key = key?;
        let Some(hash) = keys::schema_of(&key) else { continue };
        match read(pages, hash).and_then(|text| whole_schema(hash, text.unwrap_or_default())) {
            Ok(_) if is_named(pages, hash, &HashSet::new())? => {}
            Ok(_) => faults.push(format!("the schema {hash} belongs to no approval")),
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok(faults)
}
