//! Retries that were made before, so that a repeated call does not retry again.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::domain::ListedDelivery;

/// Number of retries that are remembered.
pub(super) const RETRIES_MAX: usize = 1_000;

/// The caller and its idempotency key.
type Key = (String, String);

/// The newest retries. In memory: after a restart, a repeated call retries again, which is harmless.
#[derive(Debug, Default)]
pub(super) struct RecentRetries(Mutex<VecDeque<(Key, ListedDelivery)>>);

impl RecentRetries {
    /// The result of the call with this key.
    pub(super) fn get(&self, key: &Key) -> Option<ListedDelivery> {
        let retries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        retries.iter().find(|(known, _)| known == key).map(|(_, delivery)| delivery.clone())
    }

    /// Remembers a call. Forgets the oldest one.
    pub(super) fn insert(&self, key: Key, delivery: ListedDelivery) {
        let mut retries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if retries.len() >= RETRIES_MAX {
            retries.pop_front();
        }
        retries.push_back((key, delivery));
    }
}
