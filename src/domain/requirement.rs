//! Requirements: the reviewers that a policy asks, and whose votes count.

use std::{borrow::Cow, collections::BTreeSet, fmt, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Actor, ChannelName, MinAssurance, Provenance,
    name::{self, NameError},
    time,
};

/// The votes that approve or reject a call, and the time limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// One panel per rule. Each must reach its quorum. Never empty.
    pub panels: Vec<Panel>,
    /// Rejecting votes that reject, at least 1.
    pub reject_threshold: u32,
    /// Whether every vote needs a comment.
    pub comment_required: bool,
    /// Whether a reviewer may approve edited arguments.
    pub allow_edits: bool,
    /// Escalations while undecided, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalations: Vec<Escalation>,
    /// Maximum time to wait for a decision, if the policy limits it.
    #[serde(with = "time::optional_micros", rename = "timeout_us")]
    pub timeout: Option<Duration>,
    /// How long a rejection also rejects the same call in the same run, if the policy remembers it.
    #[serde(
        default,
        with = "time::optional_micros",
        rename = "remember_rejection_us",
        skip_serializing_if = "Option::is_none"
    )]
    pub remember_rejection: Option<Duration>,
    /// The weakest authentication with which a vote may approve.
    #[serde(default, skip_serializing_if = "MinAssurance::is_default")]
    pub min_assurance: MinAssurance,
}

/// The reviewers that one rule asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// The rule.
    pub rule: Arc<str>,
    /// Who may vote. Empty: any reviewer.
    pub reviewers: Vec<Reviewer>,
    /// Approving votes needed, at least 1.
    pub quorum: u32,
}

/// A change of an approval that has waited for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// The rule. Its panel gets the reviewers.
    pub rule: Arc<str>,
    /// Time after the request.
    #[serde(with = "time::micros", rename = "after_us")]
    pub after: Duration,
    /// Additional reviewers from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<Reviewer>,
    /// Minimum priority from then on.
    pub priority: Priority,
    /// Channels to notify from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<ChannelName>,
}

/// The urgency of an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// The default.
    #[default]
    Normal,
    /// More urgent than normal.
    High,
    /// More urgent than high.
    Urgent,
}

/// A reviewer in a rule: `group:NAME` or `user:ISSUER/SUBJECT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub enum Reviewer {
    /// All members of a group.
    Group(String),
    /// One principal, as [`Actor`] is displayed.
    User(String),
}

/// Why a text is not a valid reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewerError {
    /// The text has another form, or is too long.
    #[error("must be group:NAME or user:ISSUER/SUBJECT, with at most {REVIEWER_MAX} characters")]
    Form,
    /// The name is invalid.
    #[error("the name {0}")]
    Name(#[from] NameError),
}

/// Longest reviewer, in characters.
pub const REVIEWER_MAX: usize = 256;

impl Requirement {
    /// A number of votes from any reviewers.
    #[must_use]
    pub fn any(quorum: u32) -> Self {
        Self {
            panels: vec![Panel { rule: Arc::from(""), reviewers: Vec::new(), quorum }],
            reject_threshold: 1,
            comment_required: false,
            allow_edits: true,
            escalations: Vec::new(),
            timeout: None,
            remember_rejection: None,
            min_assurance: MinAssurance::default(),
        }
    }

    /// The same requirement with a maximum wait.
    #[must_use]
    pub fn within(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// Whether a vote that arrived in this way may approve. Votes without provenance are from before the server recorded
    /// it, and were accepted then.
    #[must_use]
    pub fn accepts(&self, provenance: Option<&Provenance>) -> bool {
        provenance.is_none_or(|provenance| self.min_assurance.accepts(provenance.assurance))
    }

    /// The maximum quorum of all panels.
    #[must_use]
    pub fn quorum(&self) -> u32 {
        self.panels.iter().map(|panel| panel.quorum).max().unwrap_or(1)
    }
}

impl Reviewer {
    /// Whether this reviewer includes an actor with these groups. Compares names like [`name::same`].
    #[must_use]
    pub fn is(&self, actor: &Actor, groups: &BTreeSet<String>) -> bool {
        match self {
            Self::Group(group) => {
                groups.contains(group) || (!group.is_ascii() && groups.iter().any(|other| name::same(group, other)))
            }
            Self::User(user) => {
                // Does not build a string of the actor: a list does this for every approval.
                let rest = user.strip_prefix(actor.issuer.as_str()).and_then(|rest| rest.strip_prefix('/'));
                rest == Some(actor.subject.as_str()) || (!user.is_ascii() && name::same(user, &actor.to_string()))
            }
        }
    }

    /// Reads a recorded reviewer. It may be older than the normal form of names, and is left unchanged.
    ///
    /// # Errors
    /// [`ReviewerError::Form`].
    pub fn on_record(text: &str) -> Result<Self, ReviewerError> {
        let sound = |name: &str| !name.is_empty() && !name.contains(char::is_control);
        let fits = text.chars().count() <= REVIEWER_MAX;
        match text.split_once(':').filter(|(_, name)| fits && sound(name)) {
            Some(("group", name)) => Ok(Self::Group(name.to_owned())),
            Some(("user", name))
                if name.split_once('/').is_some_and(|(issuer, subject)| sound(issuer) && sound(subject)) =>
            {
                Ok(Self::User(name.to_owned()))
            }
            _ => Err(ReviewerError::Form),
        }
    }
}

/// Normalizes the name of a user. The issuer may contain a `/` itself, so every `/` is tried as its end.
fn user(name: &str) -> Result<Cow<'_, str>, NameError> {
    let normal = name::normal(name)?;
    let parts = || normal.match_indices('/').map(|(at, _)| (&normal[..at], &normal[at + 1..]));
    let named = |part: &str| !part.is_empty() && name::normal(part).is_ok();
    if parts().any(|(issuer, subject)| named(issuer) && named(subject)) {
        Ok(normal)
    } else {
        Err(NameError::OuterBlank)
    }
}

