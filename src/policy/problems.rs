use std::{collections::HashMap, fmt};

use super::{Asks, Document, Rule, RuleEffect, globs::is_costly};
use crate::domain::{
    GLOB_MAX, MAX_VOTES, Priority, Reviewer, ReviewerError, check_glob,
    limits::{LABEL_KEY_MAX, LABEL_VALUE_MAX, LABELS_MAX},
};

/// Maximum number of rules in a policy.
pub const RULES_MAX: usize = 10_000;
/// Maximum number of globs in `tools` of a policy.
const TOOLS_MAX: usize = 10_000;
/// Maximum number of globs in a rule.
const GLOBS_MAX: usize = 64;
/// Maximum number of complex globs, which are matched character by character for every call.
const COSTLY_MAX: usize = 256;
/// Maximum number of reviewers in a rule, and in an escalation.
const REVIEWERS_MAX: usize = 64;
/// Maximum number of escalations in a rule.
const ESCALATIONS_MAX: usize = 4;
/// Longest name of a rule, in bytes. Names are ASCII.
pub const RULE_NAME_MAX: usize = 64;
/// Longest description or message, in bytes.
const PROSE_MAX: usize = 1_024;
/// Maximum size of a policy as JSON, in bytes.
pub const TEXT_MAX: usize = 1 << 20;

/// The name of the default for listed tools, in traces.
pub(super) const TOOLS: &str = "tools";
/// The name of the default for other tools, in traces.
pub const UNLISTED_TOOLS: &str = "unlisted_tools";

/// A problem in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path in the message `signoff.v1.Policy`, such as `rules[3].when`. Empty for the whole policy.
    pub path: String,
    /// What is wrong, and what is allowed or what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// The origin of a policy, which decides how its names are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From an author: names must have the normal form.
    Author,
    /// From the store: it was accepted before, perhaps before names were normalized.
    Store,
}

