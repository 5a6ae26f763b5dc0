//! The lists of pending requests.

use crate::domain::Priority;

pub(in crate::desk) const EMPTY: &str = "Nothing waits for you.";
pub(in crate::desk) const NOTHING_PENDING: &str = "Nothing is pending.";
pub(in crate::desk) const LAST_DECIDED: &str = "Last decided";
pub(in crate::desk) const ROWS: &str = "Requests";
pub(in crate::desk) const MORE: &str = "More";
pub(in crate::desk) const FIRST: &str = "Back to the first";
pub(in crate::desk) const NO_ARGUMENTS: &str = "no arguments";
pub(in crate::desk) const REDACTED: &str = "redacted";
pub(in crate::desk) const FROM: &str = "from";
pub(in crate::desk) const SAME_MINUTE: &str = "within a minute";
pub(in crate::desk) const BY: &str = "asked by";
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
