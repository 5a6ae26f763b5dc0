use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use super::{
    Authenticator, DevTokens, Principal, RoleGroups, Unrecognised,
    oidc::{Oidc, Rejection, looks_like_jwt},
};
use crate::domain::Actor;

/// Everything that callers can be recognised by.
pub struct Gate {
    dev: Option<DevTokens>,
    oidc: Option<Arc<Oidc>>,
    roles: RoleGroups,
}

impl Gate {
    /// By the tokens of development mode, and by those of an OpenID provider, whose groups give roles.
    #[must_use]
    pub const fn new(dev: Option<DevTokens>, oidc: Option<Arc<Oidc>>, roles: RoleGroups) -> Self {
        Self { dev, oidc, roles }
    }
}

#[async_trait]
impl Authenticator for Gate {
    async fn authenticate(&self, token: &str) -> Result<Principal, Unrecognised> {
        if let Some(principal) = self.dev.as_ref().and_then(|dev| dev.recognise(token)) {
            return Ok(principal);
        }
        let Some(oidc) = self.oidc.as_ref().filter(|_| looks_like_jwt(token)) else {
            return Err(Unrecognised::Unknown);
        };
        let verified = oidc.authenticate(token).await.map_err(|rejection| match rejection {
            Rejection::KeysUnavailable => Unrecognised::Unavailable,
            rejection => Unrecognised::Rejected(rejection),
        })?;
        Ok(Principal {
            actor: Actor { kind: verified.kind, issuer: verified.issuer.clone(), subject: verified.subject.clone() },
            roles: self.roles.roles(&verified.groups),
            groups: verified.groups.clone(),
            permissions: BTreeSet::new(),
            expires_at: Some(verified.expires_at),
        })
    }
}
