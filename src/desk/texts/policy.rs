//! Texts of the pages of the policy.

pub(in crate::desk) const TITLE: &str = "Policy";
pub(in crate::desk) const PAGES: &str = "Pages of the policy";
pub(in crate::desk) const RULES: &str = "Rules";
pub(in crate::desk) const VERSIONS: &str = "Versions";
pub(in crate::desk) const TRY: &str = "Try a call";
pub(in crate::desk) const CHANGE: &str = "Change";

pub(in crate::desk) const LIVE: &str = "live";
pub(in crate::desk) const NOT_LIVE: &str = "not live";
pub(in crate::desk) const BUILT_IN: &str = "Built-in policy";
pub(in crate::desk) const BUILT_IN_HINT: &str = "No policy was set. Every call requires the approval of one reviewer.";
pub(in crate::desk) const AUTHOR: &str = "Set by";
pub(in crate::desk) const AT: &str = "Set at";
pub(in crate::desk) const COMMENT: &str = "Comment";
pub(in crate::desk) const SEE_LIVE: &str = "See the live version";
pub(in crate::desk) const FILE: &str =
    "The server takes the policy from this file. To change the policy, change the file:";
pub(in crate::desk) const FILE_FAULT: &str =
    "The content of the file is not valid. The version below stays live until the file is valid again. Problems:";

pub(in crate::desk) const STRICTEST: &str = "Every rule that matches a call counts, in any order. The strictest effect wins: a rejection, then a question to \
     reviewers, then an approval. A rule whose condition fails never approves.";
pub(in crate::desk) const DEFAULTS: &str = "When no rule matches";
pub(in crate::desk) const LISTED: &str = "Listed tools";
pub(in crate::desk) const LISTED_ASK: &str = "Reviewers are asked about ";
pub(in crate::desk) const OTHERS: &str = "All other tools";
pub(in crate::desk) const NO_RULES: &str = "The policy has no rules.";
pub(in crate::desk) const YAML: &str = "As YAML";
pub(in crate::desk) const SHOWN: &str = "How approvals are shown";

pub(in crate::desk) const TOOLS: &str = "Tools";
pub(in crate::desk) const AGENTS: &str = "Agents";
pub(in crate::desk) const LABELS: &str = "Labels";
pub(in crate::desk) const WHEN: &str = "Condition";
pub(in crate::desk) const APPROVES: &str = "Approves at once";
pub(in crate::desk) const ASKS: &str = "Asks reviewers";
pub(in crate::desk) const REJECTS: &str = "Rejects at once";
pub(in crate::desk) const WHO: &str = "Who decides";
pub(in crate::desk) const ANYONE: &str = "any reviewer";
pub(in crate::desk) const MEMBERS: &str = "members of the group ";
pub(in crate::desk) const OR: &str = ", or ";
pub(in crate::desk) const QUORUM: &str = "Approvals needed";
pub(in crate::desk) const REJECT_THRESHOLD: &str = "Rejections that reject";
pub(in crate::desk) const COMMENTS: &str = "Comments";
pub(in crate::desk) const COMMENT_REQUIRED: &str = "every vote needs one";
pub(in crate::desk) const EDITS: &str = "Edits";
pub(in crate::desk) const EDITS_ALLOWED: &str = "reviewers may approve changed arguments";
pub(in crate::desk) const EDITS_DENIED: &str = "reviewers cannot change arguments";
pub(in crate::desk) const TIMEOUT: &str = "Waits at most";
pub(in crate::desk) const CLAIM_WINDOW: &str = "Can be claimed for";
pub(in crate::desk) const CLAIM_WINDOW_AFTER: &str = " after the decision";
pub(in crate::desk) const REMEMBERS: &str = "A rejection also rejects the same call in the same run for";
pub(in crate::desk) const ESCALATES: &str = "If nobody decides";
pub(in crate::desk) const NOTIFIES: &str = "Notified channels";
pub(in crate::desk) const NOTIFIES_DEFAULT: &str = "the server's default channels";
pub(in crate::desk) const NOBODY: &str = "none";
pub(in crate::desk) const ASSURANCE: &str = "Approvals from chat";
pub(in crate::desk) const ASSURANCE_CHAT: &str = "count, also those that a bridge brings";
pub(in crate::desk) const ASSURANCE_CREDENTIALS: &str = "do not count";
pub(in crate::desk) const MESSAGE: &str = "Message";
pub(in crate::desk) const SUMMARY: &str = "Rows and messages show";
pub(in crate::desk) const REDACT: &str = "Only the page of the approval shows";
pub(in crate::desk) const REJECT_REASONS: &str = "Reasons offered to reject";
pub(in crate::desk) const DEFAULT: &str = "as the server sets it";
pub(in crate::desk) const NO_EFFECT: &str = "No effect";

