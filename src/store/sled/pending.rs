//! Counts pending approvals.

use std::collections::{BTreeSet, HashMap};

use super::{
    frame,
    keys::{self, Field},
    tree_reader::TreeReader,
};
use crate::{
    domain::{ApprovalId, Status, Time},
    store::StoreError,
};

/// The pending approvals: their number by caller, and the oldest.
#[derive(Debug, Default)]
pub(super) struct PendingCounts {
    by_caller: HashMap<String, u32>,
    ids: BTreeSet<ApprovalId>,
}

impl PendingCounts {
    /// Counts the pending approvals of a store.
    pub(super) fn read(pages: &TreeReader) -> Result<Self, StoreError> {
        let mut pending = Self::default();
        for entry in pages.prefix(Field::Status(Status::Pending).prefix()) {
            let (key, caller) = entry?;
            let id = keys::id_of(&key).ok_or_else(|| frame::corrupt("an entry of the pending approvals has no id"))?;
            pending.add(String::from_utf8_lossy(frame::open(&key, &caller)?).into_owned(), id);
        }
        Ok(pending)
    }

    pub(super) fn add(&mut self, caller: String, id: ApprovalId) {
        *self.by_caller.entry(caller).or_default() += 1;
        self.ids.insert(id);
    }

    pub(super) fn remove(&mut self, caller: &str, id: ApprovalId) {
        self.ids.remove(&id);
        if let Some(count) = self.by_caller.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                self.by_caller.remove(caller);
            }
        }
    }

    pub(super) fn of(&self, caller: &str) -> u32 {
        self.by_caller.get(caller).copied().unwrap_or(0)
    }

    pub(super) fn total(&self) -> u64 {
        self.ids.len() as u64
    }

    /// When the oldest was requested, from its id.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.ids.first()?.created_at()
    }
}
