//! Blocks of subjects in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    domain::{Block, ImportedBlocks, NewBlock, NewUnblock},
    store::{BlockStore, StoreError},
};

#[async_trait]
impl BlockStore for MemoryStore {
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError> {
        let mut state = self.state()?;
        let (block, changes) = state.blocks.block(new)?;
        state.newest = state.newest.max(changes.newest());
        Ok(Block::clone(&block))
    }

    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError> {
        let mut state = self.state()?;
        let (block, changes) = state.blocks.unblock(new)?;
        state.newest = state.newest.max(changes.newest());
        Ok(Block::clone(&block))
    }

    async fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        Ok(self.state()?.blocks.iter().map(|block| Block::clone(block)).collect())
    }

    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError> {
        let mut state = self.state()?;
        let (imported, changes) = state.blocks.import(blocks)?;
        state.newest = state.newest.max(changes.newest());
        Ok(imported)
    }
}
