//! Revocation of approved calls: by the requester, by reviewers whom the policy asked, and by operators, even without
//! read access.

use super::{Approvals, Error, decide::provenance, unknown};
use crate::{
    domain::{Approval, ApprovalId, Command, NewRevocation, Refusal, Revocation, Revoking, Role, Status},
    identity::{Method, Principal},
    store::StoreError,
};

/// A revoked approval, as far as the actor may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The whole approval.
    Shown(Box<Approval>),
    /// For an operator who may not read it.
    Unseen {
        /// Its id.
        id: ApprovalId,
        /// Its status.
        status: Status,
        /// The revocation.
        revocation: Revocation,
    },
}

impl Approvals {
    /// Revokes an approved call.
    ///
    /// # Errors
    /// Refusals of the domain, [`Error::Opened`], or a failure of the store.
    pub async fn revoke(&self, principal: &Principal, new: NewRevocation) -> Result<Revoked, Error> {
        principal.require_role(Method::RevokeApproval)?;
        let provenance = Some(provenance(principal, None, new.surface, new.opened)?);
        let now = self.clock.now();
        let approval = self.store.get(new.id).await.map_err(|error| unknown(new.id, error))?;
        let reads = principal.reaches(Method::GetApproval, &approval);
        if !reads && !principal.reaches(Method::RevokeApproval, &approval) {
            return Err(Error::NotFound(new.id));
        }
        let revoking = Revoking {
            actor: principal.actor.clone(),
            groups: principal.roles.contains(&Role::Reviewer).then(|| principal.groups.clone()),
            operator: principal.roles.contains(&Role::Operator),
            request_id: new.request_id,
            reason: new.reason,
            provenance,
        };
        let approval = match self.command(principal, new.id, Command::Revoke(revoking), now).await {
            Ok(approval) => approval,
            Err(error) if reads => return Err(error),
            Err(error) => return Err(withheld(new.id, error)),
        };
        let Some(revocation) = approval.revocation.clone() else {
            return Err(Error::Internal("a revocation that is not on record".into()));
        };
        let (id, status) = (approval.id, approval.status);
        Ok(if reads { Revoked::Shown(Box::new(approval)) } else { Revoked::Unseen { id, status, revocation } })
    }
}

/// The error for an actor who may not read the approval: why it cannot be revoked, and nothing else.
fn withheld(id: ApprovalId, error: Error) -> Error {
    match error {
        Error::Store(StoreError::Refused(Refusal::AlreadyClaimed(_))) => Error::NotRevocable { id, claimed: true },
        Error::Store(StoreError::Refused(Refusal::ClaimWindowClosed { .. })) => {
            Error::NotRevocable { id, claimed: false }
        }
        error => error,
    }
}
