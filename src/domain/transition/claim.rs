//! The requester takes the one permission to run an approved call.

use super::requester;
use crate::domain::{Approval, Claiming, EventKind, Refusal, Time};

pub(super) fn claim(approval: &Approval, claiming: &Claiming, now: Time) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, &claiming.actor)?;
    let Some(closed_at) = approval.claimable_until() else { return Err(Refusal::NotApproved(approval.status)) };
    if let Some(claim) = &approval.claim {
        return Err(Refusal::AlreadyClaimed(Box::new(claim.clone())));
    }
    if now >= closed_at {
        return Err(Refusal::ClaimWindowClosed { closed_at });
    }
    if claiming.digest != approval.digest {
        return Err(Refusal::DigestMismatch { approved: approval.digest });
    }
    Ok(vec![EventKind::Claimed { claim_id: claiming.claim_id, digest: approval.digest }])
}

/// Whether the repetition of the claim on record is granted again.
///
/// Its result is a permission to run, and its `request_id` is no secret between the processes of one caller. So it is
/// granted again only as long as a lost reply is the likely reason for asking: while the claim window is open, and nobody has
/// reported what became of the call.
pub(super) fn again(approval: &Approval, now: Time) -> Result<(), Refusal> {
    let Some(claim) = &approval.claim else { return Ok(()) };
    let open = approval.claimable_until().is_some_and(|closed_at| now < closed_at);
    if open && claim.outcome.is_none() { Ok(()) } else { Err(Refusal::AlreadyClaimed(Box::new(claim.clone()))) }
}
