//! How approvals are shown where they are not shown whole: rows, lists, messages.
//!
//! A policy names the arguments that matter (`summary`), those that only the approval's own page may show (`redact`),
//! and usual reasons to reject (`reject_reasons`). They are read from the version of the policy that judged the current
//! arguments. A newer policy neither hides nor reveals what an older one judged: the record says by which rules it was
//! shown. If that version cannot be read, everything is redacted, because it may have hidden anything.
//!
//! Redaction keeps values out of lists. It is not access control: a person who sees an approval in a list can read it
//! whole. Therefore it is not a reason to change the digest, which covers the full arguments.

mod redacted_approval;
mod redacted_value;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Document,
    argument_path::{ArgumentPath, ArgumentPathError, Step},
};
use crate::domain::{Approval, Arguments, RuleOutcome, Verdict};

pub use redacted_approval::{PanelProgress, RedactedApproval, RedactedDecision, RedactedVote};
pub use redacted_value::{REDACTED, RedactedArguments, RedactedValue};

/// Number of arguments in a summary, if the policy has none.
const DEFAULT_SUMMARY: usize = 4;

/// Longest name of an argument in such a summary, in bytes.
const DEFAULT_SUMMARY_NAME_MAX: usize = 64;

/// How approvals that one version of the policy judged are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    /// The version, as in verdicts.
    version: String,
    /// The policy's own, and those of its rules by name. `None` if the version cannot be read.
    shown: Option<(Fields, BTreeMap<String, Fields>)>,
}

/// What the policy or one rule says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fields {
    summary: Vec<ArgumentPath>,
    redact: Vec<ArgumentPath>,
    reject_reasons: Vec<String>,
}

/// An argument of a summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryItem {
    /// Its path, such as `args.to`.
    pub path: String,
    /// Its value; for a path through every item of a list, the list of their values.
    pub value: RedactedValue,
}

/// How a call is shown: the result of a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// The summary of the rule that decided, else the policy's. Empty if neither has one.
    pub summary: Vec<SummaryItem>,
    /// The arguments, without redacted values.
    pub arguments: RedactedArguments,
    /// Common reasons to reject.
    pub reject_reasons: Vec<String>,
}

impl Fields {
    fn new(summary: &[String], redact: &[String], reject_reasons: &[String]) -> Result<Self, ArgumentPathError> {
        let paths = |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
        Ok(Self { summary: paths(summary)?, redact: paths(redact)?, reject_reasons: reject_reasons.to_vec() })
    }

    const fn is_empty(&self) -> bool {
        self.summary.is_empty() && self.redact.is_empty() && self.reject_reasons.is_empty()
    }
}

impl Display {
    /// What a version of the policy says.
    ///
    /// # Errors
    /// When it has an invalid path, which only a version that was not compiled can have.
    pub fn new(version: impl Into<String>, document: &Document) -> Result<Self, ArgumentPathError> {
        let policy = Fields::new(&document.summary, &document.redact, &document.reject_reasons)?;
        let mut rules = BTreeMap::new();
        for rule in &document.rules {
            let fields = Fields::new(&rule.summary, &rule.redact, &rule.reject_reasons)?;
            if !fields.is_empty() {
                rules.insert(rule.name.clone(), fields);
            }
        }
        Ok(Self { version: version.into(), shown: Some((policy, rules)) })
    }

    /// For a version that cannot be read: everything is redacted.
    #[must_use]
    pub fn unreadable(version: impl Into<String>) -> Self {
        Self { version: version.into(), shown: None }
    }

    /// Common reasons to reject this approval: those of the rule that decided, else the policy's.
    #[must_use]
    pub fn reject_reasons(&self, approval: &Approval) -> &[String] {
        self.deciding(&approval.verdict, |fields| &fields.reject_reasons)
    }

    /// The arguments that matter most: the summary of the rule that decided, else the policy's, else the first few
    /// arguments that are neither lists nor objects. Omits arguments that the call does not have.
    #[must_use]
    pub fn summary_of(&self, approval: &Approval) -> Vec<SummaryItem> {
        self.summary_in(approval, &self.redacted_arguments(approval))
    }

    /// Like [`summary_of`](Self::summary_of), with redacted values: only for the approval's own page.
    #[must_use]
    pub fn whole_summary_of(&self, approval: &Approval) -> Vec<SummaryItem> {
        self.summary_in(approval, &RedactedArguments::new(approval.arguments.to_object(), &BTreeSet::new()))
    }

    /// The current arguments, without redacted values.
    #[must_use]
    pub fn redacted_arguments(&self, approval: &Approval) -> RedactedArguments {
        self.redact(&approval.verdict, &approval.arguments)
    }

    /// Like [`redacted_arguments`](Self::redacted_arguments). `None` if nothing is redacted, which costs less to find.
    #[must_use]
    pub fn redactions(&self, approval: &Approval) -> Option<RedactedArguments> {
        let nothing = self.to_redact(&approval.verdict).is_some_and(|paths| paths.is_empty());
        if nothing {
            return None;
        }
        Some(self.redacted_arguments(approval)).filter(RedactedArguments::is_redacted)
    }

