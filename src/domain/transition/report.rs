//! The claimer tells what became of the call.

use super::requester;
use crate::domain::{Approval, EventKind, Refusal, Reporting};

pub(super) fn report(approval: &Approval, reporting: &Reporting) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, &reporting.actor)?;
    let claim = approval
        .claim
        .as_ref()
        .filter(|claim| claim.id == reporting.claim_id && claim.actor.is(&reporting.actor))
        .ok_or(Refusal::NotClaimed)?;
    if let Some(outcome) = &claim.outcome {
        return Err(Refusal::AlreadyReported(Box::new(outcome.clone())));
    }
    Ok(vec![EventKind::Reported { result: reporting.result, message: reporting.message.clone() }])
}
