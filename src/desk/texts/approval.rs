//! Texts of the page of one approval.

use crate::{
    domain::{Assurance, Refusal, Surface},
    unicode,
};

// What will happen
pub(in crate::desk) const MORE_ABOUT: &str = "About this request";
pub(in crate::desk) const WHO: &str = "Who asks, and why";
pub(in crate::desk) const AGENT: &str = "Agent";
pub(in crate::desk) const NO_AGENT: &str = "not named";
pub(in crate::desk) const HANDED_ON: &str = "handed on by";
pub(in crate::desk) const FOR: &str = "on behalf of";
pub(in crate::desk) const CALLER: &str = "Caller";
pub(in crate::desk) const RUN: &str = "Run";
pub(in crate::desk) const NO_REASON: &str = "The agent gave no reason.";
pub(in crate::desk) const LABELS: &str = "Labels";
pub(in crate::desk) const ARGUMENTS: &str = "Arguments";
pub(in crate::desk) const OTHER_ARGUMENTS: &str = "Other arguments";
pub(in crate::desk) const NO_ARGUMENTS: &str = "This call has no arguments.";
pub(in crate::desk) const ARGUMENTS_PATH: &str = "args";
pub(in crate::desk) const CHANGED: &str = "changed";
pub(in crate::desk) const EMPTY_TEXT: &str = "(empty text)";
pub(in crate::desk) const EMPTY_NAME: &str = "(empty name)";
pub(in crate::desk) const EMPTY_LIST: &str = "(empty list)";
pub(in crate::desk) const EMPTY_OBJECT: &str = "(empty object)";
pub(in crate::desk) const WARNINGS: &str = "Warnings";

/// Words before and after an amount of time, or a count.
pub(in crate::desk) fn warnings(count: usize) -> String {
    plural(count, "warning", "warnings")
}

pub(in crate::desk) fn items(count: usize) -> String {
    plural(count, "item", "items")
}

pub(in crate::desk) fn entries(count: usize) -> String {
    plural(count, "entry", "entries")
}

/// The length of a text that is folded.
pub(in crate::desk) fn length(characters: usize, lines: usize) -> String {
    let characters = plural(characters, "character", "characters");
    if lines > 1 { format!("{characters}, {}", plural(lines, "line", "lines")) } else { characters }
}

// Warnings about texts
pub(in crate::desk) const INEXACT: &str =
    "beyond ±9,007,199,254,740,991: may not be exact, the last digits may differ from what the agent meant";

// Edits
pub(in crate::desk) const EDITED_HEADING: &str = "Edited: what changed from what was asked";
pub(in crate::desk) const EDITED_BY: &str = "Edited by";
pub(in crate::desk) const OLD: &str = "old";
pub(in crate::desk) const NEW: &str = "new";
pub(in crate::desk) const NOT_THERE: &str = "(not there)";
pub(in crate::desk) const NO_DIFFERENCE: &str = "The arguments are those that were first asked.";
pub(in crate::desk) const CHANGED_HEADING: &str = "Changed while you looked";
pub(in crate::desk) const LOOK_AGAIN: &str = "Look at the arguments again before you decide. Your comment is kept.";
pub(in crate::desk) const LOOKED: &str = "I have looked again";

pub(in crate::desk) fn same_characters(count: usize) -> String {
    format!("({} the same) ", plural(count, "character", "characters"))
}

// Why the viewer is asked
pub(in crate::desk) const WHY_YOU: &str = "Why you are asked";
pub(in crate::desk) const WHY: &str = "Who is asked, and why";
pub(in crate::desk) const NO_RULE: &str = "The default for unlisted tools";
pub(in crate::desk) const ANY_REVIEWER: &str = "any reviewer";
pub(in crate::desk) const ASKS: &str = "asks";
pub(in crate::desk) const YOURS: &str = "your vote counts here";
pub(in crate::desk) const WHEN: &str = "when";
pub(in crate::desk) const POLICY_VERSION: &str = "policy version";
pub(in crate::desk) const VOTES: &str = "Votes";
pub(in crate::desk) const NO_VOTES: &str = "No votes yet.";
pub(in crate::desk) const YOU: &str = "you";
pub(in crate::desk) const THROUGH: &str = "through";
pub(in crate::desk) const COUNTS_FOR: &str = "counts for";
pub(in crate::desk) const OPENED: &str = "had opened";
pub(in crate::desk) const ESCALATES: &str = "More reviewers are asked, or the priority rises, at";

