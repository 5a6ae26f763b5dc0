//! Texts of the status page.

pub(in crate::desk) const TITLE: &str = "Status";
pub(in crate::desk) const SERVER: &str = "Server";
pub(in crate::desk) const STATE: &str = "State";
pub(in crate::desk) const SERVING: &str = "Serving: it accepts requests and decisions.";
pub(in crate::desk) const DRAINING: &str = "Draining: it shuts down, and ends open streams.";
pub(in crate::desk) const VERSION: &str = "Version";
pub(in crate::desk) const STARTED: &str = "Started";
pub(in crate::desk) const UPTIME: &str = "Running for";
pub(in crate::desk) const NOW: &str = "Server time";
pub(in crate::desk) const STORE: &str = "Store";
pub(in crate::desk) const STORE_ANSWERS: &str =
    "Reads work: the requests and freezes on this page were just read from it. Writes are not checked here.";
pub(in crate::desk) const REQUESTS: &str = "Requests";
pub(in crate::desk) const PENDING: &str = "Pending";
pub(in crate::desk) const OLDEST: &str = "Oldest pending";
pub(in crate::desk) const NO_OLDEST: &str = "none";
pub(in crate::desk) const POLICY: &str = "Policy";
pub(in crate::desk) const POLICY_VERSION: &str = "Live version";
pub(in crate::desk) const BUILT_IN: &str = "0 (built-in: every call requires approval)";
pub(in crate::desk) const FILE: &str = "File";
pub(in crate::desk) const NO_FILE: &str = "none: operators set the policy";
pub(in crate::desk) const FILE_STATE: &str = "State of the file";
pub(in crate::desk) const FILE_LIVE: &str = "Its content is live.";
pub(in crate::desk) const FILE_FAULT: &str = "Its content is not valid, and not live:";
pub(in crate::desk) const FREEZES: &str = "Freezes";
pub(in crate::desk) const FROZEN: &str = "Frozen now";
pub(in crate::desk) const NOT_FROZEN: &str = "nothing";
pub(in crate::desk) const NOTIFICATIONS: &str = "Notifications";
pub(in crate::desk) const NOTIFICATION_PROBLEMS: &str = "Problems";
pub(in crate::desk) const NO_NOTIFICATION_PROBLEMS: &str = "none";
pub(in crate::desk) const RELOAD: &str = "Reload";

/// The age of a request.
pub(in crate::desk) fn ago(span: &str) -> String {
    format!("{span} ago")
}