    /// Arguments on which the verdict is, without redacted values: for the difference that an edit makes.
    #[must_use]
    pub fn redact(&self, verdict: &Verdict, arguments: &Arguments) -> RedactedArguments {
        match self.to_redact(verdict) {
            Some(paths) => RedactedArguments::new(arguments.to_object(), &paths),
            None => RedactedArguments::everything(),
        }
    }

    /// How a call with this verdict is shown.
    #[must_use]
    pub fn preview(&self, verdict: &Verdict, arguments: &Arguments) -> Preview {
        let arguments = self.redact(verdict, arguments);
        let reject_reasons = self.deciding(verdict, |fields| &fields.reject_reasons).to_vec();
        Preview { summary: self.own_summary(verdict, &arguments).unwrap_or_default(), arguments, reject_reasons }
    }

    /// The approval for messages, rows and logs.
    #[must_use]
    pub fn redacted(&self, approval: &Approval) -> RedactedApproval {
        RedactedApproval::new(approval, self.redacted_arguments(approval), self)
    }

    /// The fields that apply to a verdict. `None` if the policy that reached it is unknown.
    fn fields_for(&self, verdict: &Verdict) -> Option<&(Fields, BTreeMap<String, Fields>)> {
        self.shown.as_ref().filter(|_| verdict.policy_version == self.version)
    }

    /// A field of the rule that decided, or of the policy if the rule does not have it.
    fn deciding<T>(&self, verdict: &Verdict, field: impl Fn(&Fields) -> &Vec<T>) -> &[T] {
        let Some((policy, rules)) = self.fields_for(verdict) else { return &[] };
        let own = rules.get(&verdict.rule).map(&field).filter(|own| !own.is_empty());
        own.unwrap_or_else(|| field(policy))
    }

    /// The paths to redact: the policy's, and those of every rule that matched. `None`: everything.
    ///
    /// A rule whose condition failed counts as one that matched: a caller could otherwise show an argument by making
    /// the condition fail. If the trace may omit rules that matched, all rules count.
    fn to_redact(&self, verdict: &Verdict) -> Option<BTreeSet<&ArgumentPath>> {
        let (policy, rules) = self.fields_for(verdict)?;
        let matched = |name: &str| {
            let trace = verdict.trace.iter().find(|rule| *rule.rule == *name);
            trace.is_some_and(|rule| rule.outcome != RuleOutcome::NotMatched) || verdict.rule == name
        };
        let omitted =
            verdict.trace_omitted > 0 && verdict.trace.iter().all(|rule| rule.outcome != RuleOutcome::NotMatched);
        let rules = rules.iter().filter(|(name, _)| omitted || matched(name)).map(|(_, fields)| fields);
        Some(rules.chain([policy]).flat_map(|fields| &fields.redact).collect())
    }

    fn summary_in(&self, approval: &Approval, arguments: &RedactedArguments) -> Vec<SummaryItem> {
        self.own_summary(&approval.verdict, arguments).unwrap_or_else(|| default_summary(arguments))
    }

    /// The summary of the rule that decided, else the policy's. `None` if neither has one.
    fn own_summary(&self, verdict: &Verdict, arguments: &RedactedArguments) -> Option<Vec<SummaryItem>> {
        let paths = self.deciding(verdict, |fields| &fields.summary);
        let item = |path: &ArgumentPath| {
            let (first, steps) = path.steps().split_first()?;
            let Step::Member(name) = first else { return None };
            let value = follow(arguments.members().get(name)?, steps)?;
            Some(SummaryItem { path: path.to_string(), value })
        };
        (!paths.is_empty()).then(|| paths.iter().filter_map(item).collect())
    }
}

/// The first arguments that are short to show.
fn default_summary(arguments: &RedactedArguments) -> Vec<SummaryItem> {
    use RedactedValue::{Bool, Number, Text};
    let shown = arguments.members().iter().filter(|(name, value)| {
        name.len() <= DEFAULT_SUMMARY_NAME_MAX && matches!(value, Bool(_) | Number(_) | Text(_))
    });
    let item = |(name, value): (&String, &RedactedValue)| SummaryItem {
        path: ArgumentPath::member(name).to_string(),
        value: value.clone(),
    };
    shown.take(DEFAULT_SUMMARY).map(item).collect()
}

/// The value behind the steps.
fn follow(value: &RedactedValue, steps: &[Step]) -> Option<RedactedValue> {
    let Some((step, rest)) = steps.split_first() else { return Some(value.clone()) };
    match (value, step) {
        (RedactedValue::Redacted, _) => Some(RedactedValue::Redacted),
        (RedactedValue::Object(members), Step::Member(name)) => follow(members.get(name)?, rest),
        (RedactedValue::List(items), Step::Item(index)) => follow(items.get(*index)?, rest),
        (RedactedValue::List(items), Step::EveryItem) => {
            Some(RedactedValue::List(items.iter().filter_map(|item| follow(item, rest)).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
