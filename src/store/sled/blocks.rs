//! Blocks of subjects in sled, and their changes in a group.

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore, commit_log::GroupRecord, job::Job, keys, records, staged_records::StagedRecords, tree_reader::TreeReader,
};
use crate::{
    domain::{Block, BlockChanges, BlockId, Blocks, ImportedBlocks, NewBlock, NewUnblock, Time},
    store::{BlockStore, StoreError},
};

#[async_trait]
impl BlockStore for SledStore {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        self.write(|reply| Job::Block(new, reply)).await
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        self.write(|reply| Job::Unblock(new, reply)).await
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        let found = self.scan(records::blocks).await?;
        Ok(found.iter().map(|block| Block::clone(block)).collect())
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        self.write(|reply| Job::ImportBlocks(blocks, reply)).await
    }
}

/// Blocks after the commands of a group. The writer holds all blocks in memory, and is the only one that changes them.
pub(super) struct GroupBlocks<'a> {
    pages: &'a TreeReader,
    kept: &'a mut Blocks,
    staged: StagedRecords<BlockId>,
}

impl<'a> GroupBlocks<'a> {
    pub(super) const fn new(pages: &'a TreeReader, kept: &'a mut Blocks) -> Self {
        Self { pages, kept, staged: StagedRecords::new() }
    }

    /// Adds all changes to a batch, and their ids to the group's record. Returns the newest time.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) -> Option<Time> {
        self.staged.write(batch, &mut record.blocks, &mut record.forgotten_blocks)
    }

    pub(super) fn block(&mut self, new: NewBlock) -> Result<Block, StoreError> {
        let mut all = self.kept.clone();
        let (block, changes) = all.block(new)?;
        self.take(all, changes)?;
        Ok(Block::clone(&block))
    }

    pub(super) fn unblock(&mut self, new: NewUnblock) -> Result<Block, StoreError> {
        let mut all = self.kept.clone();
        let (block, changes) = all.unblock(new)?;
        self.take(all, changes)?;
        Ok(Block::clone(&block))
    }

    pub(super) fn import(&mut self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        let mut all = self.kept.clone();
        let (imported, changes) = all.import(blocks)?;
        self.take(all, changes)?;
        Ok(imported)
    }

    /// Applies changes. It encodes all of them first: a block that cannot be stored must not take effect.
    fn take(&mut self, all: Blocks, changes: BlockChanges) -> Result<(), StoreError> {
        let newest = changes.newest();
        let BlockChanges { changed, forgotten } = changes;
        let encoded = changed.iter().map(|block| Ok((block.id, records::encode_block(block)?)));
        let encoded = encoded.collect::<Result<Vec<_>, StoreError>>()?;
        self.staged.add(encoded, forgotten, newest, self.pages, keys::pieces_of_block)?;
        *self.kept = all;
        Ok(())
    }
}
