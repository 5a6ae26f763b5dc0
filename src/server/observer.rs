use std::time::Duration;

use crate::{
    domain::{Approval, RuleOutcome},
    store::Observer,
    telemetry::Metrics,
};

/// Counts what the store commits.
pub(super) struct Observed(Metrics);

impl Observed {
    pub(super) const fn new(metrics: Metrics) -> Self {
        Self(metrics)
    }
}

impl Observer for Observed {
    fn committed(&self, commands: usize, sync: Duration) {
        self.0.group_committed(commands, sync);
    }

    fn reached(&self, approval: &Approval) {
        self.0.approval_reached(approval.status);
        if approval.revision == 1 {
            let failed = approval.verdict.trace.iter().filter(|rule| rule.outcome == RuleOutcome::Failed);
            self.0.rules_failed(failed.count() as u64);
        }
        if let Some(decision) = &approval.decision {
            self.0.decided_after((decision.at - approval.created_at).to_std().unwrap_or_default());
        }
    }

    fn pending(&self, count: u64) {
        self.0.pending(count);
    }
}
