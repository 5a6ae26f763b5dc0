//! What the tests of the use-cases share: callers, a store whose timing they control, and ways to look without waiting.

mod staged_store;

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::{
    domain::{Actor, ActorKind, Role, Time},
    identity::{AuthenticationMethod, Principal},
};

pub(crate) use staged_store::Staged;

/// Somebody with these roles.
pub(crate) fn principal(roles: &[Role], kind: ActorKind, subject: &str) -> Arc<Principal> {
    let actor = Actor { kind, issuer: "test".into(), subject: subject.into() };
    let roles = roles.iter().copied().collect();
    Arc::new(Principal { roles, ..Principal::new(actor, AuthenticationMethod::Token, Time::UNIX_EPOCH) })
}

/// Somebody in these groups.
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

/// What is ready now, however much the task has done already.
pub(crate) fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::task::unconstrained(future).now_or_never()
}

/// Lets spawned tasks do what is to be done now: in a runtime of one thread, until nothing is left to do.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
