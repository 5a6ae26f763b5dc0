use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{MinAssurance, Priority};

/// A policy as its authors write it. Its serde form is the JSON mapping of `signoff.v1.Policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Globs of sensitive tools: they require approval unless a rule matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The default for every other tool. `None` requires approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted_tools: Option<RuleEffect>,
    /// The rules. Their order does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Paths of the arguments that rows and messages show, unless the deciding rule has its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub summary: Vec<String>,
    /// Paths of the arguments that only the approval's own page shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<String>,
    /// Common reasons to reject, unless the deciding rule has its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reject_reasons: Vec<String>,
    /// Channels to notify about calls that need approval, unless the rules that require it have their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
}

/// A rule. It matches a call if all its conditions match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Unique in its policy.
    pub name: String,
    /// The purpose of the rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Globs of tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Globs of agents. Empty: every call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Labels that the call must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Condition in CEL. Empty: always true.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub when: String,
    /// Paths of the arguments that rows and messages show, if this rule decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub summary: Vec<String>,
    /// Paths of the arguments that only the approval's own page shows, if this rule matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<String>,
    /// Common reasons to reject, if this rule decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reject_reasons: Vec<String>,
    /// Channels to notify about the call, if this rule decides, or requires approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// The effect. `None` if its author forgot it, which is a problem.
    #[serde(flatten)]
    pub effect: Option<RuleEffect>,
}

/// The effect of a rule or a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// Approved immediately.
    AutoApprove {},
    /// Reviewers must decide.
    RequireApproval(Asks),
    /// Rejected immediately.
    AutoReject {
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
}

/// The reviewers that a rule asks, and how. Other rules, then the default, apply to fields that are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asks {
    /// Who may decide. Empty: any reviewer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// Approving votes needed. `None`: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// Rejecting votes that reject. `None`: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_threshold: Option<u32>,
    /// Whether every vote needs a comment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub comment_required: bool,
    /// Whether a reviewer may approve edited arguments. `None`: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_edits: Option<bool>,
    /// Escalations while undecided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalate>,
    /// Maximum time to wait.
    #[serde(with = "seconds", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long after its decision the call can be claimed.
    #[serde(with = "seconds", skip_serializing_if = "Option::is_none")]
    pub claim_window: Option<Duration>,
    /// How long a rejection also rejects the same call in the same run. `None`: not at all.
    #[serde(with = "seconds", skip_serializing_if = "Option::is_none")]
    pub remember_rejection: Option<Duration>,
    /// The weakest authentication with which a vote may approve. `None`: credentials.
    #[serde(with = "min_assurance", skip_serializing_if = "Option::is_none")]
    pub min_assurance: Option<MinAssurance>,
    /// For the caller and reviewers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// An escalation of an approval that has waited for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// Time after the request. `None` if its author forgot it, which is a problem.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub after: Option<Duration>,
    /// Additional reviewers from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// Minimum priority from then on.
    #[serde(default, with = "priority", skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Channels to notify from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
}

/// Serde form of a minimum assurance as in protobuf's JSON: `MIN_ASSURANCE_CHAT`.
mod min_assurance {
    use std::borrow::Cow;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::domain::MinAssurance;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(least: &Option<MinAssurance>, serializer: S) -> Result<S::Ok, S::Error> {
        match least {
            Some(least) => serializer.collect_str(&format_args!("MIN_ASSURANCE_{}", least.name())),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MinAssurance>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let name = text.strip_prefix("MIN_ASSURANCE_").unwrap_or_default();
        let known = [MinAssurance::Chat, MinAssurance::Credentials].into_iter().find(|least| least.name() == name);
        known.map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is not a minimum assurance")))
    }
}

/// Serde form of a priority as in protobuf's JSON: `PRIORITY_HIGH`.
mod priority {
    use std::borrow::Cow;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::domain::Priority;

    const ALL: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Urgent];

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(priority: &Option<Priority>, serializer: S) -> Result<S::Ok, S::Error> {
        match priority {
            Some(priority) => serializer.collect_str(&format_args!("PRIORITY_{}", priority.name())),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Priority>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let name = text.strip_prefix("PRIORITY_").unwrap_or_default();
        let known = ALL.into_iter().find(|priority| priority.name() == name);
        known.map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is not a priority")))
    }
}

/// Serde form of a duration as in protobuf's JSON: `300s`, `1.5s`.
mod seconds {
    use std::{borrow::Cow, time::Duration};

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(span) = span else { return serializer.serialize_none() };
        let (seconds, micros) = (span.as_secs(), span.subsec_micros());
        match micros {
            0 => serializer.collect_str(&format_args!("{seconds}s")),
            micros if micros % 1_000 == 0 => serializer.collect_str(&format_args!("{seconds}.{:03}s", micros / 1_000)),
            micros => serializer.collect_str(&format_args!("{seconds}.{micros:06}s")),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("{text:?} is not a duration in seconds such as 300s"));
        let (whole, fraction) = text.strip_suffix('s').ok_or_else(wrong)?.split_once('.').unwrap_or_else(|| {
            let whole = text.strip_suffix('s').unwrap_or_default();
            (whole, "0")
        });
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
            return Err(wrong());
        }
        let nanos = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
        Ok(Some(Duration::new(whole.parse().map_err(|_| wrong())?, nanos)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn written_as_the_protos_json() {
        let json = json!({
            "tools": ["pay"],
            "unlisted_tools": {"auto_approve": {}},
            "rules": [
                {"name": "a", "tools": ["*"], "labels": {"env": "prod"}, "when": "true", "auto_reject": {"message": "no"}},
                {"name": "b", "tools": ["pay"], "require_approval": {"timeout": "1800s", "claim_window": "1.500s"}},
                {"name": "c", "tools": ["pay"], "agents": ["x"], "description": "d", "auto_approve": {}},
            ],
        });
        let document: Document = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&document).unwrap(), json);
        assert_eq!(document.rules[0].effect, Some(RuleEffect::AutoReject { message: "no".into() }));
        let Some(RuleEffect::RequireApproval(Asks { timeout, claim_window, .. })) = document.rules[1].effect else {
            panic!()
        };
        assert_eq!((timeout, claim_window), (Some(Duration::from_secs(1800)), Some(Duration::from_millis(1500))));
        assert_eq!(serde_json::to_value(Document::default()).unwrap(), json!({}));
    }

    /// Stored policies are compared as texts with what this build writes: the order of fields must not change.
    #[test]
    fn fields_keep_their_order() {
        let text = r#"{"tools":["pay"],"unlisted_tools":{"auto_approve":{}},"rules":[{"name":"a","description":"d","tools":["*"],"agents":["x"],"labels":{"env":"prod"},"when":"true","summary":["args.a"],"redact":["args.b"],"reject_reasons":["no"],"auto_reject":{"message":"no"}}],"summary":["args.a"],"redact":["args.b"],"reject_reasons":["no"]}"#;
        let document: Document = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
    }

    #[test]
    fn spans_are_whole_or_refused() {
        let of = |text: &str| serde_json::from_value::<RuleEffect>(json!({"require_approval": {"timeout": text}}));
        for (text, micros) in [("1s", 1_000_000), ("0.000001s", 1), ("2.5s", 2_500_000)] {
            let Ok(RuleEffect::RequireApproval(Asks { timeout: Some(span), .. })) = of(text) else { panic!("{text}") };
            assert_eq!(span.as_micros(), micros, "{text}");
        }
        for text in ["", "s", "1", "-1s", "1.s", ".5s", "1.0000000001s", "1m", "99999999999999999999s"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
