//! Edit: a reviewer approves edited arguments.

use std::sync::Arc;

use super::vote;
use crate::domain::{Approval, Deciding, Digest, Edit, Effect, Event, EventKind, Refusal, Revision, Time, after};

/// Maximum edits of one approval: each is kept, with its arguments.
pub const MAX_EDITS: u32 = 8;

/// The edit, and the editor's vote for it if the policy asks the editor about the new arguments.
pub(super) fn approve(
    approval: &Approval,
    deciding: &Deciding,
    edit: &Edit,
    seen: Revision,
    now: Time,
) -> Result<Vec<EventKind>, Refusal> {
    if !approval.requirement().allow_edits {
        return Err(Refusal::EditsNotAllowed);
    }
    if edit.verdict.effect == Effect::AutoReject {
        let (rule, message) = (edit.verdict.rule.clone(), edit.verdict.message.clone());
        return Err(Refusal::EditForbidden { rule, message });
    }
    // The policy's rules for the new arguments apply to this approval of them as well.
    let requirement = edit.verdict.effect.requirement();
    if !requirement.allow_edits {
        return Err(Refusal::EditsNotAllowed);
    }
    vote::assured(requirement, deciding)?;
    if requirement.comment_required && deciding.comment.trim().is_empty() {
        return Err(Refusal::CommentRequired);
    }
    if approval.edits >= MAX_EDITS {
        return Err(Refusal::TooManyEdits { limit: MAX_EDITS });
    }
    let limit = requirement.timeout.map_or(approval.deadline, |timeout| after(now, timeout));
    let edited = EventKind::Edited {
        digest: Digest::of(&approval.request.tool_name, &edit.arguments),
        arguments: edit.arguments.clone(),
        verdict: Arc::clone(&edit.verdict),
        deadline: approval.deadline.min(limit),
        seen,
    };
    let mut after_edit = approval.clone();
    let (revision, actor) = (approval.revision + 1, deciding.actor.clone());
    let (via, provenance, receipt, kind) = (None, None, None, edited.clone());
    after_edit.apply(&Event { revision, at: now, actor, via, needs_others: false, provenance, receipt, kind });
    let counted_for = after_edit.counts_for(&deciding.actor, &deciding.groups);
    let Ok(counted_for) = vote::among_others(&after_edit, deciding, counted_for) else { return Ok(vec![edited]) };
    if counted_for.is_empty() {
        return Ok(vec![edited]);
    }
    let vote = vote::cast(&after_edit, deciding, counted_for, seen);
    Ok(vec![edited, vote])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::domain::{samples::*, transition::sample_commands::*, *};

    #[test]
    fn refusals() {
        let many_edits = (1..=u64::from(MAX_EDITS))
            .map(|n| (edit(1, n * 2 - 1, &n.to_string(), quorum(9)), 1))
            .fold(opened(quorum(9)), |approval, command| run(approval, [command]));
        let last = many_edits.revision;
        let forbidden = {
            let verdict = Verdict { message: "never".into(), ..Verdict::clone(&verdict(Effect::AutoReject)) };
            edit(1, 1, "eve", Arc::new(verdict))
        };
        check_refusals([
            ("edit after approve", approved(), edit(2, 1, "bob", quorum(1)), decided_by_reviewer()),
            (
                "forbidden arguments",
                pending(),
                forbidden,
                Refusal::EditForbidden { rule: "rule".into(), message: "never".into() },
            ),
            (
                "too many edits",
                many_edits,
                edit(2, last, "more", quorum(9)),
                Refusal::TooManyEdits { limit: MAX_EDITS },
            ),
        ]);
    }

    #[test]
    fn an_edit_starts_the_vote_anew() {
        let twice = run(opened(quorum(3)), [(approve(1), 1), (approve(2), 2)]);
        assert_eq!(twice.approvals(), 2);
        let step = step(&twice, &edit(2, 3, "bob", quorum(2)), at(3));
        assert_eq!(step.outcome, Ok(5));
        let edited_to = edited("bob");
        let now = &step.approval;
        assert_eq!((now.status, now.digest, now.arguments_revision, now.edits), (Status::Pending, edited_to, 4, 1));
        let voters: Vec<_> = now.votes.iter().map(|vote| (&vote.actor, vote.digest)).collect();
        assert_eq!(voters, [(&reviewer(2), edited_to)]);
        assert_eq!(now.request.digest, asked(), "what was asked stays on record");
        let decided = run(step.approval, [(voted(1, Choice::Approve, Seen::Digest(edited_to)), 4)]);
        let decision = decided.decision.unwrap();
        assert_eq!((decision.status, decision.digest, decision.seen), (Status::Approved, edited_to, 4));

        let same = run(opened(quorum(2)), [(approve(1), 1), (edit(2, 1, "alice@company.com", quorum(9)), 2)]);
        assert_eq!(
            (same.status, same.edits, same.revision),
            (Status::Approved, 0, 3),
            "the same arguments are no edit"
        );
    }

    #[test]
    fn an_edit_only_brings_the_deadline_forward() {
        for (verdict, now, deadline) in
            [(within(50, 2), 10, 60), (within(290, 2), 10, 300), (within(291, 2), 10, 300), (quorum(2), 10, 300)]
        {
            let edited = run(opened(quorum(2)), [(edit(1, 1, "bob", verdict), now)]);
            assert_eq!(edited.deadline, at(deadline));
            assert_eq!(edited.status, Status::Pending);
            let late = step(&edited, &voted(2, Choice::Approve, Seen::Revision(2)), at(deadline));
            assert_eq!(late.approval.status, Status::TimedOut);
        }
        let shortened = run(opened(within(100, 2)), [(edit(1, 1, "bob", within(20, 2)), 10)]);
        let again = run(shortened, [(edit(2, 3, "eve", within(90, 2)), 20)]);
        assert_eq!(again.deadline, at(30), "a later edit does not give back what an earlier one took");
    }
}