pub(in crate::desk) fn votes(votes: u32, quorum: u32) -> String {
    format!("{votes} of {quorum} {}", if quorum == 1 { "approval" } else { "approvals" })
}

pub(in crate::desk) fn against(votes: u32, threshold: u32) -> String {
    format!("{votes} of {threshold} rejections")
}

/// Where a decision came from, and how its author was authenticated.
pub(in crate::desk) fn how(surface: Surface, assurance: Assurance) -> String {
    let place = match surface {
        Surface::Grpc => "API",
        Surface::Desk => "desk",
        Surface::Slack => "Slack",
        Surface::Link => "link",
    };
    let proof = match assurance {
        Assurance::Session => "signed in",
        Assurance::Chat => "named by a chat",
        Assurance::Link => "by link alone",
        Assurance::Token => "with a token",
    };
    format!("{place}, {proof}")
}

// Rules
pub(in crate::desk) const RULES: &str = "Rules";
pub(in crate::desk) const MATCHED: &str = "matched";
pub(in crate::desk) const NOT_MATCHED: &str = "did not match";
pub(in crate::desk) const FAILED_RULE: &str = "failed";
pub(in crate::desk) const RULE_TOOLS: &str = "tools";
pub(in crate::desk) const RULE_AGENTS: &str = "agents";
pub(in crate::desk) const RULE_LABELS: &str = "labels";
pub(in crate::desk) const RULE_WHEN: &str = "when";
pub(in crate::desk) const CHANNELS_TOLD: &str = "Notified channels:";
pub(in crate::desk) const DEFAULT_CHANNELS: &str = "the server's default channels";
pub(in crate::desk) const DECIDED_BY_RULE: &str = "The strictest rule that matched:";

pub(in crate::desk) fn omitted_rules(count: u32) -> String {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    format!("{} not listed.", plural(count, "more rule is", "more rules are"))
}

pub(in crate::desk) fn not_matched(count: usize) -> String {
    format!("{} did not match", plural(count, "rule", "rules"))
}

// History and the record
pub(in crate::desk) const HISTORY: &str = "History";
pub(in crate::desk) const RAW: &str = "Raw JSON";
pub(in crate::desk) const COPY: &str = "Copy";
pub(in crate::desk) const COPIED: &str = "Copied";
pub(in crate::desk) const RECORD: &str = "Record";
pub(in crate::desk) const ID: &str = "Id";
pub(in crate::desk) const DIGEST: &str = "Digest";
pub(in crate::desk) const ASKED_DIGEST: &str = "Digest as asked";
pub(in crate::desk) const REVISION: &str = "Revision";
pub(in crate::desk) const ASKED_AT: &str = "Asked";
pub(in crate::desk) const DEADLINE: &str = "Deadline";
pub(in crate::desk) const BY: &str = "by";
pub(in crate::desk) const REQUESTED: &str = "Requested";
pub(in crate::desk) const EDITED: &str = "Edited";
pub(in crate::desk) const CLAIMED: &str = "Claimed";
pub(in crate::desk) const REVOKED: &str = "Revoked";
pub(in crate::desk) const REPORTED_SUCCESS: &str = "Reported: succeeded";
pub(in crate::desk) const REPORTED_FAILURE: &str = "Reported: failed";

pub(in crate::desk) fn voted(word: &str) -> String {
    format!("Vote: {word}")
}

pub(in crate::desk) fn escalated(rule: &str, priority: &str, reviewers: &str) -> String {
    let more = if reviewers.is_empty() { String::new() } else { format!(", also asks {reviewers}") };
    let by = if rule.is_empty() { String::new() } else { format!(" by rule {rule}") };
    format!("Escalated{by}: priority {priority}{more}")
}

