//! What the policy's rules said about the call: which matched, which did not, and which failed.

use crate::{
    desk::texts::approval as texts,
    domain::{Approval, RuleOutcome, RuleTrace},
    policy::Rule,
};

/// One rule of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleRow {
    pub(super) sign: &'static str,
    pub(super) outcome: &'static str,
    pub(super) name: String,
    pub(super) description: String,
    /// The calls that it is for, and its condition.
    pub(super) condition: Vec<(&'static str, String)>,
    /// Why, or the error.
    pub(super) detail: String,
}

/// The rules of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) version: String,
    /// The rule that decided.
    pub(super) decided: String,
    /// Its message.
    pub(super) message: String,
    /// The channels to notify.
    pub(super) told: String,
    /// Those that matched or failed: they decide.
    pub(super) telling: Vec<RuleRow>,
    pub(super) others: Vec<RuleRow>,
    pub(super) omitted: Option<String>,
}

impl Rules {
    pub(super) fn of(approval: &Approval, rules: &[Rule]) -> Self {
        let verdict = &approval.verdict;
        let (others, telling): (Vec<_>, Vec<_>) =
            verdict.trace.iter().partition(|rule| rule.outcome == RuleOutcome::NotMatched);
        let rows = |traced: Vec<&RuleTrace>| traced.into_iter().map(|one| row(one, rules)).collect();
        Self {
            version: verdict.policy_version.clone(),
            decided: verdict.rule.clone(),
            message: verdict.message.clone(),
            told: told(approval),
            telling: rows(telling),
            others: rows(others),
            omitted: (verdict.trace_omitted > 0).then(|| texts::omitted_rules(verdict.trace_omitted)),
        }
    }
}

impl Rules {
    /// How many rules did not match, in words.
    pub(super) fn not_matched(&self) -> String {
        texts::not_matched(self.others.len())
    }
}

/// The channels to notify, as the policy names them.
fn told(approval: &Approval) -> String {
    let channels = approval.channels();
    let named = channels.named.iter().map(ToString::to_string);
    named.chain(channels.default.then(|| texts::DEFAULT_CHANNELS.to_owned())).collect::<Vec<_>>().join(", ")
}

fn row(traced: &RuleTrace, rules: &[Rule]) -> RuleRow {
    let (sign, outcome) = match traced.outcome {
        RuleOutcome::Matched => ("●", texts::MATCHED),
        RuleOutcome::NotMatched => ("○", texts::NOT_MATCHED),
        RuleOutcome::Failed => ("▲", texts::FAILED_RULE),
    };
    let rule = rules.iter().find(|rule| *rule.name == *traced.rule);
    RuleRow {
        sign,
        outcome,
        name: traced.rule.to_string(),
        description: rule.map(|rule| rule.description.clone()).unwrap_or_default(),
        condition: rule.map(condition).unwrap_or_default(),
        detail: traced.detail.to_string(),
    }
}

fn condition(rule: &Rule) -> Vec<(&'static str, String)> {
    let labels = rule.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
    let parts = [
        (texts::RULE_TOOLS, rule.tools.join(", ")),
        (texts::RULE_AGENTS, rule.agents.join(", ")),
        (texts::RULE_LABELS, labels),
        (texts::RULE_WHEN, rule.when.clone()),
    ];
    parts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Verdict, samples};

    #[test]
    fn rules_that_tell_come_first_and_what_is_left_out_is_counted() {
        let traced = |name: &str, outcome| RuleTrace { rule: name.into(), outcome, detail: "why".into() };
        let trace = vec![
            traced("no", RuleOutcome::NotMatched),
            traced("yes", RuleOutcome::Matched),
            traced("broken", RuleOutcome::Failed),
        ];
        let verdict = Verdict { trace, trace_omitted: 3, ..Verdict::clone(&samples::quorum(1)) };
        let rules = Rules::of(&samples::opened(Arc::new(verdict)), &[]);
        let names = |rows: &[RuleRow]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&rules.telling), names(&rules.others)),
            (vec!["yes".into(), "broken".into()], vec!["no".into()])
        );
        assert_eq!(rules.telling[1].outcome, texts::FAILED_RULE);
        assert_eq!(rules.omitted.as_deref(), Some("3 more rules are not listed."));
    }
}
