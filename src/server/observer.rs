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

/// The live policy, once it is loaded. The observer starts before that, when the store that holds it opens.
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
        // Callers choose tool names, so they must not become metric labels without a limit. A name counts as known only
        // if the policy spells it out: a pattern matches any number of names.
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
