//! Helpers for tests of the use-cases: callers, a store with controlled timing, and polling without waiting.

mod scripted_channels;
mod staged_store;

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::{
    domain::{Actor, ActorKind, Role, Time},
    identity::{AuthenticationMethod, Principal},
};

pub(crate) use scripted_channels::{ScriptedChannels, hook_and_mail};
pub(crate) use staged_store::Staged;

/// A caller with these roles.
pub(crate) fn principal(roles: &[Role], kind: ActorKind, subject: &str) -> Arc<Principal> {
    let actor = Actor { kind, issuer: "test".into(), subject: subject.into() };
    let roles = roles.iter().copied().collect();
    Arc::new(Principal { roles, ..Principal::new(actor, AuthenticationMethod::Token, Time::UNIX_EPOCH) })
}

/// A reviewer in these groups.
pub(crate) fn member(n: usize, groups: &[&str]) -> Arc<Principal> {
    let groups = groups.iter().map(ToString::to_string).collect();
    Arc::new(Principal { groups, ..Principal::clone(&reviewer(n)) })
}

/// The agent that asks.
pub(crate) fn agent() -> Arc<Principal> {
    principal(&[Role::Agent], ActorKind::Agent, "agent")
}

/// A reviewer in no group.
pub(crate) fn reviewer(n: usize) -> Arc<Principal> {
    principal(&[Role::Reviewer], ActorKind::Person, &format!("reviewer-{n}"))
}

/// An operator who may see everything.
pub(crate) fn operator() -> Arc<Principal> {
    principal(&[Role::Auditor, Role::Operator], ActorKind::Person, "operator")
}

/// The future's output if it is ready now, without tokio's budget for tasks.
pub(crate) fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::task::unconstrained(future).now_or_never()
}

/// Lets spawned tasks run until they wait, in a runtime of one thread.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
