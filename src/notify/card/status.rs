//! The heading of a card, and the line that says how things are.

use super::{Tone, agent_text::AgentText, budget::Budget, people, phrase::Phrase, texts};
use crate::{
    domain::{NotificationKind, Priority, Status, Time},
    policy::RedactedApproval,
};

/// Longest comment in the line of the status, in characters. The whole comment is among the votes.
const COMMENT: usize = 200;

/// Whether a decision is still possible.
pub(super) fn waits(approval: &RedactedApproval, now: Time) -> bool {
    approval.status == Status::Pending && now < approval.deadline
}

/// The status at a time: the deadline may have passed before the server recorded it.
fn status_at(approval: &RedactedApproval, now: Time) -> Status {
    match approval.status {
        Status::Pending if now >= approval.deadline => Status::TimedOut,
        status => status,
    }
}

pub(super) fn tone(approval: &RedactedApproval, now: Time) -> Tone {
    match status_at(approval, now) {
        _ if approval.revoked.is_some() => Tone::Ended,
        Status::Pending => Tone::Waiting,
        Status::Approved | Status::AutoApproved => Tone::Approved,
        Status::Rejected | Status::AutoRejected => Tone::Rejected,
        Status::TimedOut | Status::Cancelled => Tone::Ended,
    }
}

/// `process_payment: approval needed`.
pub(super) fn heading(approval: &RedactedApproval, kind: NotificationKind, now: Time) -> Phrase {
    let urgency = match approval.priority {
        _ if !waits(approval, now) => "",
        Priority::Normal => "",
        Priority::High => texts::HIGH,
        Priority::Urgent => texts::URGENT,
    };
    let state = texts::heading(status_at(approval, now), approval.revoked.is_some(), kind);
    Phrase::new(urgency).join(people::quoted(&approval.tool_name)).say(state)
}

/// How things are: `Waiting for approval from group finance, 4 min left`, `Approved by alice, 14:02 UTC: looks right`.
pub(super) fn status(approval: &RedactedApproval, now: Time) -> Phrase {
    if let Some((actor, reason)) = &approval.revoked {
        // A revocation is the last event that an approval can have.
        let at = texts::moment(approval.updated_at, now);
        return because(Phrase::new(texts::REVOKED_BY).join(people::who(actor)).say(texts::COMMA).say(at), reason);
    }
    if waits(approval, now) {
        let left = texts::left((approval.deadline - now).to_std().unwrap_or_default());
        return Phrase::new(texts::WAITING_FROM).join(people::awaited(approval)).say(texts::COMMA).say(left);
    }
    let Some(decision) = &approval.decision else {
        let at = texts::moment(approval.deadline, now);
        return Phrase::new(texts::TIMED_OUT).say(texts::COMMA).say(at);
    };
    let at = texts::moment(decision.at, now);
    let (by, how) = people::decided_by(approval, decision);
    let word = match decision.status {
        Status::Approved | Status::AutoApproved => texts::APPROVED_BY,
        Status::Rejected | Status::AutoRejected => texts::REJECTED_BY,
        Status::Cancelled => texts::WITHDRAWN_BY,
        Status::Pending | Status::TimedOut => return Phrase::new(texts::TIMED_OUT).say(texts::COMMA).say(at),
    };
    because(Phrase::new(word).join(by).say(how).say(texts::COMMA).say(at), &decision.comment)
}

/// Adds somebody's words, if there are any.
fn because(line: Phrase, words: &str) -> Phrase {
    if words.trim().is_empty() { line } else { line.say(texts::COLON).quote(AgentText::line(words, COMMENT)) }
}

/// The votes on the current arguments: who, what, when, and why. The words of the decision are in the status.
pub(super) fn votes(approval: &RedactedApproval, now: Time, budget: &Budget) -> Vec<Phrase> {
    let deciding = approval.decision.as_ref().and_then(|decision| people::deciding(approval, decision));
    let more = approval.votes.len().saturating_sub(budget.votes);
    let vote = |vote: &crate::policy::RedactedVote| {
        let word = match vote.choice {
            crate::domain::Choice::Approve => texts::APPROVED,
            crate::domain::Choice::Reject => texts::REJECTED,
        };
        let line = people::voter(vote).say(word).say(texts::moment(vote.at, now)).say(people::how(vote));
        let told_already =
            deciding.is_some_and(|one| std::ptr::eq(one, vote)) && vote.comment.chars().count() <= COMMENT;
        if told_already || vote.comment.trim().is_empty() {
            line
        } else {
            line.say(texts::COLON).quote(AgentText::line(&vote.comment, budget.words))
        }
    };
    let mut votes: Vec<_> = approval.votes.iter().take(budget.votes).map(vote).collect();
    if more > 0 {
        votes.push(Phrase::new(texts::more(more).trim_start().to_owned()));
    }
    votes
}
