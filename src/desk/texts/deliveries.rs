//! Texts of the page of deliveries.

use crate::domain::NotificationKind;

pub(in crate::desk) const TITLE: &str = "Deliveries";
pub(in crate::desk) const CHANNELS: &str = "Channels";
pub(in crate::desk) const NO_CHANNELS: &str =
    "No channel is configured, so nobody is told of requests. Add a table [channels.NAME] to the configuration file.";
pub(in crate::desk) const NOT_CONFIGURED: &str = "no longer configured: nothing sends its deliveries";
pub(in crate::desk) const DISABLED: &str = "Disabled";
pub(in crate::desk) const DISABLED_HINT: &str = "Repair it, and retry a delivery.";
pub(in crate::desk) const FAILING: &str = "Failing";
pub(in crate::desk) const WORKS: &str = "Works";
pub(in crate::desk) const UNUSED: &str = "Not used yet";
pub(in crate::desk) const KIND: &str = "Kind";
pub(in crate::desk) const EVENTS: &str = "Told of";
pub(in crate::desk) const ALL_EVENTS: &str = "all events";
pub(in crate::desk) const DEFAULT: &str = "Default";
pub(in crate::desk) const IS_DEFAULT: &str = "for requests whose policy names no channel";
pub(in crate::desk) const WAITING: &str = "Waiting";
pub(in crate::desk) const DEAD: &str = "Dead";
pub(in crate::desk) const OLDEST: &str = "Oldest due";
pub(in crate::desk) const LAST_SUCCESS: &str = "Last sent";
pub(in crate::desk) const LAST_FAILURE: &str = "Last failed";
pub(in crate::desk) const TEST: &str = "Send a test message";
pub(in crate::desk) const RETRY_ALL: &str = "Retry dead deliveries";

pub(in crate::desk) const DEAD_TITLE: &str = "Dead";
pub(in crate::desk) const DEAD_HINT: &str =
    "The server has stopped to send these. The receiver rejected them, or did not answer for a day.";
pub(in crate::desk) const NONE_DEAD: &str = "Nothing is dead.";
pub(in crate::desk) const WAITING_TITLE: &str = "Waiting";
pub(in crate::desk) const NONE_WAITING: &str = "Nothing waits.";
pub(in crate::desk) const APPROVAL: &str = "Approval";
pub(in crate::desk) const ATTEMPTS: &str = "Failed attempts";
pub(in crate::desk) const ERROR: &str = "Last error";
pub(in crate::desk) const NEXT: &str = "Next attempt";
pub(in crate::desk) const CREATED: &str = "Since";
pub(in crate::desk) const ID: &str = "Id";
pub(in crate::desk) const RETRY: &str = "Retry";

/// The heading of a list of which only the first part is shown.
pub(in crate::desk) fn first(title: &str, shown: usize) -> String {
    format!("{title}: the first {shown}")
}

/// A number of approvals.
pub(in crate::desk) fn approvals(count: u64) -> String {
    if count == 1 { "1 approval".to_owned() } else { format!("{count} approvals") }
}

/// What happened, in a heading.
pub(in crate::desk) const fn kind(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Requested => "Requested",
        NotificationKind::Voted => "Voted",
        NotificationKind::Edited => "Edited",
        NotificationKind::Escalated => "Escalated",
        NotificationKind::Decided => "Decided",
        NotificationKind::TimedOut => "Timed out",
        NotificationKind::Cancelled => "Cancelled",
        NotificationKind::Revoked => "Revoked",
    }
}

/// The outcome of a test.
pub(in crate::desk) const fn tested(accepted: bool) -> &'static str {
    if accepted { "The receiver accepted the test message. Its answer: " } else { "The test message failed: " }
}

/// What was done, by its code in the address.
pub(in crate::desk) fn done(code: &str) -> Option<&'static str> {
    match code {
        "retried" => Some("The server sends it again now."),
        "all" => Some("The server sends them again now."),
        _ => None,
    }
}