/// The start of an escalation.
pub(in crate::desk) fn escalates_after(span: &str) -> String {
    format!("after {span}")
}
pub(in crate::desk) const ALSO_ASKS: &str = ": also asks ";
pub(in crate::desk) const RAISES: &str = ": priority at least ";
pub(in crate::desk) const AND_RAISES: &str = ", priority at least ";
pub(in crate::desk) const TELLS: &str = ": notifies ";
pub(in crate::desk) const AND_TELLS: &str = ", notifies ";

pub(in crate::desk) const VERSIONS_TITLE: &str = "Versions of the policy";
pub(in crate::desk) const NO_VERSIONS: &str = "No policy was set yet: the built-in one is live.";
pub(in crate::desk) const SEE: &str = "See";
pub(in crate::desk) const WHAT_CHANGED: &str = "What changed";
pub(in crate::desk) const COMPARE: &str = "Compare";
pub(in crate::desk) const COMPARE_TITLE: &str = "Difference of two versions";
pub(in crate::desk) const FROM: &str = "From version";
pub(in crate::desk) const TO: &str = "To version";
pub(in crate::desk) const VERSION_WRONG: &str = "Enter the numbers of two versions; 0 is the built-in policy.";
pub(in crate::desk) const DIFFERENCE: &str = "Difference";
pub(in crate::desk) const SAME: &str = "The two have the same content.";
pub(in crate::desk) const ADDED: &str = "added";
pub(in crate::desk) const REMOVED: &str = "removed";

/// The name of a version.
pub(in crate::desk) fn version(version: u64) -> String {
    format!("Version {version}")
}

/// The size of a difference.
pub(in crate::desk) fn changed(added: usize, removed: usize) -> String {
    let lines = |count: usize| if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
    format!("{} added, {} removed.", lines(added), lines(removed))
}

/// Where a part of a difference begins.
pub(in crate::desk) fn from_line(line: &str) -> String {
    format!("from line {line}")
}

pub(in crate::desk) const TRY_INTRO: &str =
    "What would the policy do with this call? Nothing is requested, and nothing is recorded.";
pub(in crate::desk) const TOOL: &str = "Tool";
pub(in crate::desk) const ARGUMENTS: &str = "Arguments";
pub(in crate::desk) const ARGUMENTS_HINT: &str = "A JSON object.";
pub(in crate::desk) const AGENT: &str = "Agent";
pub(in crate::desk) const AGENT_HINT: &str = "The name that the agent gives itself.";
pub(in crate::desk) const LABELS_HINT: &str = "One per line: key=value.";
pub(in crate::desk) const LABEL_WRONG: &str = "Labels: each line must be key=value. This one is not:";
pub(in crate::desk) const LABEL_TWICE: &str = "Labels: this key is set twice:";
pub(in crate::desk) const CALLER: &str = "Caller";
pub(in crate::desk) const CALLER_HINT: &str =
    "ISSUER/SUBJECT, for conditions on the caller. Empty: an agent test/agent.";
