//! Decide: a reviewer votes, which can decide the approval.

use super::{edit, undecided, vote};
use crate::domain::{Approval, Choice, Deciding, EventKind, Refusal, Revision, Seen, Time};

/// Checks in this order: the reviewer, whether the approval is still open, the revision that the reviewer saw, the
/// vote.
pub(super) fn decide(approval: &Approval, deciding: &Deciding, now: Time) -> Result<Vec<EventKind>, Refusal> {
    let Deciding { actor, groups, via, choice, comment, edit, .. } = deciding;
    if approval.is_asked_by(actor) || via.as_ref().is_some_and(|via| approval.is_asked_by(via)) {
        return Err(Refusal::SelfDecision);
    }
    let counted_for = approval.counts_for(actor, groups);
    if counted_for.is_empty() {
        return Err(Refusal::NotEligible);
    }
    undecided(approval)?;
    let seen = current(approval, deciding.seen)?;
    vote::assured(approval.requirement(), deciding)?;
    if approval.requirement().comment_required && comment.trim().is_empty() {
        return Err(Refusal::CommentRequired);
    }
    let counted_for = vote::among_others(approval, deciding, counted_for)?;
    let edit = edit.as_ref().filter(|edit| edit.arguments != approval.arguments);
    let voted = match (choice, edit) {
        (Choice::Approve, Some(edit)) => return edit::approve(approval, deciding, edit, seen, now),
        (Choice::Approve, None) => approval.has_voted(actor, &counted_for),
        (Choice::Reject, _) => approval.has_rejected(actor),
    };
    if voted {
        return Err(Refusal::AlreadyVoted);
    }
    vote::room_for(approval, deciding, &counted_for)?;
    Ok(vec![vote::cast(approval, deciding, counted_for, seen)])
}

/// The revision that the reviewer saw, if the arguments have not changed since.
fn current(approval: &Approval, seen: Seen) -> Result<Revision, Refusal> {
    match seen {
        Seen::Revision(seen) if approval.shows_current_arguments(seen) => Ok(seen),
        Seen::Digest(seen) if seen == approval.digest => Ok(approval.arguments_revision),
        _ => Err(Refusal::Stale { revision: approval.revision, digest: approval.digest }),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn refusals() {
        let by_policy = |effect| opened(verdict(effect));
        let disguised = || actor(ActorKind::Person, "agent"); // the agent under another kind: still the agent
        let lacking = Panel { rule: "legal".into(), reviewers: vec!["group:legal".parse().unwrap()], quorum: 1 };
        let any = Requirement::any(1);
        let panels = any.panels.iter().cloned().chain([lacking]).collect();
        let crowded = opened(verdict(Effect::RequireApproval(Requirement { panels, ..any })));
        let many_votes = run(crowded, (1..=MAX_VOTES as usize).map(|n| (approve(n), 1)));
        check_refusals([
            ("approve after approve", approved(), approve(2), decided_by_reviewer()),
            ("reject after approve", approved(), reject(2), decided_by_reviewer()),
            ("the same again, without a key", approved(), approve(1), decided_by_reviewer()),
            (
                "approve after reject",
                run(pending(), [(reject(1), 10)]),
                approve(2),
                decided(Status::Rejected, reviewer(1), "seen", 10, 1, 2),
            ),
            (
                "approve after cancel",
                run(pending(), [(cancel(agent()), 10)]),
                approve(2),
                decided(Status::Cancelled, agent(), "no more", 10, 1, 2),
            ),
            (
                "approve after the deadline fired",
                run(pending(), [(Command::Tick, 300)]),
                approve(2),
                decided(Status::TimedOut, Actor::deadline(), "No decision before the deadline.", 300, 0, 2),
            ),
            (
                "approve what the policy approved",
                by_policy(Effect::AutoApprove),
                approve(1),
                decided(Status::AutoApproved, Actor::policy("1"), "", 0, 0, 1),
            ),
            (
                "the requester decides",
                pending(),
                Command::Decide(decide(agent(), Choice::Approve, Seen::Revision(1))),
                Refusal::SelfDecision,
            ),
            (
                "the requester rejects, as a person",
                pending(),
                Command::Decide(decide(disguised(), Choice::Reject, Seen::Revision(1))),
                Refusal::SelfDecision,
            ),
            (
                "the requester decides, too late",
                approved(),
                Command::Decide(decide(agent(), Choice::Approve, Seen::Revision(1))),
                Refusal::SelfDecision,
            ),
            ("seen before it was", pending(), voted(1, Choice::Approve, Seen::Revision(2)), stale(&pending())),
            ("seen nothing", pending(), voted(1, Choice::Reject, Seen::Revision(0)), stale(&pending())),
            (
                "seen something else",
                pending(),
                voted(1, Choice::Approve, Seen::Digest(edited("bob"))),
                stale(&pending()),
            ),
            ("seen before the edit", edited_once(), approve(2), stale(&edited_once())),
            (
                "seen the digest before the edit",
                edited_once(),
                voted(2, Choice::Reject, Seen::Digest(asked())),
                stale(&edited_once()),
            ),
            ("votes twice", run(pending(), [(approve(1), 5)]), approve(1), Refusal::AlreadyVoted),
            (
                "brings the one vote that is needed",
                opened(quorum(1)),
                Command::Decide(Deciding {
                    via: Some(reviewer(2)),
                    needs_others: true,
                    ..decide(reviewer(1), Choice::Approve, Seen::Revision(1))
                }),
                Refusal::NeedsOthers,
            ),
            (
                "votes after its own edit",
                edited_once(),
                voted(1, Choice::Approve, Seen::Digest(edited("bob"))),
                Refusal::AlreadyVoted,
            ),
            ("too many votes", many_votes, approve(99), Refusal::TooManyVotes { limit: MAX_VOTES }),
        ]);
    }

    #[test]
    fn the_looks_that_count() {
        let voted_once = run(opened(quorum(2)), [(approve(1), 1)]);
        for (seen, recorded) in [(Seen::Revision(1), 1), (Seen::Revision(2), 2), (Seen::Digest(asked()), 1)] {
            let decided = run(voted_once.clone(), [(voted(2, Choice::Approve, seen), 2)]);
            assert_eq!(decided.decision.unwrap().seen, recorded, "votes do not outdate a look, edits do");
        }
    }
}
