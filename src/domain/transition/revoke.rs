//! Revoke: blocks the claim of an approved call.

use std::collections::BTreeSet;

use super::claim;
use crate::domain::{Approval, EventKind, Refusal, Revoking, Time};

pub(super) fn revoke(approval: &Approval, revoking: &Revoking, now: Time) -> Result<Vec<EventKind>, Refusal> {
    if !may_revoke(approval, revoking) {
        return Err(Refusal::NotEligible);
    }
    claim::claimable(approval, now)?;
    Ok(vec![EventKind::Revoked { reason: revoking.reason.clone() }])
}

/// The requester, an operator, or a reviewer whom the policy asked. The person on whose behalf the call was requested
/// does not count as a reviewer: that person cannot decide, and so cannot revoke either.
fn may_revoke(approval: &Approval, Revoking { actor, groups, operator, .. }: &Revoking) -> bool {
    let asked = |groups: &BTreeSet<String>| {
        approval.asks_people() && !approval.is_asked_by(actor) && !approval.counts_for(actor, groups).is_empty()
    };
    *operator || approval.request.caller.is(actor) || groups.as_ref().is_some_and(asked)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use crate::domain::{samples::*, transition::sample_commands::*, *};

    /// Approved by one vote of the group finance, at `at(10)`, for an agent that asked on behalf of reviewer 9.
    fn approved_by_finance() -> Approval {
        let reviewers = vec!["group:finance".parse().unwrap()];
        let panels = vec![Panel { rule: "rule".into(), reviewers, quorum: 1 }];
        let asks = verdict(Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) }));
        let (mut asked, arguments) = a_request("r1");
        asked.on_behalf_of = Some(reviewer(9));
        let opened = request(id(0, 1), Arc::new(asked), arguments, asks, at(0)).unwrap().0;
        let vote = Deciding { groups: finance(), ..decide(reviewer(1), Choice::Approve, Seen::Revision(1)) };
        run(opened, [(Command::Decide(vote), 10)])
    }

    fn finance() -> std::collections::BTreeSet<String> {
        ["finance".to_owned()].into()
    }

    fn by(actor: Actor, groups: Option<&[&str]>, operator: bool) -> Command {
        let groups = groups.map(|groups| groups.iter().map(ToString::to_string).collect());
        let (request_id, reason, provenance) = (None, "wrong customer".into(), None);
        Command::Revoke(Revoking { actor, groups, operator, request_id, reason, provenance })
    }

    #[test]
    fn those_who_may_revoke() {
        let approval = approved_by_finance();
        let other = || actor(ActorKind::Person, "other");
        for (name, command, may) in [
            ("the requester", by(agent(), None, false), true),
            ("the requester, as a reviewer", by(agent(), Some(&[]), false), true),
            ("a reviewer who voted", by(reviewer(1), Some(&["finance"]), false), true),
            ("a reviewer who was asked and did not vote", by(reviewer(2), Some(&["finance", "x"]), false), true),
            ("an operator", by(other(), None, true), true),
            ("an operator who is another reviewer", by(other(), Some(&["legal"]), true), true),
            ("a reviewer who was not asked", by(reviewer(2), Some(&["legal"]), false), false),
            ("a member who is no reviewer", by(reviewer(2), None, false), false),
            ("another agent", by(other(), None, false), false),
            ("the person it was asked for", by(reviewer(9), Some(&["finance"]), false), false),
            ("that person, as an operator", by(reviewer(9), Some(&["finance"]), true), true),
        ] {
            let outcome = step(&approval, &command, at(20)).outcome;
            assert_eq!(outcome, if may { Ok(3) } else { Err(Refusal::NotEligible) }, "{name}");
        }
        // The policy asked nobody about a call that it approved itself.
        let by_policy = opened(verdict(Effect::AutoApprove));
        for (command, may) in [
            (by(reviewer(1), Some(&["finance"]), false), false),
            (by(agent(), None, false), true),
            (by(other(), None, true), true),
        ] {
            assert_eq!(step(&by_policy, &command, at(20)).outcome.is_ok(), may);
        }
    }

    #[test]
    fn what_cannot_be_revoked() {
        let revoke = || by(agent(), None, false);
        let taken = |outcome| Box::new(Claim { id: claim_id(1), actor: agent(), at: at(20), outcome });
        let outcome = Outcome { result: ExecutionResult::Failed, message: "no".into(), at: at(30) };
        let revocation = Revocation { actor: agent(), at: at(20), reason: "wrong customer".into() };
        check_refusals([
            ("pending", pending(), revoke(), Refusal::NotApproved(Status::Pending)),
            ("rejected", run(pending(), [(reject(1), 5)]), revoke(), Refusal::NotApproved(Status::Rejected)),
            (
                "rejected by the policy",
                opened(verdict(Effect::AutoReject)),
                revoke(),
                Refusal::NotApproved(Status::AutoRejected),
            ),
            ("claimed", claimed(), revoke(), Refusal::AlreadyClaimed(taken(None))),
            ("run", reported(), revoke(), Refusal::AlreadyClaimed(taken(Some(outcome)))),
            ("revoked", run(approved(), [(revoke(), 20)]), revoke(), Refusal::Revoked(Box::new(revocation))),
            ("not allowed, too late", reported(), by(reviewer(9), None, false), Refusal::NotEligible),
        ]);
        let closed_at = approved().claimable_until().unwrap();
        let last = closed_at - TimeDelta::microseconds(1);
        assert!(step(&approved(), &revoke(), last).outcome.is_ok());
        assert_eq!(step(&approved(), &revoke(), closed_at).outcome, Err(Refusal::ClaimWindowClosed { closed_at }));
    }

    #[test]
    fn a_revoked_call_keeps_its_status_and_is_never_claimed() {
        let revoked = run(approved(), [(by(reviewer(1), Some(&[]), false), 20)]);
        let revocation = Revocation { actor: reviewer(1), at: at(20), reason: "wrong customer".into() };
        assert_eq!((revoked.status, revoked.revocation.as_ref()), (Status::Approved, Some(&revocation)));
        assert_eq!(revoked.decision, approved().decision);
        for (command, refusal) in [
            (claim(agent(), 1, asked()), Refusal::Revoked(Box::new(revocation.clone()))),
            (claim(agent(), 1, edited("bob")), Refusal::Revoked(Box::new(revocation))),
            (claim(reviewer(1), 1, asked()), Refusal::NotRequester),
            (report(agent(), 1), Refusal::NotClaimed),
        ] {
            assert_eq!(step(&revoked, &command, at(21)).outcome, Err(refusal));
        }
        // A granted claim cannot be revoked: its repetition is answered as before.
        let granted = run(approved(), [(keyed(claim(agent(), 1, asked()), "c"), 20)]);
        let late = step(&granted, &by(agent(), None, false), at(21));
        assert!(matches!(late.outcome, Err(Refusal::AlreadyClaimed(_))));
        assert_eq!(step(&late.approval, &keyed(claim(agent(), 2, asked()), "c"), at(22)).outcome, Ok(3));
    }

    #[test]
    fn repeating_a_revocation_gives_the_first_result() {
        let revoke = || keyed(by(agent(), None, false), "k");
        let revoked = run(approved(), [(revoke(), 20)]);
        for seconds in [21, 1_000_000] {
            let again = step(&revoked, &revoke(), at(seconds));
            assert_eq!((again.outcome, again.events.len(), &again.approval), (Ok(3), 0, &revoked));
        }
        let Command::Revoke(other) = by(agent(), None, false) else { unreachable!() };
        let other = keyed(Command::Revoke(Revoking { reason: "another".into(), ..other }), "k");
        assert!(matches!(step(&revoked, &other, at(21)).outcome, Err(Refusal::RequestIdReused { .. })));
    }
}
