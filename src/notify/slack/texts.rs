//! The words of the Slack channel that are not on cards.

use crate::domain::{Refusal, Status};

// Buttons
pub(super) const APPROVE: &str = "Approve";
pub(super) const REJECT: &str = "Reject";
pub(super) const OPEN: &str = "Open";
pub(super) const OPEN_REQUEST: &str = "Open the request";
pub(super) const OPEN_QUEUE: &str = "Open everything that waits";
pub(super) const RECORDING: &str = "Recording the decision…";
pub(super) const WARNING: &str = "Warning: ";

// Why there is no Approve
pub(super) const NOT_EVERYTHING: &str = "Approve on the request's page: this message does not show everything.";
pub(super) const NOT_BY_CHAT: &str = "Approve on the request's page: the policy does not accept approvals from chat.";

/// Characters that a card leaves out.
pub(super) fn left_out(characters: usize, values: usize) -> String {
    let noun = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    match (characters, values) {
        (characters, 0) => format!("{} not shown.", noun(characters, "character")),
        (0, values) => format!("{} not shown.", noun(values, "argument")),
        (characters, values) => {
            format!("{} and {} not shown.", noun(characters, "character"), noun(values, "argument"))
        }
    }
}

// Modals. A title and the words of a modal's buttons have at most 24 characters.
pub(super) const CANCEL: &str = "Cancel";
pub(super) const REJECT_TITLE: &str = "Reject the call";
pub(super) const APPROVE_TITLE: &str = "Approve the call";
pub(super) const REASON: &str = "Reason";
pub(super) const CHOOSE: &str = "Choose a reason";
pub(super) const COMMENT: &str = "Comment";
pub(super) const COMMENT_HINT: &str = "The agent reads it.";

// Explanations, for one person
pub(super) const NOT_ASKED: &str =
    "Not recorded: the policy does not ask you about this request, or it is not kept any more.";
pub(super) const BLOCKED: &str = "Not recorded: an operator has blocked you.";
pub(super) const STALE: &str =
    "Not recorded: the arguments changed since this message showed them. Look at them again.";
pub(super) const OWN: &str = "Not recorded: you asked for this call yourself, or it is made on your behalf.";
pub(super) const VOTED: &str = "You have voted on this request before; that vote counts.";
pub(super) const COMMENT_MISSING: &str = "The policy requires a comment.";
pub(super) const UNAVAILABLE: &str = "Not recorded: the server cannot record decisions at present. Try again later.";
pub(super) const NO_MODAL: &str = "Slack did not open the form. Click again, or open the request.";
pub(super) const ELSEWHERE: &str = "Not recorded: this button belongs to another channel.";
pub(super) const GONE: &str = "This request is not kept any more.";
pub(super) const SLOW: &str =
    "The server has not answered yet. Close this form: the message will show whether it was recorded.";

/// To a user who is not in the table. Slack shows the id in the user's profile, too.
pub(super) fn unknown(user: &str) -> String {
    format!(
        "Not recorded: your Slack account is not linked to a reviewer. Ask an operator to add {user} to the people of this \
         channel, or open the request."
    )
}

pub(super) fn comment_too_long(max: usize) -> String {
    format!("At most {max} bytes are allowed.")
}

/// Why a decision was not recorded.
pub(super) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::SelfDecision => OWN.to_owned(),
        Refusal::NotEligible => NOT_ASKED.to_owned(),
        Refusal::Stale { .. } => STALE.to_owned(),
        Refusal::AlreadyVoted => VOTED.to_owned(),
        Refusal::CommentRequired => format!("Not recorded: {}", COMMENT_MISSING.to_lowercase()),
        Refusal::AlreadyDecided(decision) => decided(decision.status).to_owned(),
        other => format!("Not recorded: {other}."),
    }
}

/// What somebody else decided before.
pub(super) const fn decided(status: Status) -> &'static str {
    match status {
        Status::Approved | Status::AutoApproved => "Not recorded: it was approved before.",
        Status::Rejected | Status::AutoRejected => "Not recorded: it was rejected before.",
        Status::TimedOut => "Not recorded: the time to decide has passed.",
        Status::Cancelled => "Not recorded: the request was cancelled.",
        Status::Pending => UNAVAILABLE,
    }
}
