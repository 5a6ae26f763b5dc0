//! Warnings about a policy, from the names that the server has seen.

use std::{collections::BTreeSet, sync::Arc};

use super::{Error, Policies};
use crate::{
    domain::{Actor, ChannelName},
    identity::Principal,
    policy::{Known, Policy, Problem},
    store::{Filter, Order, Query},
};

/// Number of the newest approvals whose tools and callers are known names.
const RECENT: usize = 1_000;

fn log(warning: &Problem) {
    tracing::warn!(field = warning.path, "policy warning: {}", warning.message);
}

impl Policies {
    /// Names the channels of the server, so that others give a warning, and logs a warning about each that the live
    /// policy names. A policy file gets it with its other warnings. Only the first call counts, because the
    /// configuration does not change.
    pub fn know_channels(&self, channels: BTreeSet<ChannelName>) {
        let channels = self.channels.get_or_init(|| channels);
        if self.file.is_none() {
            self.live().policy.unknown_channels(channels).iter().for_each(log);
        }
    }

    /// Warnings about a policy: names that are similar to those of the newest approvals, of `tools`, of tokens and of
    /// reviewers who called; channels that the server does not have; rules that can be bypassed. Empty if the names cannot be read.
    pub async fn warnings(&self, by: &Actor, policy: Arc<Policy>, tools: BTreeSet<String>) -> Vec<Problem> {
        let warnings = async {
            let mut known = self.known().await?;
            known.tools.extend(tools);
            Ok(self.blocking_pool.run(by, move || policy.warnings(&known)).await?)
        };
        warnings.await.unwrap_or_else(|error: Error| {
            tracing::warn!(%error, "cannot check the policy for warnings");
            Vec::new()
        })
    }

    /// Logs the warnings about the live policy.
    pub async fn log_warnings(&self) {
        for warning in self.warnings(&Actor::policy_file(), Arc::clone(&self.live().policy), BTreeSet::new()).await {
            log(&warning);
        }
    }

    async fn known(&self) -> Result<Known, Error> {
        let mut known = Known { channels: self.channels.get().cloned(), ..self.seen.known() };
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
