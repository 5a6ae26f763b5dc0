//! Votes: the rules that a vote counts for, and whether it decides.

use std::sync::Arc;

use crate::domain::{Approval, Choice, Deciding, EventKind, Panel, Refusal, Requirement, Revision, Status};

/// Maximum votes on the same arguments. Votes that a rule still needs may exceed it. Also the maximum quorum of a rule.
pub const MAX_VOTES: u32 = 32;

/// The rules for which a vote counts, without those that it would decide alone although its credentials can name any
/// voter. If no rule is left, the vote is refused instead of recorded without effect. A rejection always counts,
/// because it lets nothing run.
pub(super) fn among_others(
    approval: &Approval,
    deciding: &Deciding,
    counted_for: Vec<Arc<str>>,
) -> Result<Vec<Arc<str>>, Refusal> {
    if !deciding.needs_others || deciding.choice == Choice::Reject {
        return Ok(counted_for);
    }
    let counted_for = approval.counts_among_others(&counted_for, &deciding.actor, deciding.via.as_ref());
    let counted_for = counted_for.ok_or(Refusal::AlreadyVoted)?;
    if counted_for.is_empty() { Err(Refusal::NeedsOthers) } else { Ok(counted_for) }
}

/// Refuses an approval, also of edited arguments, whose voter was authenticated more weakly than the policy asks. A
/// rejection is accepted from everybody who may vote, because it lets nothing run.
pub(super) fn assured(requirement: &Requirement, deciding: &Deciding) -> Result<(), Refusal> {
    match &deciding.provenance {
        Some(provenance) if deciding.choice == Choice::Approve && !requirement.accepts(Some(provenance)) => {
            let (assurance, needed) = (provenance.assurance, requirement.min_assurance);
            Err(Refusal::AssuranceTooLow { assurance, needed })
        }
        _ => Ok(()),
    }
}

/// Refuses another approving vote at the maximum, if no rule needs it for its quorum.
pub(super) fn room_for(approval: &Approval, deciding: &Deciding, counted_for: &[Arc<str>]) -> Result<(), Refusal> {
    let wanting = |panel: &&Panel| approval.approvals_for(panel) < panel.quorum;
    let mut wanting = approval.requirement().panels.iter().filter(wanting);
    let helps = deciding.choice == Choice::Reject || wanting.any(|panel| counted_for.contains(&panel.rule));
    if helps || approval.votes.len() < MAX_VOTES as usize {
        Ok(())
    } else {
        Err(Refusal::TooManyVotes { limit: MAX_VOTES })
    }
}

/// Adds a vote. It decides if it completes every quorum, or reaches the threshold of rejections.
pub(super) fn cast(approval: &Approval, deciding: &Deciding, counted_for: Vec<Arc<str>>, seen: Revision) -> EventKind {
    let Deciding { actor, choice, comment, .. } = deciding;
    let (choice, comment, digest) = (*choice, comment.clone(), approval.digest);
    let status = match choice {
        Choice::Approve => approval.completed_by(actor, &counted_for).then_some(Status::Approved),
        Choice::Reject => {
            (approval.rejections() + 1 >= approval.requirement().reject_threshold).then_some(Status::Rejected)
        }
    };
    match status {
        Some(status) => EventKind::Decided { status, comment, seen, digest, counted_for },
        None => EventKind::Voted { choice, comment, seen, digest, counted_for },
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn a_quorum_counts_people() {
        let mut approval = opened(quorum(MAX_VOTES));
        for n in 1..=MAX_VOTES as usize {
            assert_eq!(approval.status, Status::Pending);
            assert_eq!(approval.approvals() as usize, n - 1);
            approval = run(approval, [(approve(n), 1)]);
        }
        assert_eq!((approval.status, approval.approvals()), (Status::Approved, MAX_VOTES));
        // One rejection is enough, even of a reviewer who approved before.
        let rejected = run(opened(quorum(3)), [(approve(1), 1), (approve(2), 1), (reject(1), 2)]);
        assert_eq!((rejected.status, rejected.votes.len()), (Status::Rejected, 2), "one vote for each");
        assert_eq!(rejected.decision.unwrap().actor, reviewer(1));
    }

    #[test]
    fn votes_that_a_rule_lacks_always_have_room() {
        let panel = |name: &str| Panel {
            rule: name.into(),
            reviewers: vec![format!("group:{name}").parse().unwrap()],
            quorum: MAX_VOTES,
        };
        let panels = vec![panel("finance"), panel("legal")];
        let mut approval = opened(verdict(Effect::RequireApproval(Requirement { panels, ..Requirement::any(1) })));
        let vote = |n: usize, group: &str| {
            let groups = [group.to_owned()].into();
            Command::Decide(Deciding { groups, ..decide(reviewer(n), Choice::Approve, Seen::Revision(1)) })
        };
        let most = MAX_VOTES as usize;
        approval = run(approval, (0..most).map(|n| (vote(n, "finance"), 1)));
        let one_more = step(&approval, &vote(most, "finance"), at(1)).outcome;
        assert_eq!(one_more, Err(Refusal::TooManyVotes { limit: MAX_VOTES }));
        approval = run(approval, (0..most).map(|n| (vote(100 + n, "legal"), 1)));
        assert_eq!((approval.status, approval.votes.len()), (Status::Approved, 2 * most));
    }
}
