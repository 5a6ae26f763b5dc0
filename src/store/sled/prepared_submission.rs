//! Submissions, prepared for the writer.

use std::sync::Arc;

use super::{frame::Encoded, records};
use crate::{
    domain::{Approval, Digest, Event, Verdict, request},
    store::{StoreError, Submission},
};

/// A submission that is already checked and encoded. The caller's thread does this work, because the writer serves all
/// callers one after the other.
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

    /// The submission with another verdict.
    pub(super) fn judged(self, verdict: Verdict) -> Result<Self, StoreError> {
        let Approval { id, request, arguments, created_at: now, .. } = Arc::unwrap_or_clone(self.approval);
        let (verdict, pending_limit) = (Arc::new(verdict), self.pending_limit);
        Self::new(Submission { id, request, arguments, verdict, now, pending_limit })
    }
}
