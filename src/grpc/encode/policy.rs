//! Policies.

use super::span;
use crate::{
    policy::{Document, Rule, RuleEffect},
    proto::v1,
};

/// A policy, as its authors wrote it.
#[must_use]
pub fn document(document: &Document) -> v1::Policy {
    let Document { tools, unlisted_tools, rules } = document;
    v1::Policy {
        tools: tools.clone(),
        unlisted_tools: unlisted_tools.as_ref().map(self::unlisted_tools),
        rules: rules.iter().map(rule).collect(),
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
    let Rule { name, description, tools, agents, labels, when, effect } = rule.clone();
    let effect = effect.as_ref().map(|effect| match Effect::from(effect) {
        Effect::AutoApprove(effect) => Wire::AutoApprove(effect),
        Effect::RequireApproval(effect) => Wire::RequireApproval(effect),
        Effect::AutoReject(effect) => Wire::AutoReject(effect),
    });
    v1::PolicyRule { name, description, tools, agents, labels: labels.into_iter().collect(), when, effect }
}

/// The members that both oneofs have, which are of two types.
enum Effect {
    AutoApprove(v1::AutoApprove),
    RequireApproval(v1::RequireApproval),
    AutoReject(v1::AutoReject),
}

impl From<&RuleEffect> for Effect {
    fn from(effect: &RuleEffect) -> Self {
        match effect.clone() {
            RuleEffect::AutoApprove {} => Self::AutoApprove(v1::AutoApprove {}),
            RuleEffect::RequireApproval { timeout, claim_window, message } => {
                let (timeout, claim_window) = (timeout.map(span), claim_window.map(span));
                Self::RequireApproval(v1::RequireApproval { timeout, claim_window, message })
            }
            RuleEffect::AutoReject { message } => Self::AutoReject(v1::AutoReject { message }),
        }
    }
}
