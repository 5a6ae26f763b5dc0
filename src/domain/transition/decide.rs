//! A reviewer votes, and may decide by it.

use super::{edit, undecided, vote};
use crate::domain::{Approval, Choice, Deciding, EventKind, Refusal, Revision, Seen, Time};

/// The refusals, in order: who decides, whether anything is left to decide, what was seen, and then the vote itself.
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

/// The revision that the reviewer saw, if the arguments are still those.
fn current(approval: &Approval, seen: Seen) -> Result<Revision, Refusal> {
    match seen {
        Seen::Revision(seen) if (approval.arguments_revision..=approval.revision).contains(&seen) => Ok(seen),
        Seen::Digest(seen) if seen == approval.digest => Ok(approval.arguments_revision),
        _ => Err(Refusal::Stale { revision: approval.revision, digest: approval.digest }),
    }
}
