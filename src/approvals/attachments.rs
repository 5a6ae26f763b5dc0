use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// A request, as its caller names it: known before the approval has an id.
type Key = (String, String);

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
