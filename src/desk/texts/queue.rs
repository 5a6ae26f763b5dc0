//! The lists of pending requests.

use super::status_word;
use crate::{
    approvals::WAITING_MAX,
    domain::{Priority, Status},
    unicode,
};

pub(in crate::desk) const EMPTY: &str = "Nothing waits for you.";
pub(in crate::desk) const NOTHING_PENDING: &str = "Nothing is pending.";
pub(in crate::desk) const LAST_DECIDED: &str = "Last decided";
pub(in crate::desk) const ROWS: &str = "Requests";
pub(in crate::desk) const MORE: &str = "More";
pub(in crate::desk) const FIRST: &str = "Back to the first";
pub(in crate::desk) const NO_ARGUMENTS: &str = "no arguments";
pub(in crate::desk) const REDACTED: &str = "redacted";
pub(in crate::desk) const FROM: &str = "from";
pub(in crate::desk) const CALLER: &str = "caller";
pub(in crate::desk) const ON_BEHALF_OF: &str = "on behalf of";
pub(in crate::desk) const SAME_MINUTE: &str = "within a minute";
pub(in crate::desk) const YOU_APPROVED: &str = "you approved";
pub(in crate::desk) const YOU_REJECTED: &str = "you rejected";

/// The heading of a list with the number of its requests, also as the title.
pub(in crate::desk) fn counted(place: &str, count: usize) -> String {
    if count == 0 { place.to_owned() } else { format!("({count}) {place}") }
}

/// The word for an urgent request. None is usual.
pub(in crate::desk) const fn priority(priority: Priority) -> Option<&'static str> {
    match priority {
        Priority::Normal => None,
        Priority::High => Some("HIGH"),
        Priority::Urgent => Some("URGENT"),
    }
}

/// What a cut text leaves out.
pub(in crate::desk) fn characters_left_out(count: usize) -> String {
    if count == 1 { "1 more character".to_owned() } else { format!("{count} more characters") }
}

/// Arguments that a row does not show.
pub(in crate::desk) fn more_arguments(count: usize) -> String {
    if count == 1 { "1 more argument".to_owned() } else { format!("{count} more arguments") }
}

/// Agents that a row does not show.
pub(in crate::desk) fn more_agents(count: usize) -> String {
    if count == 1 { "1 more agent".to_owned() } else { format!("{count} more agents") }
}

/// Labels that a row does not show.
pub(in crate::desk) fn more_labels(count: usize) -> String {
    if count == 1 { "1 more label".to_owned() } else { format!("{count} more labels") }
}

/// The votes that a rule has, and needs.
pub(in crate::desk) fn votes(rule: &str, have: u32, need: u32) -> String {
    let noun = if need == 1 { "approval" } else { "approvals" };
    if rule.is_empty() { format!("{have} of {need} {noun}") } else { format!("{rule}: {have} of {need} {noun}") }
}

/// What another reviewer did.
pub(in crate::desk) fn voted(who: &str, approved: bool) -> String {
    if approved { format!("{who} approved") } else { format!("{who} rejected") }
}

/// How many are shown.
pub(in crate::desk) fn shown(rows: usize, count: usize) -> String {
    format!("{rows} of {count} shown.")
}

/// More requests are pending than a page reads.
pub(in crate::desk) fn too_many() -> String {
    format!("More than {WAITING_MAX} requests are pending. Only the oldest {WAITING_MAX} are listed and counted.")
}

/// Requests that cannot be read.
pub(in crate::desk) fn unreadable(count: usize) -> String {
    let what =
        if count == 1 { "1 request cannot be read".to_owned() } else { format!("{count} requests cannot be read") };
    format!("{what}, and so cannot be decided. An operator should run `signoff store check`.")
}

/// The label of a checkbox.
pub(in crate::desk) fn select(tool: &str) -> String {
    format!("Select {tool}")
}

pub(in crate::desk) const INVALID_PAGE: &str = "The link to this page of the list is not valid. Open the list again.";
pub(in crate::desk) const UNAVAILABLE: &str = "No longer available.";
pub(in crate::desk) const NOT_PENDING: &str = "No longer pending.";
pub(in crate::desk) const NOT_FOR_YOU: &str = "No longer waits for you.";

/// What became of a request that leaves the list.
pub(in crate::desk) fn fate(status: Status, by: Option<&str>, by_viewer: bool) -> String {
    let word = match status {
        Status::Pending => return NOT_FOR_YOU.to_owned(),
        Status::TimedOut => return "Timed out.".to_owned(),
        status => status_word(status),
    };
    match by {
        Some(_) if by_viewer => format!("{word} by you."),
        Some(by) => format!("{word} by {}.", unicode::escape(by)),
        None => format!("{word}."),
    }
}

pub(in crate::desk) const PARTIAL: &str = "Open to approve: not all is shown here.";

/// Texts for the script of the lists. `{n}` is replaced by a number.
pub(in crate::desk) mod script {
    pub(in crate::desk) const NEW: &str = "{n} new";
    pub(in crate::desk) const SELECTED: &str = "{n} selected";
    pub(in crate::desk) const CHANGED: &str = "Changed since you selected it. Look again.";
}

/// Deciding several requests together.
pub(in crate::desk) mod bulk {
    use crate::domain::Choice;

    pub(in crate::desk) const REGION: &str = "Selected requests";
    pub(in crate::desk) const COMMENT: &str = "Comment for all selected";
    pub(in crate::desk) const APPROVE: &str = "Approve selected";
    pub(in crate::desk) const REJECT: &str = "Reject selected";
    pub(in crate::desk) const BACK: &str = "Back";
    pub(in crate::desk) const NOT_INCLUDED: &str = "Not included";
    pub(in crate::desk) const NOTHING: &str = "None of the selected requests can be decided like this.";
    pub(in crate::desk) const RESULTS: &str = "Results";
    pub(in crate::desk) const NOTHING_SELECTED: &str =
        "Nothing is selected. Select at least one request. Nothing was changed.";
    pub(in crate::desk) const INVALID_SELECTION: &str =
        "The form does not say what to decide. Open the list again. Nothing was changed.";
    pub(in crate::desk) const CHANGED: &str = "Changed since you selected it. Open it and look again.";
    pub(in crate::desk) const PARTIAL: &str =
        "Cannot be approved here, because not all of it is shown in a list. Open it to approve it.";
    pub(in crate::desk) const NOT_AVAILABLE: &str = "This request does not exist, or you may not see it.";
    pub(in crate::desk) const OPEN: &str = "Open";

    /// The verb of a choice.
    pub(in crate::desk) const fn verb(choice: Choice) -> &'static str {
        match choice {
            Choice::Approve => "Approve",
            Choice::Reject => "Reject",
        }
    }

    /// The question before several requests are decided.
    pub(in crate::desk) fn question(choice: Choice, count: usize) -> String {
        let what = if count == 1 { "request" } else { "requests" };
        format!("{} {count} {what}?", verb(choice))
    }

    /// The button that decides them.
    pub(in crate::desk) fn confirm(choice: Choice, count: usize) -> String {
        format!("{} {count}", verb(choice))
    }

    /// Too many at the same time.
    pub(in crate::desk) fn too_many(selected: usize, max: usize) -> String {
        format!("{selected} requests are selected; at most {max} can be decided together. Nothing was changed.")
    }

    /// The vote is recorded, and others are needed.
    pub(in crate::desk) const fn waits(choice: Choice) -> &'static str {
        match choice {
            Choice::Approve => "You approved. It waits for others.",
            Choice::Reject => "You rejected. It waits for others.",
        }
    }
}