pub(in crate::desk) const CALLER_WRONG: &str = "Caller: must be ISSUER/SUBJECT, for example local/mailer.";
pub(in crate::desk) const TRIED_VERSION: &str = "Version";
pub(in crate::desk) const TRIED_VERSION_HINT: &str = "Empty: the live one.";
pub(in crate::desk) const TRIED_VERSION_WRONG: &str = "Version: must be a number.";
pub(in crate::desk) const TRY_BUTTON: &str = "Try";
pub(in crate::desk) const RESULT: &str = "Result";
pub(in crate::desk) const WOULD_APPROVE: &str = "The call would be approved at once.";
pub(in crate::desk) const WOULD_ASK: &str = "Reviewers would be asked.";
pub(in crate::desk) const WOULD_REJECT: &str = "The call would be rejected at once.";
pub(in crate::desk) const DECIDING_RULE: &str = "Deciding rule";
pub(in crate::desk) const POLICY_VERSION: &str = "Policy version";
pub(in crate::desk) const TRACE: &str = "Why";
pub(in crate::desk) const TRACE_RULE: &str = "Rule";
pub(in crate::desk) const TRACE_OUTCOME: &str = "Outcome";
pub(in crate::desk) const TRACE_DETAIL: &str = "Because";
pub(in crate::desk) const MATCHED: &str = "matched";
pub(in crate::desk) const NOT_MATCHED: &str = "did not match";
pub(in crate::desk) const FAILED: &str = "failed";
pub(in crate::desk) const WARNINGS: &str = "Warnings";

/// The panel of a rule.
pub(in crate::desk) fn approvals(count: u32) -> String {
    if count == 1 { "1 approval by ".to_owned() } else { format!("{count} approvals by ") }
}
pub(in crate::desk) const FOR_RULE: &str = ", for the rule ";

/// The rules that a trace omits.
pub(in crate::desk) fn omitted(count: u32) -> String {
    format!("{count} further rules are not shown.")
}

/// JSON that cannot be read.
pub(in crate::desk) fn not_json(line: usize, column: usize, why: &str) -> String {
    format!("Arguments: line {line}, column {column}: {why}")
}
pub(in crate::desk) const NOT_AN_OBJECT: &str = "Arguments: must be a JSON object, such as {\"amount\": 100}.";

pub(in crate::desk) const EDIT_TITLE: &str = "Change the policy";
pub(in crate::desk) const EDIT_INTRO: &str = "The next page shows the difference from the live version, before anything happens. Comments in the YAML are not \
     kept; descriptions of rules are.";
pub(in crate::desk) const EDIT_FILE: &str = "The policy cannot be changed here.";
pub(in crate::desk) const COMMENT_HINT: &str = "Why. It is recorded with the version.";
pub(in crate::desk) const CHECK: &str = "Check";
pub(in crate::desk) const CONFIRM_TITLE: &str = "Set this policy?";
pub(in crate::desk) const CONFIRM_ITEMS: [&str; 2] = [
    "It judges every new request at once. Requests that are pending keep the rules by which they were judged.",
    "The version before it stays on record, and can be set again.",
];
pub(in crate::desk) const UNCHANGED: &str = "This is the live version already. There is nothing to set.";
pub(in crate::desk) const SET: &str = "Set the policy";
pub(in crate::desk) const NO_EXPECTED: &str = "The form does not say which version it changes. Open the page again.";

/// A problem with its place.
pub(in crate::desk) fn problem(line: usize, column: usize, path: &str, message: &str) -> String {
    let colon = if path.is_empty() { "" } else { ": " };
    format!("Line {line}, column {column}: {path}{colon}{message}")
}

/// Problems that are not listed.
pub(in crate::desk) fn more_problems(count: usize) -> String {
    format!("… and {count} more problems.")
}

/// The text is too long.
pub(in crate::desk) fn too_long(found: usize, limit: usize) -> String {
    format!("The policy has {found} bytes; at most {limit} are allowed.")
}

/// Another version was set meanwhile.
pub(in crate::desk) fn changed_meanwhile(expected: u64, live: u64) -> String {
    format!(
        "Version {live} was set while you changed version {expected}. Nothing was set, and your text is kept. Check it \
         again: the next page shows its difference from version {live}."
    )
}

/// What was done, by its code in the address.
pub(in crate::desk) fn done(code: &str) -> Option<&'static str> {
    match code {
        "set" => Some("Set. This version judges every new request."),
        _ => None,
    }
}