// Outcome
pub(in crate::desk) const OUTCOME: &str = "What became of it";
pub(in crate::desk) const APPROVED: &str = "Approved";
pub(in crate::desk) const REJECTED: &str = "Rejected";
pub(in crate::desk) const SUCCEEDED: &str = "The call succeeded";
pub(in crate::desk) const FAILED: &str = "The call failed";
pub(in crate::desk) const NOT_REPORTED: &str = "No result has been reported.";
pub(in crate::desk) const CLAIMED_BY: &str = "Claimed by";
pub(in crate::desk) const REVOKED_BY: &str = "Revoked by";
pub(in crate::desk) const CAN_BE_CLAIMED: &str = "Not claimed yet. Claim window:";
pub(in crate::desk) const WINDOW_CLOSED: &str = "Never claimed: the claim window closed at";
pub(in crate::desk) const WINDOW_OVER: &str = "Never claimed: the claim window has closed.";
pub(in crate::desk) const REMEMBERED: &str = "The same call was rejected before, in";
pub(in crate::desk) const FROZEN_BY: &str = "Frozen by";
pub(in crate::desk) const FROZEN: &str =
    "Calls such as this one are frozen: they cannot be claimed until the freeze ends.";

pub(in crate::desk) fn policy(version: &str) -> String {
    format!("policy version {version}")
}
pub(in crate::desk) const THE_SERVER: &str = "the server";

// Places
pub(in crate::desk) const PREVIOUS: &str = "Previous";
pub(in crate::desk) const NEXT: &str = "Next";
pub(in crate::desk) const NOTHING_WAITS: &str = "Nothing else waits for you.";
pub(in crate::desk) const ALL_WAITING: &str = "Waiting for you";

pub(in crate::desk) fn position(position: usize, count: usize, more: bool) -> String {
    format!("{position} of {count}{}", if more { "+" } else { "" })
}

pub(in crate::desk) fn others_wait(count: usize, more: bool) -> String {
    let text = plural(count, "request waits for you", "requests wait for you");
    if more { format!("More than {text}") } else { text }
}

// The bar
pub(in crate::desk) const DECIDE: &str = "Decide";
pub(in crate::desk) const COMMENT: &str = "Comment";
pub(in crate::desk) const COMMENT_OPTIONAL: &str = "Comment (optional)";
pub(in crate::desk) const COMMENT_REQUIRED: &str = "Comment (required)";
pub(in crate::desk) const REASON_TO_REJECT: &str = "Reason to reject";
pub(in crate::desk) const NO_REASON_CHOSEN: &str = "Reason…";
pub(in crate::desk) const APPROVE: &str = "Approve";
pub(in crate::desk) const REJECT: &str = "Reject";
pub(in crate::desk) const EDIT: &str = "Edit…";
pub(in crate::desk) const REVOKE: &str = "Revoke…";
pub(in crate::desk) const BACK: &str = "Back";
pub(in crate::desk) const YOU_APPROVED: &str = "You have approved these arguments. You can still reject.";
pub(in crate::desk) const YOU_REJECTED: &str = "You have rejected these arguments.";
pub(in crate::desk) const NEEDS_OTHERS: &str =
    "Your credentials can name other voters, so your approval counts only together with another reviewer's.";
pub(in crate::desk) const NO_EDITS: &str = "The policy does not allow edits.";
pub(in crate::desk) const DEADLINE_PASSED: &str = "Timed out: nobody decided before the deadline.";
pub(in crate::desk) const SELF_DECISION: &str =
    "You asked for this call, or it is made on your behalf. Somebody else has to decide.";
pub(in crate::desk) const NOT_ASKED: &str = "The policy does not ask you about these arguments.";

pub(in crate::desk) fn too_many_edits(limit: u32) -> String {
    format!("Edited {limit} times, the maximum.")
}

pub(in crate::desk) fn role_cannot_decide(roles: &str) -> String {
    format!("Your roles ({roles}) can view requests, but not decide them.")
}

// A second question
pub(in crate::desk) const CONFIRM_TITLE: &str = "Approve?";
pub(in crate::desk) const CONFIRM_WARNINGS: &str = "Look at what is marked before you approve.";
pub(in crate::desk) const YOUR_COMMENT: &str = "Your comment";
pub(in crate::desk) const REVOKE_TITLE: &str = "Revoke?";
pub(in crate::desk) const REVOKE_EXPLAINED: &str =
    "A revoked approval can never be claimed. The agent has to ask again.";
pub(in crate::desk) const REVOKE_REASON: &str = "Reason (optional)";
pub(in crate::desk) const REVOKE_NOW: &str = "Revoke";

// What went wrong with a decision
pub(in crate::desk) const STALE: &str =
    "The arguments were edited after you opened this page. Your decision was not recorded.";
