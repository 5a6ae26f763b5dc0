//! What was decided before on calls like this one, and what became of it.

use std::{cmp::Reverse, sync::Arc};

use super::{Approvals, Error};
use crate::{
    domain::{Approval, ExecutionResult, Status},
    identity::{Method, Principal},
    store::{Filter, Order, Query},
};

/// Maximum number of approvals of the same caller and tool that are examined for a failure.
const FAILURE_LOOKS: usize = 100;

/// What happened before an approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// The last decisions that people were asked for, on calls of the same tool by the same agent, the newest first.
    /// Each has its outcome, if one was reported.
    pub decided: Vec<Arc<Approval>>,
    /// The last failed call of the same tool by the same caller.
    pub failure: Option<Failure>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The approval of the call.
    pub approval: Arc<Approval>,
    /// Whether a later one succeeded.
    pub succeeded_since: bool,
}

impl Approvals {
    /// The last decisions on calls like this one, at most `limit`, and the last failure: as far as the caller may read
    /// them. Calls like this one have its tool, its caller, and the agent as it named itself: without the caller, a
    /// newcomer could take a trusted agent's name, and show its record as its own.
    ///
    /// Reads a limited number of approvals, so for a caller that may read little, it may miss older ones.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn recent_of(&self, principal: &Principal, of: &Approval, limit: usize) -> Result<Recent, Error> {
        let request = &of.request;
        let alike = Filter {
            statuses: vec![Status::Approved, Status::Rejected, Status::TimedOut, Status::Cancelled],
            tool_name: Some(request.tool_name.clone()),
            agent_name: Some(request.agent.name.clone()),
            caller: Some(request.caller.to_string()),
            ..Filter::default()
        };
        let mut decided = self.before(principal, of, alike, limit).await?;
        decided.truncate(limit);
        decided.sort_by_key(|approval| Reverse(approval.decision.as_ref().map(|decision| decision.at)));
        let approved = Filter {
            statuses: vec![Status::Approved, Status::AutoApproved],
            tool_name: Some(request.tool_name.clone()),
            caller: Some(request.caller.to_string()),
            ..Filter::default()
        };
        let mut reported = self.before(principal, of, approved, FAILURE_LOOKS).await?;
        let outcome = |approval: &Approval| approval.claim.as_ref().and_then(|claim| claim.outcome.clone());
        reported.retain(|approval| outcome(approval).is_some());
        reported.sort_by_key(|approval| Reverse(outcome(approval).map(|outcome| outcome.at)));
        let failed = |approval: &Arc<Approval>| {
            outcome(approval).is_some_and(|outcome| outcome.result == ExecutionResult::Failed)
        };
        let failure = reported
            .iter()
            .position(failed)
            .map(|at| Failure { approval: Arc::clone(&reported[at]), succeeded_since: at > 0 });
        Ok(Recent { decided, failure })
    }

    /// The newest approvals that match, without `of` itself.
    async fn before(
        &self,
        principal: &Principal,
        of: &Approval,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Arc<Approval>>, Error> {
        let query = Query { filter, order: Order::NewestFirst, after: None, limit: limit + 1 };
        let mut page = self.list(principal, Method::ListApprovals, query, false).await?;
        page.approvals.retain(|approval| approval.id != of.id);
        Ok(page.approvals)
    }
}
