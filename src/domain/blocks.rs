//! The blocks of a store, with the rules that all stores follow.

use std::{collections::BTreeMap, sync::Arc};

use super::{Actor, Block, BlockError, BlockId, NewBlock, NewUnblock, SubjectName, Time, Unblocked};

/// Maximum number of active blocks. With the longest names and reasons they fit into 4 MiB, the default limit of gRPC
/// clients. Imported blocks may exceed it: a restriction must not be lost.
pub const BLOCKS_MAX: usize = 500;

/// Maximum number of ended blocks to keep. The newest are kept, for repeated calls and exports.
const ENDED_KEPT: usize = 1_000;

/// All blocks that a store keeps: the active ones, and the newest ended ones. Pure: stores persist its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks(BTreeMap<BlockId, Arc<Block>>);

/// A change of [`Blocks`] for the store to persist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockChanges {
    /// Blocks to write.
    pub changed: Vec<Arc<Block>>,
    /// Blocks to delete.
    pub forgotten: Vec<BlockId>,
}

/// The result of an import of blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedBlocks {
    /// Number of blocks that are new.
    pub new: usize,
    /// Active blocks that a copy in the import ended.
    pub ended: Vec<Block>,
}

impl BlockChanges {
    /// The newest time in the change.
    #[must_use]
    pub fn newest(&self) -> Option<Time> {
        let end = |block: &Arc<Block>| block.unblocked.as_ref().map_or(block.at, |ended| ended.at.max(block.at));
        self.changed.iter().map(end).max()
    }
}

impl FromIterator<Block> for Blocks {
    fn from_iter<T: IntoIterator<Item = Block>>(blocks: T) -> Self {
        Self(blocks.into_iter().map(|block| (block.id, Arc::new(block))).collect())
    }
}

