//! Claim: the requester takes the one-time permission to run an approved call.

use super::requester;
use crate::domain::{Approval, Claiming, EventKind, Refusal, Time};

pub(super) fn claim(approval: &Approval, claiming: &Claiming, now: Time) -> Result<Vec<EventKind>, Refusal> {
    requester(approval, &claiming.actor)?;
    claimable(approval, now)?;
    if claiming.digest != approval.digest {
        return Err(Refusal::DigestMismatch { approved: approval.digest });
    }
    Ok(vec![EventKind::Claimed { claim_id: claiming.claim_id, digest: approval.digest }])
}

/// Refuses an approval that cannot be claimed: not approved, claimed before, revoked, or its window has closed.
pub(super) fn claimable(approval: &Approval, now: Time) -> Result<(), Refusal> {
    let Some(closed_at) = approval.claimable_until() else { return Err(Refusal::NotApproved(approval.status)) };
    if let Some(claim) = &approval.claim {
        return Err(Refusal::AlreadyClaimed(Box::new(claim.clone())));
    }
    if let Some(revocation) = &approval.revocation {
        return Err(Refusal::Revoked(Box::new(revocation.clone())));
    }
    if now >= closed_at { Err(Refusal::ClaimWindowClosed { closed_at }) } else { Ok(()) }
}

/// Whether a repeated claim is granted again.
///
/// The result of a claim is a permission to run, and the processes of one caller may share its `request_id`. So the
/// claim is granted again only while a lost reply is the likely reason for the repetition: while the claim window is
/// open, and no outcome is reported.
pub(super) fn again(approval: &Approval, now: Time) -> Result<(), Refusal> {
    let Some(claim) = &approval.claim else { return Ok(()) };
    let open = approval.claimable_until().is_some_and(|closed_at| now < closed_at);
    if open && claim.outcome.is_none() { Ok(()) } else { Err(Refusal::AlreadyClaimed(Box::new(claim.clone()))) }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chrono::TimeDelta;

    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn refusals() {
        let taken = |outcome| Box::new(Claim { id: claim_id(1), actor: agent(), at: at(20), outcome });
        let outcome = Outcome { result: ExecutionResult::Failed, message: "no".into(), at: at(30) };
        check_refusals([
            ("another claims", approved(), claim(reviewer(1), 1, asked()), Refusal::NotRequester),
            ("claims what is pending", pending(), claim(agent(), 1, asked()), Refusal::NotApproved(Status::Pending)),
            (
                "claims what was rejected",
                run(pending(), [(reject(1), 5)]),
                claim(agent(), 1, asked()),
                Refusal::NotApproved(Status::Rejected),
            ),
            (
                "claims what the policy rejected",
                opened(verdict(Effect::AutoReject)),
                claim(agent(), 1, asked()),
                Refusal::NotApproved(Status::AutoRejected),
            ),
            (
                "claims other arguments",
                approved(),
                claim(agent(), 1, edited("bob")),
                Refusal::DigestMismatch { approved: asked() },
            ),
            (
                "claims what was asked, not what was approved",
                run(opened(quorum(1)), [(edit(1, 1, "bob", quorum(1)), 10)]),
                claim(agent(), 1, asked()),
                Refusal::DigestMismatch { approved: edited("bob") },
            ),
            ("claims twice", claimed(), claim(agent(), 2, asked()), Refusal::AlreadyClaimed(taken(None))),
            (
                "claims what was run",
                reported(),
                claim(agent(), 2, asked()),
                Refusal::AlreadyClaimed(taken(Some(outcome))),
            ),
        ]);
    }

    #[test]
    fn the_claim_window_is_as_long_as_the_policy_says() {
        let microsecond = TimeDelta::microseconds(1);
        let by_people = run(opened(quorum(1)), [(approve(1), 10)]);
        let by_policy = opened(verdict(Effect::AutoApprove));
        for (approval, closed_at) in [(by_people, at(310)), (by_policy, at(300))] {
            assert_eq!(approval.claimable_until(), Some(closed_at));
            let claim = claim(agent(), 1, asked());
            assert!(step(&approval, &claim, closed_at - microsecond).outcome.is_ok());
            for late in [closed_at, closed_at + microsecond] {
                assert_eq!(step(&approval, &claim, late).outcome, Err(Refusal::ClaimWindowClosed { closed_at }));
            }
            // A call that was claimed in time can be reported at any time.
            let claimed = step(&approval, &claim, closed_at - microsecond).approval;
            assert!(step(&claimed, &report(agent(), 1), at(1_000_000)).outcome.is_ok());
        }
        let edited = Verdict { claim_window: Duration::from_secs(7), ..Verdict::clone(&quorum(1)) };
        let approved = run(opened(quorum(1)), [(edit(1, 1, "bob", Arc::new(edited)), 10)]);
        assert_eq!(approved.claimable_until(), Some(at(17)), "the verdict on what was approved counts");
    }

    #[test]
    fn a_repeated_claim_is_granted_only_while_its_reply_may_have_been_lost() {
        let repeated = || keyed(claim(agent(), 2, asked()), "c");
        let claimed = run(opened(quorum(1)), [(approve(1), 10), (keyed(claim(agent(), 1, asked()), "c"), 20)]);
        let closed_at = claimed.claimable_until().unwrap();
        let taken = |approval: &Approval| Err(Refusal::AlreadyClaimed(Box::new(approval.claim.clone().unwrap())));

        let last = step(&claimed, &repeated(), closed_at - TimeDelta::microseconds(1));
        assert_eq!((last.outcome, last.events.len()), (Ok(3), 0));
        let late = step(&claimed, &repeated(), closed_at);
        assert_eq!((late.outcome, late.events.len()), (taken(&claimed), 0));

        let reported = run(claimed, [(keyed(report(agent(), 1), "r"), 30)]);
        assert!(reported.claim.as_ref().unwrap().outcome.is_some());
        assert_eq!(step(&reported, &repeated(), at(30)).outcome, taken(&reported), "it ran: what is known is told");
        // A report grants nothing, so its repetition is answered at any time.
        assert_eq!(step(&reported, &keyed(report(agent(), 1), "r"), at(1_000_000)).outcome, Ok(4));
        // The same key of another call is not a repetition.
        let other = keyed(claim(agent(), 2, edited("bob")), "c");
        assert!(matches!(step(&reported, &other, at(30)).outcome, Err(Refusal::RequestIdReused { .. })));
    }
}
