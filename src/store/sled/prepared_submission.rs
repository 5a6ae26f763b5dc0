//! What callers prepare for the writer.

use std::sync::Arc;

use super::{frame::Encoded, records};
use crate::{
    domain::{Approval, Digest, Event, Freezes, request},
    store::{StoreError, Submission},
};

/// A submission with everything done that the writer need not do: it serves all callers, one after the other.
pub(super) struct PreparedSubmission {
    pub(super) approval: Arc<Approval>,
    pub(super) event: Event,
    pub(super) encoded: Encoded,
    pub(super) chain: Digest,
    pub(super) pending_limit: u32,
}

impl PreparedSubmission {
    pub(super) fn new(submission: Submission) -> Result<Self, StoreError> {
        let Submission { id, request: asked, arguments, verdict, now, pending_limit } = submission;
        let (approval, event) =
            request(id, asked, arguments, verdict, now).map_err(|error| StoreError::BadHistory(id, error))?;
        let (encoded, chain) = records::encode(&approval, std::slice::from_ref(&event), Digest::ZERO)?;
        Ok(Self { approval: Arc::new(approval), event, encoded, chain, pending_limit })
    }

    /// The same with the verdict of a freeze in the place of the policy's, if one covers it: prepared anew, which costs
    /// the others something only while calls are frozen.
    pub(super) fn unless_frozen(self, freezes: &Freezes) -> Result<Self, StoreError> {
        let Some(verdict) = freezes.judge(&self.approval.request, &self.approval.verdict) else { return Ok(self) };
        let Approval { id, request, arguments, created_at: now, .. } = Approval::clone(&self.approval);
        let pending_limit = self.pending_limit;
        Self::new(Submission { id, request, arguments, verdict: Arc::new(verdict), now, pending_limit })
    }
}
