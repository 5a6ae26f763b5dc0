//! The store of blocks of subjects.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Block, ImportedBlocks, NewBlock, NewUnblock};

/// Stores blocks, by the rules of [`Blocks`](crate::domain::Blocks).
#[async_trait]
pub trait BlockStore: Send + Sync + 'static {
    /// Blocks a subject, or finds its active block.
    ///
    /// # Errors
    /// [`BlockError::TooMany`], [`BlockError::RequestIdReused`], or a failure.
    ///
    /// [`BlockError::TooMany`]: crate::domain::BlockError::TooMany
    /// [`BlockError::RequestIdReused`]: crate::domain::BlockError::RequestIdReused
    async fn block(&self, new: NewBlock) -> Result<Block, StoreError>;

    /// Unblocks a subject, or finds the block that the same operator ended earlier with the same `request_id`.
    ///
    /// # Errors
    /// [`BlockError::NotBlocked`], [`BlockError::RequestIdReused`], or a failure.
    ///
    /// [`BlockError::NotBlocked`]: crate::domain::BlockError::NotBlocked
    /// [`BlockError::RequestIdReused`]: crate::domain::BlockError::RequestIdReused
    async fn unblock(&self, new: NewUnblock) -> Result<Block, StoreError>;

    /// All stored blocks, in order of id: the active ones, and the most recently ended ones.
    ///
    /// # Errors
    /// A failure.
    async fn blocks(&self) -> Result<Vec<Block>, StoreError>;

    /// Imports blocks from an export: all or none. It accepts copies of stored blocks; a copy that is still active does
    /// not undo an end.
    ///
    /// # Errors
    /// [`BlockError::Conflict`], [`BlockError::Bad`], or a failure.
    ///
    /// [`BlockError::Conflict`]: crate::domain::BlockError::Conflict
    /// [`BlockError::Bad`]: crate::domain::BlockError::Bad
    async fn import_blocks(&self, blocks: Vec<Block>) -> Result<ImportedBlocks, StoreError>;
}