/// Collects problems.
#[derive(Debug)]
pub(super) struct Problems(pub(super) Vec<Problem>, pub(super) Origin);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// Checks everything that needs no compiling.
    pub(super) fn check(&mut self, document: &Document) {
        match serde_json::to_string(document) {
            Ok(text) if text.len() <= TEXT_MAX => {}
            Ok(text) => self.add("", format!("has {} bytes as JSON; at most {TEXT_MAX} are allowed", text.len())),
            Err(error) => self.add("", error.to_string()),
        }
        self.globs("tools", &document.tools, TOOLS_MAX);
        let in_rules = document.rules.iter().flat_map(|rule| rule.tools.iter().chain(&rule.agents));
        let costly = document.tools.iter().chain(in_rules).filter(|glob| is_costly(glob)).count();
        if costly > COSTLY_MAX {
            let what = "a glob is complex if it has ?, […], {…}, or a * other than one at its beginning or end";
            self.add("", format!("has {costly} complex globs; at most {COSTLY_MAX} are allowed; {what}"));
        }
        if document.rules.len() > RULES_MAX {
            self.add("rules", format!("has {} rules; at most {RULES_MAX} are allowed", document.rules.len()));
            return;
        }
        let mut names = HashMap::new();
        for (index, rule) in document.rules.iter().enumerate() {
            let path = |field: &str| format!("rules[{index}].{field}");
            self.name(&path("name"), &rule.name);
            if let Some(first) = names.insert(rule.name.as_str(), index).filter(|_| !rule.name.is_empty()) {
                self.add(path("name"), format!("{:?} is already the name of rules[{first}]", rule.name));
            }
            self.rule(&path, rule);
        }
        if let Some(effect) = &document.unlisted_tools {
            self.prose(&format!("unlisted_tools.{}", effect.name()), effect);
        }
        self.display(document);
        self.channels(document);
    }

    fn rule(&mut self, path: &dyn Fn(&str) -> String, rule: &Rule) {
        self.length(&path("description"), &rule.description);
        if rule.tools.is_empty() {
            self.add(path("tools"), "is required; it lists globs of tools, and \"*\" matches every tool");
        }
        self.globs(&path("tools"), &rule.tools, GLOBS_MAX);
        self.globs(&path("agents"), &rule.agents, GLOBS_MAX);
        if rule.labels.len() > LABELS_MAX as usize {
            let message = format!("has {} labels; at most {LABELS_MAX} are allowed", rule.labels.len());
            self.add(path("labels"), message);
        }
        for (key, value) in &rule.labels {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
            if key.is_empty() || key.len() > LABEL_KEY_MAX || !key.chars().all(allowed) {
                let rule = format!("a key must have 1 to {LABEL_KEY_MAX} of A-Z a-z 0-9 _ . / -");
                let key: String = key.chars().take(LABEL_KEY_MAX).collect();
                self.add(path("labels"), format!("invalid label {key:?}; {rule}"));
            }
            let length = value.chars().count();
            if length > LABEL_VALUE_MAX {
                let message =
                    format!("the value of {key:?} has {length} characters; at most {LABEL_VALUE_MAX} are allowed");
                self.add(path("labels"), message);
            }
        }
        match &rule.effect {
            Some(effect) => self.prose(&path(effect.name()), effect),
            None => self.add(
                path("").trim_end_matches('.'),
                "has no effect; set auto_approve, require_approval or auto_reject",
            ),
        }
    }

    fn name(&mut self, path: &str, name: &str) {
        let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let other = |byte: u8| first(byte) || b"_.-".contains(&byte);
        if name.is_empty() {
            self.add(path, "is required");
        } else if name.starts_with('_') {
            let name: String = name.chars().take(RULE_NAME_MAX).collect();
            let wrong = "begins with _, which is reserved for the server's rules; begin it with a letter or digit";
            self.add(path, format!("{name:?} {wrong}"));
        } else if name.len() > RULE_NAME_MAX || !name.bytes().all(other) || !name.bytes().next().is_some_and(first) {
            let rule = "of a-z 0-9 _ . -, beginning with a letter or digit";
            let name: String = name.chars().take(RULE_NAME_MAX).collect();
            self.add(path, format!("{name:?} is not a valid name; it must have 1 to {RULE_NAME_MAX} {rule}"));
        } else if [TOOLS, UNLISTED_TOOLS].contains(&name) {
            self.add(path, format!("{name:?} is reserved for a default; choose another name"));
        }
    }

    fn globs(&mut self, path: &str, globs: &[String], max: usize) {
        if globs.len() > max {
            self.add(path, format!("has {} globs; at most {max} are allowed", globs.len()));
            return;
        }
        let mut seen = HashMap::new();
        for (index, glob) in globs.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if glob.chars().count() > GLOB_MAX {
                self.add(at, format!("has {} characters; at most {GLOB_MAX} are allowed", glob.chars().count()));
            } else if let Some(first) = seen.insert(glob, index) {
                self.add(at, format!("{glob:?} is a duplicate of {path}[{first}]"));
            } else if let Err(wrong) = check_glob(glob) {
                self.add(at, wrong);
            }
        }
    }

    fn prose(&mut self, path: &str, effect: &RuleEffect) {
        match effect {
            RuleEffect::AutoApprove {} => {}
            RuleEffect::AutoReject { message } => self.length(&format!("{path}.message"), message),
            RuleEffect::RequireApproval(asks) => self.asks(path, asks),
        }
    }

    fn asks(&mut self, path: &str, asks: &Asks) {
        let Asks { reviewers, quorum, reject_threshold, escalate, timeout, message, .. } = asks;
        self.length(&format!("{path}.message"), message);
        self.reviewers(&format!("{path}.reviewers"), reviewers);
        for (field, votes) in [("quorum", quorum), ("reject_threshold", reject_threshold)] {
            if let Some(votes) = votes.filter(|votes| !(1..=MAX_VOTES).contains(votes)) {
                self.add(format!("{path}.{field}"), format!("is {votes}; 1 to {MAX_VOTES} are allowed"));
            }
        }
        let users = reviewers.iter().filter(|reviewer| reviewer.starts_with("user:")).count();
        let only_users =
            !reviewers.is_empty() && users == reviewers.len() && escalate.iter().all(|one| one.reviewers.is_empty());
        if let Some(quorum) = quorum.filter(|quorum| only_users && *quorum as usize > users) {
            self.add(format!("{path}.quorum"), format!("is {quorum}, more than the number of reviewers, {users}"));
        }
        if escalate.len() > ESCALATIONS_MAX {
            let message = format!("has {} escalations; at most {ESCALATIONS_MAX} are allowed", escalate.len());
            self.add(format!("{path}.escalate"), message);
        }
        for (index, one) in escalate.iter().enumerate() {
            let path = format!("{path}.escalate[{index}]");
            self.reviewers(&format!("{path}.reviewers"), &one.reviewers);
            let raises = one.priority.is_some_and(|priority| priority != Priority::Normal);
            if one.reviewers.is_empty() && one.notify.is_empty() && !raises {
                self.add(&path, "changes nothing; set reviewers, notify, or a priority above PRIORITY_NORMAL");
            }
            if reviewers.is_empty() && !one.reviewers.is_empty() {
                self.add(format!("{path}.reviewers"), "have no effect, because any reviewer may decide from the start");
            }
            match one.after {
                None => self.add(format!("{path}.after"), "is required"),
                Some(after) if timeout.is_some_and(|timeout| after >= timeout) => {
                    self.add(format!("{path}.after"), "is not before the timeout, so the escalation never happens");
                }
                Some(_) => {}
            }
        }
    }

    fn reviewers(&mut self, path: &str, reviewers: &[String]) {
        if reviewers.len() > REVIEWERS_MAX {
            self.add(path, format!("has {} reviewers; at most {REVIEWERS_MAX} are allowed", reviewers.len()));
            return;
        }
        let mut seen = HashMap::new();
        for (index, reviewer) in reviewers.iter().enumerate() {
            let at = format!("{path}[{index}]");
            match self.reviewer(reviewer) {
                Err(wrong) => self.add(at, wrong.to_string()),
                Ok(known) => {
                    if let Some(first) = seen.insert(known, index) {
                        self.add(at, format!("{reviewer:?} is a duplicate of {path}[{first}]"));
                    }
                }
            }
        }
    }

    fn reviewer(&self, text: &str) -> Result<Reviewer, ReviewerError> {
        match self.1 {
            Origin::Author => text.parse(),
            Origin::Store => Reviewer::on_record(text),
        }
    }

    fn length(&mut self, path: &str, text: &str) {
        if text.len() > PROSE_MAX {
            self.add(path, format!("has {} bytes; at most {PROSE_MAX} are allowed", text.len()));
        }
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            let rule = "control characters other than line feed and tab are not allowed";
            self.add(path, format!("contains U+{:04X}; {rule}", u32::from(c)));
        }
    }
}