impl Priority {
    /// Its name on the wire, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::High => "HIGH",
            Self::Urgent => "URGENT",
        }
    }
}

/// Parses a reviewer of a policy, and normalizes its name.
impl FromStr for Reviewer {
    type Err = ReviewerError;

    fn from_str(text: &str) -> Result<Self, ReviewerError> {
        Ok(match Self::on_record(text)? {
            Self::Group(name) => Self::Group(name::normal(&name)?.into_owned()),
            Self::User(name) => Self::User(user(&name)?.into_owned()),
        })
    }
}

/// Reads a recorded reviewer.
impl TryFrom<Cow<'_, str>> for Reviewer {
    type Error = ReviewerError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, ReviewerError> {
        Self::on_record(&text)
    }
}

impl From<Reviewer> for String {
    fn from(reviewer: Reviewer) -> Self {
        reviewer.to_string()
    }
}

impl fmt::Display for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::User(name) => write!(f, "user:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ActorKind;

    #[test]
    fn reviewers_are_groups_or_users() {
        for text in ["group:finance", "user:dev/alice", "user:https://idp.example.com/alice", "group:a b"] {
            assert_eq!(text.parse::<Reviewer>().unwrap().to_string(), text);
        }
        let long = format!("group:{}", "x".repeat(REVIEWER_MAX));
        for text in ["", "finance", "group:", "user:alice", "user:/alice", "user:dev/", "role:x", "group:a\n", &long] {
            assert_eq!(text.parse::<Reviewer>(), Err(ReviewerError::Form), "{text:?}");
        }
    }

    #[test]
    fn reviewers_are_named_in_one_form() {
        for (text, form) in [
            ("group:Cafe\u{301}", "group:Caf\u{e9}"),
            ("user:local/Jose\u{301}", "user:local/Jos\u{e9}"),
            ("user:https://idp/a b", "user:https://idp/a b"),
        ] {
            assert_eq!(text.parse::<Reviewer>().unwrap().to_string(), form, "{text:?}");
        }
        let blank = Err(ReviewerError::Name(NameError::OuterBlank));
        for text in ["group: finance", "group:finance ", "user: dev/a", "user:dev/a ", "user:dev /a", "user:dev/ a"] {
            assert_eq!(text.parse::<Reviewer>(), blank, "{text:?}");
        }
        let invisible = Err(ReviewerError::Name(NameError::Invisible('\u{200b}')));
        for text in ["group:fin\u{200b}ance", "user:dev/a\u{200b}", "user:de\u{200b}v/a"] {
            assert_eq!(text.parse::<Reviewer>(), invisible, "{text:?}");
            let stored: Reviewer = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(stored).unwrap(), text, "on record it stays as it is");
        }
    }

    #[test]
    fn names_of_before_are_compared_in_their_form() {
        let jose = |subject: &str| Actor { kind: ActorKind::Person, issuer: "local".into(), subject: subject.into() };
        let (composed, decomposed) = ("Jos\u{e9}", "Jose\u{301}");
        for subject in [composed, decomposed] {
            for name in [composed, decomposed] {
                let user = Reviewer::on_record(&format!("user:local/{name}")).unwrap();
                assert!(user.is(&jose(subject), &BTreeSet::new()), "{subject:?} {name:?}");
                let group = Reviewer::on_record(&format!("group:{name}")).unwrap();
                assert!(group.is(&jose("x"), &[subject.to_owned()].into()), "{subject:?} {name:?}");
                assert!(jose(subject).is(&jose(name)));
            }
            assert!(!Reviewer::Group("Jose".into()).is(&jose("x"), &[subject.to_owned()].into()));
            assert!(!Reviewer::User("local/Jose".into()).is(&jose(subject), &BTreeSet::new()));
            assert!(!jose(subject).is(&jose("Jose")));
        }
    }

    #[test]
    fn a_user_is_one_of_one_issuer() {
        let actor = |issuer: &str, subject: &str| Actor {
            kind: ActorKind::Person,
            issuer: issuer.into(),
            subject: subject.into(),
        };
        let (alice, nobody) = ("user:https://idp/alice".parse::<Reviewer>().unwrap(), BTreeSet::new());
        assert!(alice.is(&actor("https://idp", "alice"), &nobody));
        for other in [actor("https://idp", "alic"), actor("https://id", "alice"), actor("dev", "alice")] {
            assert!(!alice.is(&other, &nobody), "{other}");
        }
        let finance: Reviewer = "group:finance".parse().unwrap();
        assert!(finance.is(&actor("dev", "bob"), &["finance".to_owned()].into()));
        assert!(!finance.is(&actor("dev", "finance"), &["group:finance".to_owned()].into()));
    }
}
