//! Blocks of subjects in sled, and their changes in a group.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sled::Batch;

use super::{
    SledStore,
    commit_log::GroupRecord,
    job::Job,
    keys,
    records::{self, Encoded},
    tree_reader::TreeReader,
};
use crate::{
    domain::{Block, BlockChanges, BlockId, Blocks, Digest, ImportedBlocks, NewBlock, NewUnblock, Time},
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
    /// Changed, but not yet committed; `None`: forgotten.
    changed: BTreeMap<BlockId, Option<(Encoded, Digest)>>,
    /// Keys that forgotten blocks have in the tree.
    gone: Vec<sled::IVec>,
    newest: Option<Time>,
}

impl<'a> GroupBlocks<'a> {
    pub(super) const fn new(pages: &'a TreeReader, kept: &'a mut Blocks) -> Self {
        Self { pages, kept, changed: BTreeMap::new(), gone: Vec::new(), newest: None }
    }

    /// Adds all changes to a batch, and their ids to the group's record. Returns the newest time.
    pub(super) fn write(self, batch: &mut Batch, record: &mut GroupRecord) -> Option<Time> {
        self.gone.into_iter().for_each(|key| batch.remove(key));
        for (id, change) in self.changed {
            match change {
                Some((encoded, hash)) => {
                    record.blocks.push((id, hash));
                    encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
                }
                None => record.forgotten_blocks.push(id),
            }
        }
        self.newest
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
        let encoded = changed.iter().map(|block| Ok((block.id, Some(records::encode_block(block)?))));
        let encoded = encoded.collect::<Result<Vec<_>, StoreError>>()?;
        let mut gone = Vec::new();
        for id in &forgotten {
            gone.extend(self.pages.keys(keys::pieces_of_block(*id)).collect::<Result<Vec<_>, _>>()?);
        }
        self.gone.append(&mut gone);
        self.changed.extend(encoded);
        self.changed.extend(forgotten.into_iter().map(|id| (id, None)));
        self.newest = self.newest.max(newest);
        *self.kept = all;
        Ok(())
    }
}
