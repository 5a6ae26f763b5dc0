//! Reads sled's tree. Panics and errors of sled become errors of the store, and the first one is remembered.

use std::{
    ops::RangeBounds,
    sync::{Arc, OnceLock},
};

use sled::{IVec, Tree};

use super::catch_panic::{guarded, sentence};
use crate::store::StoreError;

/// A reader of a tree.
#[derive(Clone, Debug)]
pub(super) struct TreeReader {
    tree: Tree,
    fault: Arc<OnceLock<StoreError>>,
}

impl TreeReader {
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree, fault: Arc::default() }
    }

    /// Another reader of the same tree, with its own fault.
    pub(super) fn again(&self) -> Self {
        Self::new(self.tree.clone())
    }

    /// The first error or panic of sled, apart from a bad checksum.
    pub(super) fn fault(&self) -> Option<&StoreError> {
        self.fault.get()
    }

    /// The tree, for the writer, which applies batches.
    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<IVec>, StoreError> {
        self.read(|| self.tree.get(key))
    }

    pub(super) fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        self.read(|| self.tree.contains_key(key))
    }

    /// Entries in a range of keys, in order.
    pub(super) fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Entries<'_> {
        Entries { pages: self, entries: Some(self.tree.range(range)) }
    }

    /// Entries whose keys have this prefix, in order.
    pub(super) fn prefix(&self, prefix: impl AsRef<[u8]>) -> Entries<'_> {
        Entries { pages: self, entries: Some(self.tree.scan_prefix(prefix)) }
    }

    /// Keys in a range, in order.
    pub(super) fn keys<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<IVec, StoreError>> {
        self.range(range).map(|entry| entry.map(|(key, _)| key))
    }

    fn read<T>(&self, read: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        let outcome = match guarded(read) {
            Ok(Ok(found)) => return Ok(found),
            // A page with a bad checksum fails only the commands that read it, each time they do. It is not a fault of
            // the reader.
            Ok(Err(error @ sled::Error::Corruption { .. })) => return Err(broken(&error)),
            Ok(Err(error)) => broken(&error),
            Err(panic) => StoreError::Corrupt(format!("sled cannot read a page: {panic}").into()),
        };
        let _ = self.fault.set(outcome.clone()); // keep the first one, which says most
        Err(outcome)
    }
}

/// An iterator that ends after an error: sled's could return the same error endlessly.
pub(super) struct Entries<'a> {
    pages: &'a TreeReader,
    entries: Option<sled::Iter>,
}

impl Entries<'_> {
    fn take(
        &mut self,
        next: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(IVec, IVec)>>,
    ) -> Option<Result<(IVec, IVec), StoreError>> {
        let entries = self.entries.as_mut()?;
        let taken = self.pages.read(|| next(entries).transpose()).transpose();
        if !matches!(taken, Some(Ok(_))) {
            self.entries = None;
        }
        taken
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(IVec, IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take(Iterator::next)
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.take(DoubleEndedIterator::next_back)
    }
}

/// The store's error for an error of sled.
fn broken(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => StoreError::Unavailable(format!("cannot read the disk: {error}").into()),
        other => StoreError::Corrupt(format!("sled cannot read a page: {}", sentence(other)).into()),
    }
}
