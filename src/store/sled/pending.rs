//! Approvals that wait for a decision, counted.

use std::collections::HashMap;

use super::{frame, keys::Field, tree_reader::TreeReader};
use crate::{domain::Status, store::StoreError};

/// How many approvals are pending, by caller.
#[derive(Debug, Default)]
pub(super) struct PendingCounts {
    by_caller: HashMap<String, u32>,
    total: u64,
}

impl PendingCounts {
    /// Counts what a store has.
    pub(super) fn read(pages: &TreeReader) -> Result<Self, StoreError> {
        let mut pending = Self::default();
        for entry in pages.prefix(Field::Status(Status::Pending).prefix()) {
            let (key, caller) = entry?;
            pending.add(String::from_utf8_lossy(frame::open(&key, &caller)?).into_owned());
        }
        Ok(pending)
    }

    pub(super) fn add(&mut self, caller: String) {
        *self.by_caller.entry(caller).or_default() += 1;
        self.total += 1;
    }

    pub(super) fn remove(&mut self, caller: &str) {
        self.total = self.total.saturating_sub(1);
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

    pub(super) const fn total(&self) -> u64 {
        self.total
    }
}
