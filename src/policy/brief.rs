//! What a short form of an approval, such as a row or a message, has room for. What does not fit is cut, and a request
//! of which anything was cut or redacted cannot be approved from there.

use super::{ArgumentPath, Display, RedactedValue};
use crate::domain::Approval;

/// Maximum number of arguments.
pub const BRIEF_ARGUMENTS: usize = 6;

/// Longest name of an argument, in characters.
pub const BRIEF_NAME: usize = 64;

/// Longest value of an argument, in characters.
pub const BRIEF_VALUE: usize = 100;

/// Longest name of an agent, in characters.
pub const BRIEF_AGENT: usize = 60;

/// Maximum number of delegating agents.
pub const BRIEF_CHAIN: usize = 3;

/// Longest reason, in characters.
pub const BRIEF_REASON: usize = 200;

impl Display {
    /// Whether a short form shows the whole call: every argument is in its summary, none is redacted, and nothing is
    /// longer than there is room for.
    #[must_use]
    pub fn shows_whole(&self, approval: &Approval) -> bool {
        if self.redactions(approval).is_some() {
            return false;
        }
        let (arguments, summary) = (approval.arguments.to_object(), self.summary_of(approval));
        let shown = &summary[..summary.len().min(BRIEF_ARGUMENTS)];
        let request = &approval.request;
        let every = arguments.keys().all(|name| {
            let path = ArgumentPath::member(name).to_string();
            fits(name, BRIEF_NAME) && shown.iter().any(|item| item.path == path)
        });
        let agents = std::iter::once(&request.agent.name).chain(&request.agent.chain);
        every
            && shown.iter().all(|item| value_fits(&item.value))
            && request.agent.chain.len() <= BRIEF_CHAIN
            && agents.into_iter().all(|name| fits(name, BRIEF_AGENT))
            && fits(&request.reason, BRIEF_REASON)
    }
}

fn value_fits(value: &RedactedValue) -> bool {
    match value {
        RedactedValue::Redacted => false,
        RedactedValue::Text(text) => fits(text, BRIEF_VALUE),
        other => serde_json::to_string(other).is_ok_and(|text| fits(&text, BRIEF_VALUE)),
    }
}

/// One line of at most `max` characters.
fn fits(text: &str, max: usize) -> bool {
    text.chars().nth(max).is_none() && !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{Request, samples::*};

    fn shows(policy: Value, asked: &Value, change: impl FnOnce(&mut Request)) -> bool {
        let (mut request, _) = a_request("r");
        change(&mut request);
        let arguments = arguments(asked);
        request.digest = crate::domain::Digest::of(&request.tool_name, &arguments);
        let (approval, _) = crate::domain::request(id(0, 1), request.into(), arguments, quorum(1), at(0)).unwrap();
        Display::new("1", &serde_json::from_value(policy).unwrap()).unwrap().shows_whole(&approval)
    }

    #[test]
    fn what_is_cut_or_redacted_is_not_whole() {
        let long = |length: usize| "x".repeat(length);
        for (asked, whole) in [
            (json!({"to": "a", "amount": 1, "flag": true}), true),
            (json!({}), true),
            (json!({"to": long(BRIEF_VALUE)}), true),
            (json!({"to": long(BRIEF_VALUE + 1)}), false),
            (json!({"to": "a\nb"}), false),
            (json!({long(BRIEF_NAME): 1}), true),
            (json!({long(BRIEF_NAME + 1): 1}), false),
            (json!({"list": [1]}), false), // not in the default summary
            (json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}), false),
        ] {
            assert_eq!(shows(json!({}), &asked, |_| ()), whole, "{asked}");
        }
        let policy = json!({"summary": ["args.to", "args.list"]});
        assert!(shows(policy.clone(), &json!({"to": "a", "list": [1]}), |_| ()));
        assert!(!shows(policy.clone(), &json!({"to": "a", "list": [1], "more": 1}), |_| ()));
        assert!(!shows(policy, &json!({"list": vec![1; BRIEF_VALUE]}), |_| ()));
        assert!(!shows(json!({"redact": ["args.card"]}), &json!({"card": "1"}), |_| ()));
        assert!(shows(json!({"redact": ["args.card"]}), &json!({"to": "1"}), |_| ()));
    }

    #[test]
    fn what_agents_say_must_fit_too() {
        let whole = |change: fn(&mut Request)| shows(json!({}), &json!({"to": "a"}), change);
        assert!(whole(|request| request.reason = "x".repeat(BRIEF_REASON)));
        assert!(!whole(|request| request.reason = "x".repeat(BRIEF_REASON + 1)));
        assert!(!whole(|request| request.reason = "one\ntwo".into()));
        assert!(!whole(|request| request.agent.name = "x".repeat(BRIEF_AGENT + 1)));
        assert!(whole(|request| request.agent.chain = vec!["a".into(); BRIEF_CHAIN]));
        assert!(!whole(|request| request.agent.chain = vec!["a".into(); BRIEF_CHAIN + 1]));
    }
}
