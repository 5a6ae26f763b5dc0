//! The history.

pub(in crate::desk) const FILTER: &str = "Filter";
pub(in crate::desk) const TOOL: &str = "Tool";
pub(in crate::desk) const AGENT: &str = "Agent";
pub(in crate::desk) const CALLER: &str = "Caller";
pub(in crate::desk) const CALLER_HINT: &str = "issuer/subject";
pub(in crate::desk) const LABEL: &str = "Label";
pub(in crate::desk) const LABEL_HINT: &str = "name=value";
pub(in crate::desk) const STATUS: &str = "Status";
pub(in crate::desk) const FROM: &str = "From (UTC)";
pub(in crate::desk) const BEFORE: &str = "Before (UTC)";
pub(in crate::desk) const TEXT: &str = "Text";
pub(in crate::desk) const APPLY: &str = "Show";
pub(in crate::desk) const CLEAR: &str = "Clear";
pub(in crate::desk) const NOTHING: &str = "No requests match.";
pub(in crate::desk) const NONE_YET: &str = "No requests yet.";
pub(in crate::desk) const NOTHING_YET: &str = "No match on this page. Older requests may match.";
pub(in crate::desk) const OLDER: &str = "Older";
pub(in crate::desk) const NEWEST: &str = "Back to the newest";
pub(in crate::desk) const BY: &str = "by";
pub(in crate::desk) const YOU: &str = "you";
pub(in crate::desk) const SUCCEEDED: &str = "succeeded";
pub(in crate::desk) const FAILED: &str = "failed";
pub(in crate::desk) const CLAIMED: &str = "claimed, no outcome reported";
pub(in crate::desk) const REVOKED: &str = "revoked";
pub(in crate::desk) const LABEL_PROBLEM: &str = "Label: must be name=value.";

/// A time that cannot be read.
pub(in crate::desk) fn time_problem(name: &str, text: &str) -> String {
    format!("{name}: {text:?} is not a time; write it as 2026-11-30T14:02, in UTC.")
}

/// A page token that does not fit.
pub(in crate::desk) fn page_problem(why: &str) -> String {
    format!("page: {why}")
}
