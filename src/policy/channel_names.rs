//! Names of channels in a policy: every place that has them, and their problems.

use std::collections::{BTreeSet, HashMap};

use super::{
    Document, Policy, RuleEffect,
    problems::{Problem, Problems},
};
use crate::{domain::ChannelName, spelling};

/// Maximum number of channels in the policy, in each rule and in each escalation.
pub const NOTIFY_MAX: usize = 16;

/// Every list of channels in a policy, with its path.
pub(super) fn lists(document: &Document) -> impl Iterator<Item = (String, &[String])> {
    let own = std::iter::once(("notify".to_owned(), &document.notify[..]));
    let rules = document.rules.iter().enumerate().flat_map(|(index, rule)| {
        let path = format!("rules[{index}]");
        let steps = escalations(&path, rule.effect.as_ref());
        std::iter::once((format!("{path}.notify"), &rule.notify[..])).chain(steps)
    });
    own.chain(rules).chain(escalations("unlisted_tools", document.unlisted_tools.as_ref()))
}

fn escalations<'a>(
    path: &str,
    effect: Option<&'a RuleEffect>,
) -> impl Iterator<Item = (String, &'a [String])> + use<'a> {
    let steps = match effect {
        Some(RuleEffect::RequireApproval(asks)) => &asks.escalate[..],
        _ => &[],
    };
    let path = format!("{path}.require_approval.escalate");
    steps.iter().enumerate().map(move |(index, step)| (format!("{path}[{index}].notify"), &step.notify[..]))
}

impl Policy {
    /// Warnings about channels that a server does not have: nothing is sent there.
    #[must_use]
    pub fn unknown_channels(&self, known: &BTreeSet<ChannelName>) -> Vec<Problem> {
        let is_known = |name: &str| known.iter().any(|channel| channel.as_str() == name);
        let mut unknown = Vec::new();
        for (path, names) in lists(self.document()) {
            for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_known(name)) {
                let similar = spelling::closest(name, known.iter().map(ToString::to_string));
                let hint = similar.map(|similar| format!("; did you mean {similar:?}?")).unwrap_or_default();
                let message = format!("{name:?} is not a channel of this server; nothing is sent there{hint}");
                unknown.push(Problem { path: format!("{path}[{index}]"), message });
            }
        }
        unknown
    }
}

impl Problems {
    /// Checks the names of channels. Whether a server has them is not a problem of the policy: several servers can use
    /// it.
    pub(super) fn channels(&mut self, document: &Document) {
        for (path, names) in lists(document) {
            if names.len() > NOTIFY_MAX {
                self.add(path, format!("has {} channels; at most {NOTIFY_MAX} are allowed", names.len()));
                continue;
            }
            let mut seen = HashMap::new();
            for (index, name) in names.iter().enumerate() {
                let at = format!("{path}[{index}]");
                if let Err(error) = name.parse::<ChannelName>() {
                    let start: String = name.chars().take(64).collect();
                    self.add(at, format!("{start:?} is not the name of a channel; it {error}"));
                } else if let Some(first) = seen.insert(name, index) {
                    self.add(at, format!("{name:?} is a duplicate of {path}[{first}]"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A policy with a list of channels in each place, and the path of the list.
    fn places(names: &[String]) -> Vec<(&'static str, Value)> {
        let rule = |name: &str, more: &Value| {
            let mut rule = json!({"name": name, "tools": ["pay"]});
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"rules": [rule]})
        };
        let step = json!({"require_approval": {"escalate": [{"after": "60s", "notify": names}]}});
        vec![
            ("notify", json!({"notify": names})),
            ("rules[0].notify", rule("a", &json!({"notify": names, "auto_approve": {}}))),
            ("rules[0].notify", rule("a", &json!({"notify": names, "require_approval": {}}))),
            ("rules[0].require_approval.escalate[0].notify", rule("a", &step)),
            ("unlisted_tools.require_approval.escalate[0].notify", json!({"unlisted_tools": step})),
        ]
    }

    fn problems(document: Value) -> Vec<String> {
        let compiled = Policy::compile(serde_json::from_value(document).unwrap());
        compiled.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn channels_have_names_of_one_form_in_every_place() {
        let numbered = |count: usize| (0..count).map(|n| format!("c-{n}")).collect::<Vec<_>>();
        let form = "it must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit";
        for (names, found) in [
            (numbered(NOTIFY_MAX), None),
            (numbered(NOTIFY_MAX + 1), Some(": has 17 channels; at most 16 are allowed".to_owned())),
            (vec!["a".into(), "b".into(), "a".into()], Some("[2]: \"a\" is a duplicate of PATH[0]".to_owned())),
            (vec!["#pay".into()], Some(format!("[0]: \"#pay\" is not the name of a channel; {form}"))),
            (vec![String::new()], Some(format!("[0]: \"\" is not the name of a channel; {form}"))),
        ] {
            for (path, document) in places(&names) {
                let expected: Vec<_> =
                    found.iter().map(|found| format!("{path}{}", found.replace("PATH", path))).collect();
                assert_eq!(problems(document.clone()), expected, "{document}");
            }
        }
    }

    #[test]
    fn an_escalation_may_only_tell_channels() {
        let policy = |step: Value| json!({"unlisted_tools": {"require_approval": {"escalate": [step]}}});
        assert!(problems(policy(json!({"after": "60s", "notify": ["oncall"]}))).is_empty());
        let nothing = "unlisted_tools.require_approval.escalate[0]: changes nothing; set reviewers, notify, or a \
                       priority above PRIORITY_NORMAL";
        assert_eq!(problems(policy(json!({"after": "60s"}))), [nothing]);
        assert_eq!(problems(policy(json!({"after": "60s", "priority": "PRIORITY_NORMAL"}))), [nothing]);
    }
}
