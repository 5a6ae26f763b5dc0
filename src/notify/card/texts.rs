//! The words of messages, in one place. They are those of the pages, the commands and the API: *Approved*, *Rejected*,
//! *Revoked*, *Cancelled*, *Timed out*.

use std::time::Duration;

use crate::{
    domain::{ActorKind, Assurance, NotificationKind, Priority, Status, Surface, Time},
    unicode::grouped,
};

pub(super) const URGENT: &str = "Urgent: ";
pub(super) const HIGH: &str = "High priority: ";

/// What follows the tool in a heading.
pub(super) const fn heading(status: Status, revoked: bool, kind: NotificationKind) -> &'static str {
    match status {
        _ if revoked => ": revoked",
        Status::Pending => match kind {
            NotificationKind::Edited => ": approval needed, arguments were changed",
            NotificationKind::Escalated => ": still waiting for approval",
            _ => ": approval needed",
        },
        Status::Approved => ": approved",
        Status::Rejected => ": rejected",
        Status::TimedOut => ": timed out",
        Status::Cancelled => ": cancelled",
        Status::AutoApproved => ": approved by the policy",
        Status::AutoRejected => ": rejected by the policy",
    }
}

// Status
pub(super) const WAITING_FROM: &str = "Waiting for approval from ";
pub(super) const AND_FROM: &str = ", and from ";
pub(super) const OR: &str = " or ";
pub(super) const ANY_REVIEWER: &str = "any reviewer";
pub(super) const GROUP: &str = "group ";
pub(super) const APPROVED_BY: &str = "Approved by ";
pub(super) const REJECTED_BY: &str = "Rejected by ";
pub(super) const WITHDRAWN_BY: &str = "Withdrawn by ";
pub(super) const REVOKED_BY: &str = "Revoked by ";
pub(super) const TIMED_OUT: &str = "Timed out: nobody decided before the deadline";
pub(super) const THE_POLICY: &str = "the policy";
pub(super) const THE_SERVER: &str = "the server";
pub(super) const THROUGH: &str = " through ";
pub(super) const COLON: &str = ": ";
pub(super) const COMMA: &str = ", ";

/// Where a person acted, and how the server knows the person.
pub(super) const fn how(surface: Surface, assurance: Assurance) -> &'static str {
    match (surface, assurance) {
        (Surface::Desk, Assurance::Link) | (Surface::Link, _) => ", by a link",
        (Surface::Desk, _) => ", at the desk",
        (Surface::Slack, _) => ", in Slack",
        (Surface::Grpc, Assurance::Chat) => ", from another system",
        (Surface::Grpc, _) => ", by the API",
    }
}

// Details
pub(super) const AGENT: &str = "Agent";
pub(super) const NO_AGENT: &str = "not named";
pub(super) const HANDED_ON_FROM: &str = " ← ";
pub(super) const ON_BEHALF_OF: &str = "On behalf of";
pub(super) const CALLER: &str = "Caller";
pub(super) const REASON: &str = "Reason";
pub(super) const NO_REASON: &str = "The agent gave no reason.";
pub(super) const RULE: &str = "Rule";
pub(super) const NO_RULE: &str = "the default for unlisted tools";
pub(super) const ASKED: &str = "Asked";
pub(super) const LABELS: &str = "Labels";
pub(super) const RUN: &str = "Run";
pub(super) const REQUESTED: &str = "Requested";
pub(super) const DEADLINE: &str = "Deadline";
pub(super) const PRIORITY: &str = "Priority";
pub(super) const EDITED: &str = "Edited";
pub(super) const OUTCOME: &str = "Outcome";
pub(super) const TOOLS: &str = "Tools";

pub(super) const SUCCEEDED: &str = "The call succeeded";
pub(super) const FAILED: &str = "The call failed";
pub(super) const CLAIMED: &str = "Claimed, no result reported";

/// The word of a priority.
pub(super) const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

pub(super) fn edited(edits: u32) -> String {
    if edits == 1 {
        "The arguments were changed by a reviewer.".to_owned()
    } else {
        format!("The arguments were changed {edits} times by reviewers.")
    }
}

pub(super) fn votes(have: u32, need: u32) -> String {
    format!("{have} of {need} {}", if need == 1 { "approval" } else { "approvals" })
}

pub(super) const APPROVED: &str = " approved, ";
pub(super) const REJECTED: &str = " rejected, ";

// Arguments
pub(super) const REDACTED: &str = "redacted";
pub(super) const EMPTY_TEXT: &str = "(empty text)";
pub(super) const EMPTY_LIST: &str = "(empty list)";
pub(super) const EMPTY_OBJECT: &str = "(empty object)";
pub(super) const EMPTY_NAME: &str = "(empty name)";

// What is left out, and warnings
pub(super) fn left_out(characters: usize) -> String {
    let noun = if characters == 1 { "character" } else { "characters" };
    format!(" ({} more {noun})", grouped(characters))
}

pub(super) fn more(count: usize) -> String {
    format!(" and {} more", grouped(count))
}

pub(super) fn more_warnings(count: usize) -> String {
    format!("{} more {}", grouped(count), if count == 1 { "warning" } else { "warnings" })
}

pub(super) const IS_REDACTED: &str = " is redacted";
pub(super) const ALL_REDACTED: &str = "All arguments are redacted";
pub(super) const INEXACT: &str = "the number may not be exact: it is beyond ±9,007,199,254,740,991";
pub(super) const NAME_OF_ARGUMENT: &str = "The name of an argument";
pub(super) const TOOL: &str = "Tool";

/// Who acts, if that is not a person or a program.
pub(super) const fn automatic(kind: ActorKind) -> Option<&'static str> {
    match kind {
        ActorKind::Policy => Some(THE_POLICY),
        ActorKind::Server => Some(THE_SERVER),
        ActorKind::Agent | ActorKind::Person | ActorKind::Service => None,
    }
}

// Several requests
pub(super) const AN_AGENT: &str = "An agent";
pub(super) const AGENTS: &str = "Agents";

pub(super) fn more_requests(count: usize) -> String {
    if count == 1 { ": 1 more request".to_owned() } else { format!(": {} more requests", grouped(count)) }
}

pub(super) fn asked_more(count: usize, since: &str) -> String {
    let times = if count == 1 { "once more".to_owned() } else { format!("{} more times", grouped(count)) };
    format!(" asked {times} since {since}.")
}

// Tests
pub(super) const TEST: &str = "Test message from Signoff";
pub(super) const TEST_EXPLAINED: &str = "An operator tests this channel. There is nothing to decide.";

/// A time, with the date if that is not today.
pub(super) fn moment(at: Time, now: Time) -> String {
    let format = if at.date_naive() == now.date_naive() { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    at.format(format).to_string()
}

/// The time left, rounded down.
pub(super) fn left(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..60 => format!("{seconds} s left"),
        60..7_200 => format!("{} min left", seconds / 60),
        7_200..172_800 => format!("{} h left", seconds / 3_600),
        _ => format!("{} days left", seconds / 86_400),
    }
}
