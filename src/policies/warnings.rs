//! What is probably not meant in a policy, by what the server has seen.

use std::{collections::BTreeSet, sync::Arc};

use super::{Error, Policies};
use crate::{
    domain::Actor,
    identity::Principal,
    policy::{Known, Policy, Problem},
    store::{Filter, Order, Query},
};

/// Approvals whose tools and callers warnings are about: the newest.
const RECENT: usize = 1_000;

impl Policies {
    /// What is probably not meant in a policy: names that nearly are those of the newest approvals, of `tools`, of
    /// tokens and of the reviewers who called; rules that are walked around. Empty if it cannot be told.
    pub async fn warnings(&self, by: &Actor, policy: Arc<Policy>, tools: BTreeSet<String>) -> Vec<Problem> {
        let warnings = async {
            let mut known = self.known().await?;
            known.tools.extend(tools);
            Ok(self.blocking_pool.run(by, move || policy.warnings(&known)).await?)
        };
        warnings.await.unwrap_or_else(|error: Error| {
            tracing::warn!(%error, "cannot tell what is probably not meant in the policy");
            Vec::new()
        })
    }

    /// Logs what is probably not meant in the live policy.
    pub async fn log_warnings(&self) {
        for warning in self.warnings(&Actor::policy_file(), Arc::clone(&self.live().policy), BTreeSet::new()).await {
            tracing::warn!(field = warning.path, "the policy may not say what is meant: {}", warning.message);
        }
    }

    async fn known(&self) -> Result<Known, Error> {
        let mut known = self.seen.known();
        for token in self.store.tokens().await? {
            let principal = Principal::from_token(&token);
            known.users.insert(principal.actor.to_string());
            known.groups.extend(principal.groups);
        }
        let (mut after, mut left) = (None, RECENT);
        while left > 0 {
            let query = Query { filter: Filter::default(), order: Order::NewestFirst, after, limit: left };
            let page = self.store.list(query).await?;
            left -= page.approvals.len().min(left);
            for approval in &page.approvals {
                let request = &approval.request;
                known.tools.insert(request.tool_name.clone());
                known.users.insert(request.caller.to_string());
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(known)
    }
}
