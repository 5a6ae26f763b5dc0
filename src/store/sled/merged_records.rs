//! Records that a group saves whole or forgets. A record that is stored already takes over what is newer in the copy:
//! tokens and sessions.

use std::collections::BTreeMap;

use sled::Batch;

use super::{commit_log::GroupRecord, records::Encoded, tree_reader::TreeReader};
use crate::{domain::Digest, store::StoreError};

/// A kind of such records.
pub(super) trait Mergeable: Clone {
    /// The id of a record.
    type Id: Copy + Ord;

    /// Its id.
    fn id(&self) -> Self::Id;

    /// Why it is invalid; `None` if it is valid.
    fn fault(&self) -> Option<&'static str>;

    /// Takes over what is newer in a copy. False, without a change, if the other is not a copy of this record.
    fn absorb(&mut self, copy: &Self) -> bool;

    /// Its keys and values, and the hash of its payload.
    fn encode(&self) -> Result<(Encoded, Digest), StoreError>;

    /// Reads a record.
    fn read(pages: &TreeReader, id: Self::Id) -> Result<Option<Self>, StoreError>;

    /// Keys that a record has in the tree.
    fn keys_of(pages: &TreeReader, id: Self::Id) -> Result<Vec<sled::IVec>, StoreError>;

    /// The error for an invalid record.
    fn invalid(id: Self::Id, fault: &'static str) -> StoreError;

    /// The error for another record of the same id.
    fn conflict(id: Self::Id) -> StoreError;

    /// Adds a change to the group's record: the hash of the saved record, or `None` if it is forgotten.
    fn note(record: &mut GroupRecord, id: Self::Id, hash: Option<Digest>);
}

/// A record to save.
struct Saved<R> {
    record: R,
    encoded: Encoded,
    hash: Digest,
}

/// The records of a kind that a group changes.
pub(super) struct MergedRecords<'a, R: Mergeable> {
    pages: &'a TreeReader,
    /// `None`: forgotten.
    changed: BTreeMap<R::Id, Option<Saved<R>>>,
    /// Keys that forgotten records have in the tree.
    gone: Vec<sled::IVec>,
}

impl<'a, R: Mergeable> MergedRecords<'a, R> {
    pub(super) const fn new(pages: &'a TreeReader) -> Self {
        Self { pages, changed: BTreeMap::new(), gone: Vec::new() }
    }

    /// Adds all changes to a batch, and their ids to the group's record.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) {
        for (id, change) in &self.changed {
            R::note(record, *id, change.as_ref().map(|saved| saved.hash));
        }
        self.gone.into_iter().for_each(|key| batch.remove(key));
        // After the removals: a forgotten record may have been saved again.
        for (key, value) in self.changed.into_values().flatten().flat_map(|saved| saved.encoded) {
            batch.insert(key, value);
        }
    }

    /// Saves records: all or none. Returns the number of new ones.
    pub(super) fn save(&mut self, records: Vec<R>) -> Result<usize, StoreError> {
        let (mut changes, mut new) = (BTreeMap::<R::Id, Saved<R>>::new(), 0);
        for record in records {
            let id = record.id();
            if let Some(fault) = record.fault() {
                return Err(R::invalid(id, fault));
            }
            let known = match changes.remove(&id) {
                Some(saved) => Some(saved.record),
                None => self.get(id)?,
            };
            new += usize::from(known.is_none());
            let mut kept = known.unwrap_or_else(|| record.clone());
            if !kept.absorb(&record) {
                return Err(R::conflict(id));
            }
            let (encoded, hash) = kept.encode()?;
            changes.insert(id, Saved { record: kept, encoded, hash });
        }
        self.changed.extend(changes.into_iter().map(|(id, change)| (id, Some(change))));
        Ok(new)
    }

    /// Forgets records. Ignores ids that are not stored.
    pub(super) fn forget(&mut self, ids: Vec<R::Id>) -> Result<(), StoreError> {
        let gone = ids.iter().map(|id| R::keys_of(self.pages, *id)).collect::<Result<Vec<_>, _>>()?;
        self.gone.extend(gone.into_iter().flatten());
        self.changed.extend(ids.into_iter().map(|id| (id, None)));
        Ok(())
    }

    fn get(&self, id: R::Id) -> Result<Option<R>, StoreError> {
        match self.changed.get(&id) {
            Some(change) => Ok(change.as_ref().map(|saved| saved.record.clone())),
            None => R::read(self.pages, id),
        }
    }
}
