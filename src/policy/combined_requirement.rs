//! Combines the requirements of several rules: of each field, the strictest value.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::Asks;
use crate::domain::{ChannelName, Escalation, Panel, Requirement, Reviewer};

/// The strictest values of the added rules.
#[derive(Debug, Default)]
pub(super) struct CombinedRequirement {
    requirement: Option<Requirement>,
    claim_window: Option<Duration>,
}

impl CombinedRequirement {
    pub(super) fn of(rule: &Arc<str>, asks: &Asks) -> Self {
        let mut combined = Self::default();
        combined.add(rule, asks);
        combined
    }

    /// Adds a rule. Its panel must reach its own quorum, in addition to all others.
    pub(super) fn add(&mut self, rule: &Arc<str>, asks: &Asks) {
        let panel =
            Panel { rule: Arc::clone(rule), reviewers: named(&asks.reviewers), quorum: asks.quorum.unwrap_or(1) };
        let escalations = asks.escalate.iter().filter_map(|one| {
            let (rule, reviewers, priority) =
                (Arc::clone(rule), named(&one.reviewers), one.priority.unwrap_or_default());
            let notify = channels([&one.notify]).into_iter().collect();
            Some(Escalation { rule, after: one.after?, reviewers, priority, notify })
        });
        let threshold = asks.reject_threshold.unwrap_or(1);
        let allow_edits = asks.allow_edits.unwrap_or(true);
        let min_assurance = asks.min_assurance.unwrap_or_default();
        match &mut self.requirement {
            None => {
                self.requirement = Some(Requirement {
                    panels: vec![panel],
                    reject_threshold: threshold,
                    comment_required: asks.comment_required,
                    allow_edits,
                    escalations: escalations.collect(),
                    timeout: asks.timeout,
                    remember_rejection: asks.remember_rejection,
                    min_assurance,
                });
            }
            Some(so_far) => {
                so_far.panels.push(panel);
                so_far.reject_threshold = so_far.reject_threshold.min(threshold);
                so_far.comment_required |= asks.comment_required;
                so_far.allow_edits &= allow_edits;
                so_far.escalations.extend(escalations);
                so_far.timeout = shorter(so_far.timeout, asks.timeout);
                so_far.min_assurance = so_far.min_assurance.max(min_assurance);
                // A rule that does not remember rejections wants its reviewers to be asked each time.
                let both = so_far.remember_rejection.zip(asks.remember_rejection);
                so_far.remember_rejection = both.map(|(one, other)| one.min(other));
            }
        }
        self.claim_window = shorter(self.claim_window, asks.claim_window);
    }

    /// Number of added rules.
    pub(super) fn panels(&self) -> usize {
        self.requirement.as_ref().map_or(0, |requirement| requirement.panels.len())
    }

    /// The combined requirement, and how long the call can be claimed afterwards.
    pub(super) fn into_requirement(self) -> (Requirement, Option<Duration>) {
        let mut requirement = self.requirement.unwrap_or_else(|| Requirement::any(1));
        // By time, then by rule: independent of the order in the document.
        requirement
            .escalations
            .sort_by(|one, other| one.after.cmp(&other.after).then_with(|| one.rule.cmp(&other.rule)));
        (requirement, self.claim_window)
    }
}

/// Names were checked when the policy was compiled. A stored policy may contain a name without a normal form, which
/// matches nobody. It must be kept: without it the list could be empty, which means any reviewer.
fn named(reviewers: &[String]) -> Vec<Reviewer> {
    let read = |reviewer: &String| reviewer.parse().or_else(|_| Reviewer::on_record(reviewer)).ok();
    reviewers.iter().filter_map(read).collect()
}

/// The channels of lists of names. Names were checked when the policy was compiled.
pub(super) fn channels<'a>(lists: impl IntoIterator<Item = &'a Vec<String>>) -> BTreeSet<ChannelName> {
    lists.into_iter().flatten().filter_map(|name| name.parse().ok()).collect()
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