impl Blocks {
    /// All blocks, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.0.values()
    }

    /// The active blocks, ordered by id.
    pub fn standing(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.iter().filter(|block| block.stands())
    }

    /// Blocks a subject. A blocked subject stays blocked by its first block, which is returned; so is that of a
    /// repetition, by operator and `request_id`.
    ///
    /// # Errors
    /// [`BlockError::TooMany`] or [`BlockError::RequestIdReused`].
    pub fn block(&mut self, new: NewBlock) -> Result<(Arc<Block>, BlockChanges), BlockError> {
        let NewBlock { id, subject, reason, actor, request_id, now } = new;
        if let Some(key) = &request_id
            && let Some(first) = self.under(&actor, key)
        {
            let made = first.request_id.as_ref() == Some(key) && first.actor.is(&actor);
            return if made && first.stands() && first.subject.is(&subject) && first.reason == reason {
                Ok((first, BlockChanges::default()))
            } else {
                Err(BlockError::RequestIdReused { request_id: key.clone(), id: first.id })
            };
        }
        if let Some(first) = self.of(&subject).next() {
            return Ok((Arc::clone(first), BlockChanges::default()));
        }
        if self.standing().count() >= BLOCKS_MAX {
            return Err(BlockError::TooMany { limit: BLOCKS_MAX });
        }
        let at = self.iter().map(|block| block.at).max().map_or(now, |newest| newest.max(now));
        let block = Arc::new(Block { id, subject, reason, actor, at, request_id, unblocked: None });
        if let Some(fault) = block.fault() {
            return Err(BlockError::Bad(id, fault));
        }
        if self.0.contains_key(&id) {
            return Err(BlockError::Conflict(id));
        }
        self.0.insert(id, Arc::clone(&block));
        Ok((Arc::clone(&block), BlockChanges { changed: vec![block], forgotten: Vec::new() }))
    }

    /// Unblocks a subject. A repetition, by operator and `request_id`, returns the block that it ended.
    ///
    /// # Errors
    /// [`BlockError::NotBlocked`] or [`BlockError::RequestIdReused`].
    pub fn unblock(&mut self, new: NewUnblock) -> Result<(Arc<Block>, BlockChanges), BlockError> {
        let NewUnblock { subject, actor, request_id, now } = new;
        if let Some(key) = &request_id
            && let Some(first) = self.under(&actor, key)
        {
            let ended = first.unblocked.as_ref().filter(|ended| ended.request_id.as_ref() == Some(key));
            let blocked_again = self.of(&subject).next().is_some();
            return if first.subject.is(&subject) && ended.is_some_and(|it| it.actor.is(&actor)) && !blocked_again {
                Ok((first, BlockChanges::default()))
            } else {
                Err(BlockError::RequestIdReused { request_id: key.clone(), id: first.id })
            };
        }
        // An import can bring a second block of the same subject.
        let ids: Vec<_> = self.of(&subject).map(|block| block.id).collect();
        let mut changed = Vec::new();
        for id in ids {
            if let Some(block) = self.0.get_mut(&id) {
                let at = now.max(block.at);
                let ended = Unblocked { actor: actor.clone(), at, request_id: request_id.clone() };
                Arc::make_mut(block).unblocked = Some(ended);
                changed.push(Arc::clone(block));
            }
        }
        let Some(block) = changed.first().cloned() else { return Err(BlockError::NotBlocked(subject)) };
        Ok((block, BlockChanges { changed, forgotten: self.forget_old() }))
    }

    /// Imports blocks, all or none. They may be copies of existing blocks. An active copy does not undo an end.
    ///
    /// # Errors
    /// [`BlockError::Conflict`] or [`BlockError::Bad`].
    pub fn import(&mut self, blocks: Vec<Block>) -> Result<(ImportedBlocks, BlockChanges), BlockError> {
        let (mut all, mut changed) = (self.clone(), BTreeMap::new());
        for block in blocks {
            let id = block.id;
            if let Some(fault) = block.fault() {
                return Err(BlockError::Bad(id, fault));
            }
            let kept = all.0.entry(id).or_insert_with(|| Arc::new(block.clone()));
            if !Arc::make_mut(kept).absorb(&block) {
                return Err(BlockError::Conflict(id));
            }
            if self.0.get(&id) != Some(kept) {
                changed.insert(id, Arc::clone(kept));
            }
        }
        let new = all.0.len() - self.0.len();
        let ended = self.standing().filter_map(|block| all.0.get(&block.id)).filter(|block| !block.stands());
        let imported = ImportedBlocks { new, ended: ended.map(|block| Block::clone(block)).collect() };
        *self = all;
        let forgotten = self.forget_old();
        let changed = changed.into_values().filter(|block| !forgotten.contains(&block.id)).collect();
        Ok((imported, BlockChanges { changed, forgotten }))
    }

    /// The active blocks of a subject.
    fn of(&self, subject: &SubjectName) -> impl Iterator<Item = &Arc<Block>> {
        self.standing().filter(|block| block.subject.is(subject))
    }

    /// The block that an operator made or ended with this `request_id`.
    fn under(&self, actor: &Actor, request_id: &str) -> Option<Arc<Block>> {
        let is = |by: &Actor, key: Option<&String>| key.is_some_and(|key| key == request_id) && by.is(actor);
        let known = |block: &&Arc<Block>| {
            let ended = block.unblocked.as_ref();
            is(&block.actor, block.request_id.as_ref())
                || ended.is_some_and(|ended| is(&ended.actor, ended.request_id.as_ref()))
        };
        self.iter().find(known).cloned()
    }

    /// Deletes the blocks that ended first, if there are too many.
    fn forget_old(&mut self) -> Vec<BlockId> {
        let ended = |block: &Arc<Block>| block.unblocked.as_ref().map(|ended| (ended.at, block.id));
        let mut old: Vec<_> = self.iter().filter_map(ended).collect();
        old.sort_unstable();
        old.truncate(old.len().saturating_sub(ENDED_KEPT));
        let forgotten: Vec<_> = old.into_iter().map(|(_, id)| id).collect();
        forgotten.iter().for_each(|id| drop(self.0.remove(id)));
        forgotten
    }
}

#[cfg(test)]
mod tests;
