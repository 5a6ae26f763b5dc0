//! Waits for a decision in one unary call, for callers that cannot read a stream.

use std::{sync::Arc, time::Duration};

use super::{Approvals, Error, in_range};
use crate::{
    domain::{Approval, ApprovalId, Revision, Time},
    identity::{AccessDenied, Method, Principal, Unrecognised},
};

impl Approvals {
    /// Waits until an approval is terminal, has a revision newer than `after` (if not 0), or until `timeout`.
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
        let mut wall = self.clock.wall();
        let left = principal.expires_at.map(|end| (end - wall).to_std().unwrap_or_default());
        let mut over = self.clock.timer(self.clock.instant() + left.map_or(timeout, |left| left.min(timeout)));
        let mut subscription = self.store.subscribe(id);
        loop {
            let approval = self.visible(principal, Method::WaitApproval, id).await?;
            may_read_on(principal, wall)?;
            in_range(&approval, after)?;
            if approval.status.is_terminal() || (after > 0 && approval.revision > after) {
                return Ok(approval);
            }
            tokio::select! {
                biased;
                () = self.draining.cancelled() => return Err(Error::Draining),
                () = principal.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
                () = subscription.beyond(approval.revision) => {}
                () = &mut over => {
                    may_read_on(principal, self.clock.wall())?;
                    return Ok(approval);
                }
            }
            wall = self.clock.wall(); // time has passed: credentials may have expired
        }
    }
}

/// Checks that the credentials of a caller that has waited are still valid.
pub(super) fn may_read_on(principal: &Principal, wall: Time) -> Result<(), Error> {
    principal.check(wall).map_err(|ended| match ended {
        Unrecognised::TokenRevoked | Unrecognised::SessionEnded | Unrecognised::SubjectBlocked => {
            AccessDenied::Revoked.into()
        }
        _ => Error::StreamAged, // the caller can continue with other credentials
    })
}
