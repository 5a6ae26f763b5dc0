//! Texts of the pages of freezes.

pub(in crate::desk) const TITLE: &str = "Freezes";
pub(in crate::desk) const ACTIVE: &str = "Frozen now";
pub(in crate::desk) const NONE: &str = "Nothing is frozen.";
pub(in crate::desk) const THAWED: &str = "Thawed";
pub(in crate::desk) const NONE_THAWED: &str = "No freeze was thawed.";
pub(in crate::desk) const ALL_THAWED: &str = "Show all that were thawed";
pub(in crate::desk) const KEPT: &str = "The server keeps the 1,000 newest thawed freezes.";
pub(in crate::desk) const FROZEN_BY: &str = "Frozen by";
pub(in crate::desk) const SINCE: &str = "Since";
pub(in crate::desk) const AT: &str = "Frozen at";
pub(in crate::desk) const REASON: &str = "Reason";
pub(in crate::desk) const NO_REASON: &str = "none given";
pub(in crate::desk) const THAWED_BY: &str = "Thawed by";
pub(in crate::desk) const THAWED_AT: &str = "Thawed at";
pub(in crate::desk) const ID: &str = "Id";
pub(in crate::desk) const FREEZE_LINK: &str = "Freeze calls…";
pub(in crate::desk) const THAW_LINK: &str = "Thaw…";

pub(in crate::desk) const NEW_TITLE: &str = "Freeze calls";
pub(in crate::desk) const NEW_INTRO: &str =
    "A freeze stops calls in an emergency. The next page says what it does, before anything happens.";
pub(in crate::desk) const SCOPE: &str = "Calls to freeze";
/// The scopes: value, label, hint.
pub(in crate::desk) const SCOPES: [(&str, &str, &str); 4] = [
    ("all", "All calls", ""),
    ("caller", "Calls of one caller", "ISSUER/SUBJECT, for example local/mailer"),
    ("tool", "Calls of the tools that match a pattern", "for example sql.*"),
    ("agent", "Calls of agents with one name", "agents choose their own names; an agent that lies is not stopped"),
];
pub(in crate::desk) const NAME: &str = "Caller, pattern or name";
pub(in crate::desk) const NAME_HINT: &str = "Empty for all calls.";
pub(in crate::desk) const REASON_HINT: &str = "At most 1,024 bytes. The callers that are stopped see it.";
pub(in crate::desk) const NO_SCOPE: &str = "Choose the calls to freeze.";
pub(in crate::desk) const NAME_WITH_ALL: &str =
    "Leave this empty to freeze all calls, or choose calls of one caller, tool or agent.";
pub(in crate::desk) const CHECK: &str = "Continue";

pub(in crate::desk) const CONFIRM_TITLE: &str = "Freeze these calls?";
pub(in crate::desk) const DOES: &str = "What it does";
pub(in crate::desk) const DOES_ITEMS: [&str; 3] = [
    "No claim of these calls is granted any more. A call that was approved, and not claimed yet, does not run.",
    "New requests are rejected at once, with your name and the reason. That is final for each request: after the thaw, \
     the agent must ask again.",
    "It is on the disk before this page says so, and survives a restart.",
];
pub(in crate::desk) const DOES_NOT: &str = "What it does not do";
pub(in crate::desk) const DOES_NOT_ITEMS: [&str; 2] = [
    "A call that was claimed before may be running, and continues. To stop its agent, revoke the agent's token.",
    "Decisions, deadlines and reports continue. Claim windows are not extended: an approval whose window closes during \
     the freeze can no longer be claimed.",
];
pub(in crate::desk) const AGENT_LIES: &str =
    "Agents choose their own names. An agent that lies is not stopped: freeze its caller instead.";
pub(in crate::desk) const ANY_THAWS: &str = "Any operator can thaw it.";
pub(in crate::desk) const OTHER_THAWS: &str =
    "You cannot thaw it yourself: this server requires another operator (thaw_requires_other_operator).";
pub(in crate::desk) const FREEZE: &str = "Freeze";

pub(in crate::desk) const THAW_TITLE: &str = "Thaw these calls?";
pub(in crate::desk) const THAW_ITEMS: [&str; 3] = [
    "Claims are granted again, also of calls that were approved before the freeze, while their claim window is open.",
    "New requests go to the policy again.",
    "Requests that the freeze rejected stay rejected: the agent must ask again.",
];
pub(in crate::desk) const OWN_FREEZE: &str =
    "You made this freeze. Another operator must thaw it: this server sets thaw_requires_other_operator.";
pub(in crate::desk) const THAW: &str = "Thaw";
pub(in crate::desk) const GONE: &str = "This freeze is no longer active";
pub(in crate::desk) const GONE_HINT: &str = "It does not exist, or was thawed before. Nothing was changed.";

/// What was done, by its code in the address.
pub(in crate::desk) fn done(code: &str) -> Option<&'static str> {
    match code {
        "frozen" => {
            Some("Frozen. No claim of these calls is granted any more. Calls that were claimed before continue.")
        }
        "thawed" => Some("Thawed. Claims of these calls are granted again."),
        _ => None,
    }
}
