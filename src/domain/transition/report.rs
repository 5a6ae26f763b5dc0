//! Report: the claimer reports the outcome of the call.

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

#[cfg(test)]
mod tests {
    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn refusals() {
        let outcome = Outcome { result: ExecutionResult::Failed, message: "no".into(), at: at(30) };
        check_refusals([
            ("reports without a claim", approved(), report(agent(), 1), Refusal::NotClaimed),
            ("reports another claim", claimed(), report(agent(), 2), Refusal::NotClaimed),
            ("another reports", claimed(), report(reviewer(1), 1), Refusal::NotRequester),
            ("reports twice", reported(), report(agent(), 1), Refusal::AlreadyReported(Box::new(outcome))),
        ]);
    }
}
