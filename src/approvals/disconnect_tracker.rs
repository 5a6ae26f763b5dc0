//! Cancels requests whose callers disconnect.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::Approvals;
use crate::{
    domain::{Actor, Approval, ApprovalId, Command, Time},
    identity::{Principal, Revocation},
    store::StoreError,
};

/// A request, by its caller and `request_id`: known before the approval has an id.
type Key = (Actor, String);

/// Counts RequestApproval streams per request, to detect that the last one is cut.
#[derive(Debug, Default)]
pub(super) struct DisconnectTracker(Mutex<HashMap<Key, usize>>);

impl DisconnectTracker {
    fn attach(&self, key: Key) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Returns true if it was the last one.
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

/// A stream of a request that may have to be cancelled when its caller disconnects.
///
/// The first request with this `request_id` decides whether to cancel, not the `cancel_on_disconnect` of a repetition.
/// It must be looked up in the store. So every call that could be a repetition is counted from its beginning, and a
/// call that is cut before the lookup looks up the record afterwards.
pub(super) struct Attached {
    approvals: Arc<Approvals>,
    key: Key,
    /// The approval, once the record says that it is cancelled on disconnect.
    id: Option<ApprovalId>,
    keep: bool,
    /// Nothing is cancelled in the name of revoked credentials.
    revocation: Revocation,
}

impl Attached {
    pub(super) fn new(approvals: &Arc<Approvals>, principal: &Principal, request_id: String) -> Self {
        let key = (principal.actor.clone(), request_id);
        approvals.disconnects.attach(key.clone());
        Self { approvals: Arc::clone(approvals), key, id: None, keep: false, revocation: principal.revocation.clone() }
    }

    /// Attaches the recorded request. `None` if it is not cancelled on disconnect.
    pub(super) fn to(mut self, approval: &Approval) -> Option<Self> {
        if approval.request.cancel_on_disconnect {
            self.id = Some(approval.id);
            return Some(self);
        }
        self.keep();
        None
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
            let id = match id {
                Some(id) => Ok(Some(id)),
                None => approvals.to_withdraw(&actor, &request_id, now).await,
            };
            let Ok(Some(id)) = id else { return };
            let reason = "The caller disconnected.".to_owned();
            let command = Command::Cancel { actor, request_id: None, reason };
            match approvals.store.transition(id, command, now).await {
                Ok(_) | Err(StoreError::Refused(_)) => {} // decided in the meantime
                Err(error) => tracing::warn!(approval = %id, %error, "cannot cancel for a disconnected caller"),
            }
        });
    }
}

impl Approvals {
    /// The approval to cancel for a call that was cut before it reached the store, if the call repeats a request.
    async fn to_withdraw(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError> {
        let Some(id) = self.store.find(caller, request_id, now).await? else { return Ok(None) };
        let approval = self.store.get(id).await?;
        Ok(approval.request.cancel_on_disconnect.then_some(id))
    }
}
