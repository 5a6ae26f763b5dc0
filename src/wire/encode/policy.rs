//! Encodes policies.

use std::path::Path;

use super::{actor, moment, policy, span};
use crate::{
    domain::{Time, Verdict},
    policy::{Asks, Display, Document, Escalate, Preview, Problem, Rule, RuleEffect, SummaryItem, TestCase},
    proto::v1,
    store::PolicyHead,
    wire::enums::Code,
};

/// Encodes a version with its policy.
#[must_use]
pub fn policy_version(version: u64, head: Option<&PolicyHead>, policy: &Document) -> v1::PolicyVersion {
    let head = head.map(policy_head).unwrap_or_default();
    v1::PolicyVersion { version, policy: Some(document(policy)), ..head }
}

/// Encodes a version without its policy.
#[must_use]
pub fn policy_head(head: &PolicyHead) -> v1::PolicyVersion {
    v1::PolicyVersion {
        version: head.version,
        policy: None,
        author: Some(actor(&head.author)),
        create_time: Some(moment(head.at)),
        comment: head.comment.clone(),
    }
}

/// Encodes the policy file, and its error with the time when it was found.
#[must_use]
pub fn policy_file(path: &Path, fault: Option<(String, Time)>) -> v1::PolicyFile {
    let (error, error_time) = fault.map_or_else(Default::default, |(error, at)| (error, Some(moment(at))));
    v1::PolicyFile { path: path.display().to_string(), error, error_time }
}

/// Encodes warnings.
#[must_use]
pub fn policy_warnings(warnings: Vec<Problem>) -> Vec<v1::PolicyWarning> {
    let warning = |Problem { path, message }| v1::PolicyWarning { field: path, description: message };
    warnings.into_iter().map(warning).collect()
}

/// Encodes the result of a test case. `display`: that of the tested policy.
#[must_use]
pub fn test_result(case: &TestCase, verdict: &Verdict, display: &Display) -> v1::PolicyTestResult {
    let Preview { summary, arguments, reject_reasons } = display.preview(verdict, &case.arguments);
    v1::PolicyTestResult {
        name: case.name.clone(),
        status: verdict.effect.status().to_wire().into(),
        evaluation: Some(policy(verdict)),
        timeout: verdict.effect.requirement().timeout.map(span),
        claim_window: Some(span(verdict.claim_window)),
        passed: case.passes(verdict),
        summary: summary.iter().map(summary_item).collect(),
        redacted_paths: arguments.paths().to_vec(),
        reject_reasons,
    }
}

fn summary_item(item: &SummaryItem) -> String {
    let value = serde_json::to_string(&item.value).unwrap_or_default(); // cannot fail: its keys are texts
    format!("{} = {value}", item.path)
}

/// Encodes a policy as its authors wrote it.
#[must_use]
pub fn document(document: &Document) -> v1::Policy {
    let Document { tools, unlisted_tools, rules, summary, redact, reject_reasons, notify } = document;
    v1::Policy {
        tools: tools.clone(),
        unlisted_tools: unlisted_tools.as_ref().map(self::unlisted_tools),
        rules: rules.iter().map(rule).collect(),
        summary: summary.clone(),
        redact: redact.clone(),
        reject_reasons: reject_reasons.clone(),
        notify: notify.clone(),
    }
}

fn unlisted_tools(effect: &RuleEffect) -> v1::UnlistedTools {
    use v1::unlisted_tools::Effect as Wire;
    let effect = match Effect::from(effect) {
        Effect::AutoApprove(effect) => Wire::AutoApprove(effect),
        Effect::RequireApproval(effect) => Wire::RequireApproval(effect),
        Effect::AutoReject(effect) => Wire::AutoReject(effect),
    };
    v1::UnlistedTools { effect: Some(effect) }
}

fn rule(rule: &Rule) -> v1::PolicyRule {
    use v1::policy_rule::Effect as Wire;
    let Rule { name, description, tools, agents, labels, when, summary, redact, reject_reasons, notify, effect } =
        rule.clone();
    let effect = effect.as_ref().map(|effect| match Effect::from(effect) {
        Effect::AutoApprove(effect) => Wire::AutoApprove(effect),
        Effect::RequireApproval(effect) => Wire::RequireApproval(effect),
        Effect::AutoReject(effect) => Wire::AutoReject(effect),
    });
    let labels = labels.into_iter().collect();
    v1::PolicyRule { name, description, tools, agents, labels, when, effect, summary, redact, reject_reasons, notify }
}

fn require_approval(asks: Asks) -> v1::RequireApproval {
    let escalation = |one: Escalate| v1::Escalation {
        after: one.after.map(span),
        reviewers: one.reviewers,
        priority: one.priority.map_or(v1::Priority::Unspecified, Code::to_wire).into(),
        notify: one.notify,
    };
    v1::RequireApproval {
        timeout: asks.timeout.map(span),
        claim_window: asks.claim_window.map(span),
        message: asks.message,
        reviewers: asks.reviewers,
        quorum: asks.quorum.unwrap_or_default(),
        reject_threshold: asks.reject_threshold.unwrap_or_default(),
        comment_required: asks.comment_required,
        allow_edits: asks.allow_edits,
        escalate: asks.escalate.into_iter().map(escalation).collect(),
        remember_rejection: asks.remember_rejection.map(span),
        min_assurance: asks.min_assurance.map_or(v1::MinAssurance::Unspecified, Code::to_wire).into(),
    }
}

/// The variants of both oneofs, which have two different types.
enum Effect {
    AutoApprove(v1::AutoApprove),
    RequireApproval(v1::RequireApproval),
    AutoReject(v1::AutoReject),
}

impl From<&RuleEffect> for Effect {
    fn from(effect: &RuleEffect) -> Self {
        match effect.clone() {
            RuleEffect::AutoApprove {} => Self::AutoApprove(v1::AutoApprove {}),
            RuleEffect::RequireApproval(asks) => Self::RequireApproval(require_approval(asks)),
            RuleEffect::AutoReject { message } => Self::AutoReject(v1::AutoReject { message }),
        }
    }
}
