use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    domain::{Approval, Event, Freezes, RuleOutcome, Time},
    policies::PolicyStatus,
    store::Observer,
    telemetry::{ApprovalLog, Metrics},
};

/// The policy that is live, once it is loaded: the store that holds it is observed from its opening on.
pub(super) type LivePolicy = Arc<OnceLock<watch::Receiver<PolicyStatus>>>;

/// Counts and logs what the store commits.
pub(super) struct Observed {
    metrics: Metrics,
    log: Arc<ApprovalLog>,
    policy: LivePolicy,
}

impl Observed {
    pub(super) const fn new(metrics: Metrics, log: Arc<ApprovalLog>, policy: LivePolicy) -> Self {
        Self { metrics, log, policy }
    }
}

impl Observer for Observed {
    fn committed(&self, commands: usize, sync: Duration) {
        self.metrics.group_committed(commands, sync);
    }

    fn reached(&self, approval: &Approval) {
        // Callers choose the names of tools. Only a policy that spells one out vouches for it: any number of names match a
        // pattern.
        let tool = approval.request.tool_name.as_str();
        let invented = self.policy.get().is_none_or(|status| !status.borrow().live.policy.spells_out(tool));
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

    fn frozen(&self, freezes: &Freezes) {
        self.metrics.frozen(freezes);
    }
}
