//! Waiting for a decision in one call, for callers that cannot read a stream.

use std::{sync::Arc, time::Duration};

use super::{Approvals, Error, in_range};
use crate::{
    domain::{Approval, ApprovalId, Revision},
    identity::{AccessDenied, Method, Principal, Unrecognised},
};

impl Approvals {
    /// Waits until an approval is terminal, or has a revision beyond `after` when that is not 0, or `timeout` is over.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RevisionOutOfRange`], [`Error::Draining`], [`Error::Access`], or a failure of the
    /// store.
    pub async fn wait(
        &self,
        principal: &Principal,
        id: ApprovalId,
        after: Revision,
        timeout: Duration,
    ) -> Result<Arc<Approval>, Error> {
        let left = principal.expires_at.map(|end| (end - self.clock.wall()).to_std().unwrap_or_default());
        let over = tokio::time::Instant::now() + left.map_or(timeout, |left| left.min(timeout));
        let mut subscription = self.store.subscribe(id);
        loop {
            let approval = self.visible(principal, Method::WaitApproval, id).await?;
            self.readable_by(principal)?;
            in_range(&approval, after)?;
            if approval.status.is_terminal() || (after > 0 && approval.revision > after) {
                return Ok(approval);
            }
            tokio::select! {
                biased;
                () = self.draining.cancelled() => return Err(Error::Draining),
                () = principal.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
                () = subscription.beyond(approval.revision) => {}
                () = tokio::time::sleep_until(over) => {
                    self.readable_by(principal)?;
                    return Ok(approval);
                }
            }
        }
    }

    /// Whether somebody who has been reading for a while may read on.
    pub(super) fn readable_by(&self, principal: &Principal) -> Result<(), Error> {
        principal.check(self.clock.wall()).map_err(|ended| match ended {
            Unrecognised::TokenRevoked => AccessDenied::Revoked.into(),
            _ => Error::StreamAged, // with other credentials the caller may go on
        })
    }
}
