//! Freezes in sled, and their changes in a group.

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore, commit_log::GroupRecord, job::Job, keys, records, staged_records::StagedRecords, tree_reader::TreeReader,
};
use crate::{
    domain::{Freeze, FreezeChanges, FreezeId, Freezes, ImportedFreezes, NewFreeze, NewThaw, Time},
    store::{FreezeStore, StoreError},
};

#[async_trait]
impl FreezeStore for SledStore {
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError> {
        self.write(|reply| Job::Freeze(new, reply)).await
    }

    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError> {
        self.write(|reply| Job::Thaw(new, reply)).await
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        let found = self.scan(records::freezes).await?;
        Ok(found.iter().map(|freeze| Freeze::clone(freeze)).collect())
    }

    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        self.write(|reply| Job::ImportFreezes(freezes, reply)).await
    }
}

/// Freezes after the commands of a group. The writer holds all freezes in memory, because each claim and each request
/// reads them, and only the writer changes them.
pub(super) struct GroupFreezes<'a> {
    pages: &'a TreeReader,
    kept: &'a mut Freezes,
    staged: StagedRecords<FreezeId>,
}

impl<'a> GroupFreezes<'a> {
    pub(super) const fn new(pages: &'a TreeReader, kept: &'a mut Freezes) -> Self {
        Self { pages, kept, staged: StagedRecords::new() }
    }

    /// The freezes now.
    pub(super) const fn standing(&self) -> &Freezes {
        self.kept
    }

    /// Adds all changes to a batch, and their ids to the group's record. Returns the newest time.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) -> Option<Time> {
        self.staged.write(batch, &mut record.freezes, &mut record.forgotten_freezes)
    }

    pub(super) fn freeze(&mut self, new: NewFreeze) -> Result<Freeze, StoreError> {
        let mut all = self.kept.clone();
        let (freeze, changes) = all.freeze(new)?;
        self.take(all, changes)?;
        Ok(Freeze::clone(&freeze))
    }

    pub(super) fn thaw(&mut self, new: NewThaw) -> Result<Freeze, StoreError> {
        let mut all = self.kept.clone();
        let (freeze, changes) = all.thaw(new)?;
        self.take(all, changes)?;
        Ok(Freeze::clone(&freeze))
    }

    pub(super) fn import(&mut self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError> {
        let mut all = self.kept.clone();
        let (imported, changes) = all.import(freezes)?;
        self.take(all, changes)?;
        Ok(imported)
    }

    /// Applies changes. It encodes all of them first: a freeze that cannot be stored must not take effect.
    fn take(&mut self, all: Freezes, changes: FreezeChanges) -> Result<(), StoreError> {
        let newest = changes.newest();
        let FreezeChanges { changed, forgotten } = changes;
        let encoded = changed.iter().map(|freeze| Ok((freeze.id, records::encode_freeze(freeze)?)));
        let encoded = encoded.collect::<Result<Vec<_>, StoreError>>()?;
        self.staged.add(encoded, forgotten, newest, self.pages, keys::pieces_of_freeze)?;
        *self.kept = all;
        Ok(())
    }
}
