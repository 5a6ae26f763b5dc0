use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::Actor;

/// A request, by its caller and the caller's key for it: known before the approval has an id.
pub(super) type Key = (Actor, String);

/// Counts the RequestApproval streams of requests that are to be withdrawn when the last one is cut.
#[derive(Debug, Default)]
pub(super) struct Attachments(Mutex<HashMap<Key, usize>>);

impl Attachments {
    pub(super) fn attach(&self, key: Key) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// True when that was the last one.
    pub(super) fn detach(&self, key: &Key) -> bool {
        let mut attached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = attached.get_mut(key) else { return false };
        *count -= 1;
        let last = *count == 0;
        if last {
            attached.remove(key);
        }
        last
    }
}
