//! A reviewer approves other arguments than those asked for.

use std::sync::Arc;

use super::vote;
use crate::domain::{Approval, Deciding, Digest, Edit, Effect, Event, EventKind, Refusal, Revision, Time, after};

/// Most edits of one approval: each is kept, with its arguments.
pub const MAX_EDITS: u32 = 8;

/// New arguments, and the editor's vote for them if the policy asks the editor about these too.
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
    // What the policy says of the new arguments holds for this very approval of them.
    let requirement = edit.verdict.effect.requirement();
    if !requirement.allow_edits {
        return Err(Refusal::EditsNotAllowed);
    }
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
    let kind = edited.clone();
    after_edit.apply(&Event { revision, at: now, actor, via: None, needs_others: false, receipt: None, kind });
    let counted_for = after_edit.counts_for(&deciding.actor, &deciding.groups);
    let Ok(counted_for) = vote::among_others(&after_edit, deciding, counted_for) else { return Ok(vec![edited]) };
    if counted_for.is_empty() {
        return Ok(vec![edited]);
    }
    let vote = vote::cast(&after_edit, deciding, counted_for, seen);
    Ok(vec![edited, vote])
}
