use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use super::{
    AuthenticationMethod, Authenticator, Credentials, DevTokens, Principal, Revocation, Role, RoleGroups, Unrecognised,
    oidc::{Oidc, Rejection, Verified, looks_like_jwt},
};
use crate::{
    clock::Clock,
    domain::{Actor, ActorKind},
};

/// Everything that callers can be recognised by.
pub struct Gate {
    dev: Option<DevTokens>,
    oidc: Option<Arc<Oidc>>,
    roles: RoleGroups,
    clock: Arc<dyn Clock>,
}

impl Gate {
    /// By the tokens of development mode, and by those of an OpenID provider, whose groups give roles.
    #[must_use]
    pub fn new(dev: Option<DevTokens>, oidc: Option<Arc<Oidc>>, roles: RoleGroups, clock: Arc<dyn Clock>) -> Self {
        Self { dev, oidc, roles, clock }
    }
}

#[async_trait]
impl Authenticator for Gate {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised> {
        let token = credentials.bearer.ok_or(Unrecognised::Unknown)?;
        if let Some(principal) = self.dev.as_ref().and_then(|dev| dev.recognise(token, self.clock.now())) {
            return Ok(Arc::new(principal));
        }
        let Some(oidc) = self.oidc.as_ref().filter(|_| looks_like_jwt(token)) else {
            return Err(Unrecognised::Unknown);
        };
        oidc.principal(token, |verified| bearer(verified, &self.roles)).await.map_err(|rejection| match rejection {
            Rejection::KeysUnavailable => Unrecognised::Unavailable,
            rejection => Unrecognised::Rejected(rejection),
        })
    }
}

/// Who the bearer of a provider's token is here.
fn bearer(verified: &Verified, roles: &RoleGroups) -> Principal {
    let roles = roles.roles(&verified.groups);
    // Providers know people and programs; a program that only asks is an agent here.
    let kind = match verified.kind {
        ActorKind::Service if roles.contains(&Role::Agent) => ActorKind::Agent,
        kind => kind,
    };
    Principal {
        actor: Actor { kind, issuer: verified.issuer.clone(), subject: verified.subject.clone() },
        roles,
        groups: verified.groups.clone(),
        permissions: BTreeSet::new(),
        method: AuthenticationMethod::Oidc,
        authenticated_at: verified.authenticated_at,
        expires_at: Some(verified.expires_at),
        revocation: Revocation::default(),
    }
}
