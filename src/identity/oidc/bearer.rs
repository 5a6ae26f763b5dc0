use super::{
    super::{AuthenticationMethod, Principal, RoleGroups},
    Verified,
};
use crate::domain::{Actor, ActorKind, Role};

/// The principal for a verified token of the provider.
pub(in crate::identity) fn bearer(verified: &Verified, roles: &RoleGroups) -> Principal {
    let roles = roles.roles(|group| verified.groups.contains(group));
    // Providers distinguish people and services; a service with the agent role is an agent here.
    let kind = match verified.kind {
        ActorKind::Service if roles.contains(&Role::Agent) => ActorKind::Agent,
        kind => kind,
    };
    let actor = Actor { kind, issuer: verified.issuer.clone(), subject: verified.subject.clone() };
    let (groups, expires_at) = (verified.groups.clone(), Some(verified.expires_at));
    let bearer = Principal::new(actor, AuthenticationMethod::Oidc, verified.authenticated_at);
    Principal { roles, groups, expires_at, ..bearer }
}
