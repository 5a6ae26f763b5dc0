//! Requests that are to be withdrawn when their callers' streams are cut.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::Approvals;
use crate::{
    domain::{Actor, ApprovalId, Command},
    identity::{Principal, Revocation},
    store::StoreError,
};

/// A request, by its caller and the caller's key for it: known before the approval has an id.
type Key = (Actor, String);

/// Counts the RequestApproval streams of requests that are to be withdrawn when the last one is cut.
#[derive(Debug, Default)]
pub(super) struct DisconnectTracker(Mutex<HashMap<Key, usize>>);

impl DisconnectTracker {
    fn attach(&self, key: Key) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// True when that was the last one.
    fn detach(&self, key: &Key) -> bool {
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

/// A request that its caller wants withdrawn when it goes away.
pub(super) struct Attached {
    approvals: Arc<Approvals>,
    key: Key,
    /// The approval, once it is on record.
    pub(super) id: Option<ApprovalId>,
    keep: bool,
    /// Nothing is done in the name of whose credentials were taken back.
    revocation: Revocation,
}

impl Attached {
    pub(super) fn new(approvals: &Arc<Approvals>, principal: &Principal, request_id: String) -> Self {
        let key = (principal.actor.clone(), request_id);
        approvals.disconnects.attach(key.clone());
        Self { approvals: Arc::clone(approvals), key, id: None, keep: false, revocation: principal.revocation.clone() }
    }

    pub(super) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let last = self.approvals.disconnects.detach(&self.key);
        if !last || self.keep || self.revocation.is_revoked() || self.approvals.draining.is_cancelled() {
            return;
        }
        let (approvals, (actor, request_id), id) = (Arc::clone(&self.approvals), self.key.clone(), self.id);
        tokio::spawn(async move {
            let now = approvals.clock.now();
            // A call that was cut before it was handed to the store may have been to repeat an earlier one.
            let id = match id {
                Some(id) => Ok(Some(id)),
                None => approvals.store.find(&actor, &request_id, now).await,
            };
            let Ok(Some(id)) = id else { return };
            let reason = "The caller disconnected.".to_owned();
            let command = Command::Cancel { actor, request_id: None, reason };
            match approvals.store.transition(id, command, now).await {
                Ok(_) | Err(StoreError::Refused(_)) => {} // decided in the meantime
                Err(error) => tracing::warn!(approval = %id, %error, "cannot withdraw for a caller that left"),
            }
        });
    }
}
