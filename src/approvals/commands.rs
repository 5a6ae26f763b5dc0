//! The requester's commands: cancel, claim and report.

use std::sync::Arc;

use super::{Approvals, Error, unknown};
use crate::{
    domain::{Approval, ApprovalId, Cancellation, Claiming, Command, NewClaim, NewReport, Refusal, Reporting, Time},
    identity::{Method, Principal},
    store::{Store, StoreError},
};

impl Approvals {
    /// Cancels the caller's own request.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn cancel(&self, principal: &Principal, new: Cancellation) -> Result<Approval, Error> {
        principal.require_role(Method::CancelApproval)?;
        let (actor, request_id, reason) = (principal.actor.clone(), new.request_id, new.reason);
        self.command(principal, new.id, Command::Cancel { actor, request_id, reason }, self.clock.now()).await
    }

    /// Claims the one-time permission to run an approved call.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn claim(&self, principal: &Principal, new: NewClaim) -> Result<Approval, Error> {
        principal.require_role(Method::ClaimExecution)?;
        let now = self.clock.now();
        let claim = Claiming {
            actor: principal.actor.clone(),
            request_id: new.request_id,
            claim_id: self.ids.claim(now),
            digest: new.digest,
        };
        self.command(principal, new.id, Command::Claim(claim), now).await
    }

    /// Records the outcome of a claimed call.
    ///
    /// # Errors
    /// Refusals of the domain, or a failure of the store.
    pub async fn report(&self, principal: &Principal, new: NewReport) -> Result<Approval, Error> {
        principal.require_role(Method::ReportExecution)?;
        let report = Reporting {
            actor: principal.actor.clone(),
            request_id: new.request_id,
            claim_id: new.claim_id,
            result: new.result,
            message: new.message,
        };
        self.command(principal, new.id, Command::Report(report), self.clock.now()).await
    }

    /// Runs a command at `now`, the time of the call. Returns the approval as the command left it at first.
    pub(super) async fn command(
        &self,
        principal: &Principal,
        id: ApprovalId,
        command: Command,
        now: Time,
    ) -> Result<Approval, Error> {
        self.control.guard(principal, |store| self.run(store, principal, id, command.clone(), now)).await
    }

    /// As [`command`](Self::command), in the store of a guard.
    pub(super) async fn run(
        &self,
        store: Arc<dyn Store>,
        principal: &Principal,
        id: ApprovalId,
        command: Command,
        now: Time,
    ) -> Result<Approval, Error> {
        let done = match store.transition(id, command, now).await {
            Ok(done) => done,
            // Callers who may not read an approval get the same error as for one that does not exist.
            Err(error @ StoreError::Refused(Refusal::NotRequester)) => {
                self.visible(principal, Method::GetApproval, id).await?;
                return Err(error.into());
            }
            Err(error) => return Err(unknown(id, error)),
        };
        if done.revision == done.approval.revision {
            return Ok(Arc::unwrap_or_clone(done.approval));
        }
        let events = self.store.events(id, 0, done.revision).await?;
        if events.is_empty() {
            return Err(Error::NotFound(id)); // deleted by the pruner in the meantime
        }
        Approval::replay(id, &events).map_err(|error| Error::Internal(error.to_string()))
    }
}
