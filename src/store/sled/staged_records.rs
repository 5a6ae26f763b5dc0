//! Records of one kind that the commands of a group changed or forgot, before they are committed.

use std::{collections::BTreeMap, ops::RangeInclusive};

use sled::Batch;

use super::{records::Encoded, tree_reader::TreeReader};
use crate::{
    domain::{Digest, Time},
    store::StoreError,
};

/// The changed records, by their ids.
pub(super) struct StagedRecords<Id> {
    /// `None`: forgotten.
    changed: BTreeMap<Id, Option<(Encoded, Digest)>>,
    /// Keys that forgotten records have in the tree.
    gone: Vec<sled::IVec>,
    newest: Option<Time>,
}

impl<Id: Copy + Ord> StagedRecords<Id> {
    pub(super) const fn new() -> Self {
        Self { changed: BTreeMap::new(), gone: Vec::new(), newest: None }
    }

    /// Adds changes: encoded records, and the ids of forgotten ones. `pieces` has the keys of a record.
    ///
    /// # Errors
    /// If a key cannot be read. Then nothing is added.
    pub(super) fn add(
        &mut self,
        changed: Vec<(Id, (Encoded, Digest))>,
        forgotten: Vec<Id>,
        newest: Option<Time>,
        pages: &TreeReader,
        pieces: impl Fn(Id) -> RangeInclusive<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        for id in &forgotten {
            gone.extend(pages.keys(pieces(*id)).collect::<Result<Vec<_>, _>>()?);
        }
        self.gone.append(&mut gone);
        self.changed.extend(changed.into_iter().map(|(id, encoded)| (id, Some(encoded))));
        self.changed.extend(forgotten.into_iter().map(|id| (id, None)));
        self.newest = self.newest.max(newest);
        Ok(())
    }

    /// Adds all changes to a batch, and their ids to those of the group's record. Returns the newest time.
    pub(super) fn write(
        self,
        batch: &mut Batch,
        changed: &mut Vec<(Id, Digest)>,
        forgotten: &mut Vec<Id>,
    ) -> Option<Time> {
        self.gone.into_iter().for_each(|key| batch.remove(key));
        for (id, change) in self.changed {
            match change {
                Some((encoded, hash)) => {
                    changed.push((id, hash));
                    encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
                }
                None => forgotten.push(id),
            }
        }
        self.newest
    }
}