pub(in crate::desk) const ALREADY_DECIDED: &str =
    "It was decided before your decision arrived. Yours was not recorded.";
pub(in crate::desk) const COMMENT_MISSING: &str =
    "The policy requires a comment with every vote. Nothing was recorded.";
pub(in crate::desk) const CHOICE_MISSING: &str = "Choose Approve or Reject. Nothing was recorded.";

/// Why a decision was not recorded.
pub(in crate::desk) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Stale { .. } => STALE.to_owned(),
        Refusal::AlreadyDecided(_) => ALREADY_DECIDED.to_owned(),
        Refusal::CommentRequired => COMMENT_MISSING.to_owned(),
        other => not_recorded(&other.to_string()),
    }
}

pub(in crate::desk) fn not_recorded(why: &str) -> String {
    format!("Not recorded: {why}.")
}

/// A count with its noun; thousands are separated.
fn plural(count: usize, one: &str, several: &str) -> String {
    format!("{} {}", unicode::grouped(count), if count == 1 { one } else { several })
}

// Editing
pub(in crate::desk) const EDIT_TITLE: &str = "Edit the arguments";
pub(in crate::desk) const EDIT_EXPLAINED: &str = "You see the difference before it counts.";
pub(in crate::desk) const AS_JSON: &str = "Edit as JSON";
pub(in crate::desk) const AS_FORM: &str = "Edit as a form";
pub(in crate::desk) const ARGUMENTS_JSON: &str = "Arguments as JSON";
pub(in crate::desk) const SEE_DIFFERENCE: &str = "See the difference";
pub(in crate::desk) const LEAVE_OUT: &str = "Leave out";
pub(in crate::desk) const JSON: &str = "JSON";
pub(in crate::desk) const WHOLE_NUMBER: &str = "whole number";
pub(in crate::desk) const NUMBER: &str = "number";
pub(in crate::desk) const REVIEW_TITLE: &str = "Approve with these changes?";
pub(in crate::desk) const REVIEW_EXPLAINED: &str = "Approving records the edit, and your approval of it if the policy asks you about the new arguments. Earlier votes no longer count.";
pub(in crate::desk) const APPROVE_EDITED: &str = "Approve with changes";
pub(in crate::desk) const CHANGE_MORE: &str = "Change more";
pub(in crate::desk) const NOTHING_EDITED: &str =
    "These are the current arguments. Change one, or go back and approve them.";
pub(in crate::desk) const NO_FORM: &str = "There is no form for these arguments. Edit them as JSON.";
pub(in crate::desk) const NOT_AN_OBJECT: &str = "Arguments are an object: { … } with a name for each.";
pub(in crate::desk) const NOT_A_NUMBER: &str = "not a number, such as 12 or -0.5, that can be kept exactly";
pub(in crate::desk) const NOT_WHOLE: &str = "not a whole number, such as 12, that can be kept exactly";
pub(in crate::desk) const NOT_A_CHOICE: &str = "choose one of the values";
pub(in crate::desk) const TOO_LARGE: &str = "the number is too large";

pub(in crate::desk) fn mistake(line: usize, column: usize, what: &str) -> String {
    format!("Line {line}, column {column}: {what}")
}

pub(in crate::desk) fn twice(name: &str) -> String {
    format!("the name {name:?} is given twice")
}

pub(in crate::desk) fn not_exact(number: i128) -> String {
    format!("the number {number} cannot be kept exactly")
}

// What was decided before
pub(in crate::desk) const BEFORE_HEADING: &str = "Before";
pub(in crate::desk) const BEFORE_OF: &str = "last decisions on this tool and agent";
pub(in crate::desk) const LAST_FAILURE: &str = "The last call of this tool by this caller that failed:";
pub(in crate::desk) const SUCCEEDED_SINCE: &str = "A later one succeeded.";
pub(in crate::desk) const NOTHING_BEFORE: &str = "Nothing was decided before on this tool and agent.";
pub(in crate::desk) const BECAME_SUCCEEDED: &str = "succeeded";
pub(in crate::desk) const BECAME_FAILED: &str = "failed";
pub(in crate::desk) const BECAME_CLAIMED: &str = "claimed, no result reported";
pub(in crate::desk) const BECAME_REVOKED: &str = "revoked";
pub(in crate::desk) const BECAME_UNCLAIMED: &str = "not claimed";
