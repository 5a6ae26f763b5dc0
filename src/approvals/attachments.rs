use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::ApprovalId;

/// Counts the RequestApproval streams of approvals that are to be withdrawn when the last one is cut.
#[derive(Debug, Default)]
pub(super) struct Attachments(Mutex<HashMap<ApprovalId, usize>>);

impl Attachments {
    pub(super) fn attach(&self, id: ApprovalId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default() += 1;
    }

    /// True when that was the last one.
    pub(super) fn detach(&self, id: ApprovalId) -> bool {
        let mut attached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = attached.get_mut(&id) else { return false };
        *count -= 1;
        let last = *count == 0;
        if last {
            attached.remove(&id);
        }
        last
    }
}
