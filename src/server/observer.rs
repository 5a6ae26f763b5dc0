use std::{sync::Arc, time::Duration};

use crate::{
    domain::{Approval, Event, RuleOutcome, Time},
    policy::UNLISTED_TOOLS,
    store::Observer,
    telemetry::{ApprovalLog, Metrics},
};

/// Counts and logs what the store commits.
pub(super) struct Observed {
    metrics: Metrics,
    log: Arc<ApprovalLog>,
}

impl Observed {
    pub(super) const fn new(metrics: Metrics, log: Arc<ApprovalLog>) -> Self {
        Self { metrics, log }
    }
}

impl Observer for Observed {
    fn committed(&self, commands: usize, sync: Duration) {
        self.metrics.group_committed(commands, sync);
    }

    fn reached(&self, approval: &Approval) {
        // Callers choose the names of tools. Only a policy that names a tool vouches for it.
        let rule = approval.verdict.rule.as_str();
        let invented = rule == UNLISTED_TOOLS || rule.starts_with('_'); // no rule of a policy begins like that
        self.metrics.approval_reached(approval, invented);
        if approval.revision == 1 {
            let failed = approval.verdict.trace.iter().filter(|rule| rule.outcome == RuleOutcome::Failed);
            self.metrics.rules_failed(failed.count() as u64);
        }
    }

    fn recorded(&self, approval: &Approval, event: &Event) {
        self.log.tell(approval, event);
    }

    fn pending(&self, count: u64, oldest: Option<Time>) {
        self.metrics.pending(count, oldest);
    }
}
