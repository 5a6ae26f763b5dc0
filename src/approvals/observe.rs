//! Follows an approval beyond its decision: what became of the call, for pages that stay open.

use std::{sync::Arc, time::Instant};

use super::{Approvals, Error, wait::may_read_on};
use crate::{
    clock::Timer,
    domain::{Approval, ApprovalId, Freezes, Frozen, Revision},
    identity::{AccessDenied, Method, Principal},
    store::Subscription,
};

/// Follows one approval, also after its decision. Unlike a [`Follower`](super::Follower) it skips revisions: a page
/// shows the newest.
pub struct Observer {
    approvals: Arc<Approvals>,
    principal: Arc<Principal>,
    id: ApprovalId,
    seen: Revision,
    subscription: Subscription,
    ends: Instant,
    timer: Timer,
}

impl Approvals {
    /// Follows an approval after a revision that the caller has seen.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Draining`], or a failure of the store.
    pub async fn observe(
        self: &Arc<Self>,
        principal: Arc<Principal>,
        id: ApprovalId,
        seen: Revision,
    ) -> Result<Observer, Error> {
        if self.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        let subscription = self.store.subscribe(id);
        self.visible(&principal, Method::WatchApproval, id).await?;
        let ends = self.clock.instant() + self.stream_age(&principal, id);
        let timer = self.clock.timer(ends);
        Ok(Observer { approvals: Arc::clone(self), principal, id, seen, subscription, ends, timer })
    }

    /// The freeze that now blocks the claim of an approval, which the caller has just been shown.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn freeze_over(&self, approval: &Approval) -> Result<Option<Frozen>, Error> {
        let freezes: Freezes = self.store.freezes().await?.into_iter().collect();
        Ok(freezes.covering(&approval.request).map(|freeze| Frozen::from(&**freeze)))
    }
}

impl Observer {
    /// The approval, once it has a newer revision than the caller has seen.
    ///
    /// # Errors
    /// [`Error::NotFound`] once the caller may not read it any more, [`Error::Draining`], [`Error::StreamAged`],
    /// [`Error::Access`], or a failure of the store.
    pub async fn next(&mut self) -> Result<Arc<Approval>, Error> {
        loop {
            may_read_on(&self.principal, self.approvals.clock.wall())?;
            // An edit can exclude a reviewer, so the right to read is checked with each read.
            let approval = self.approvals.visible(&self.principal, Method::WatchApproval, self.id).await?;
            if approval.revision > self.seen {
                self.seen = approval.revision;
                return Ok(approval);
            }
            tokio::select! {
                biased;
                () = self.approvals.draining.cancelled() => return Err(Error::Draining),
                () = self.principal.revocation.revoked() => return Err(AccessDenied::Revoked.into()),
                () = self.subscription.beyond(self.seen) => {}
                () = &mut self.timer => return Err(Error::StreamAged),
            }
            if self.approvals.clock.instant() >= self.ends {
                return Err(Error::StreamAged);
            }
        }
    }
}
