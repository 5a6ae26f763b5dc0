//! Who is calling. A [`Principal`] comes from the connection's credentials, never from a request body.

mod authorization;
mod certificate;
mod certificate_name;
mod credential_verifier;
mod dev_env_files;
mod dev_tokens;
pub mod oidc;
mod presented_certificate;
mod revocation;
mod role_grants;
mod role_matrix;
mod secret;
mod token_registry;

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;

use self::oidc::Rejection;
use crate::domain::{Actor, Approval, DecidesFor, Grant, Permission, Role, Time, Token, name};

pub use authorization::AccessDenied;
pub use certificate::{CertificateError, PeerCertificate, certificate_not_after};
pub use certificate_name::{CertificateName, NameGlob, NameGlobError};
pub use credential_verifier::CredentialVerifier;
pub use dev_env_files::DevEnvFiles;
pub use dev_tokens::{DevTokens, DevTokensError};
pub use presented_certificate::PresentedCertificate;
pub use revocation::Revocation;
pub use role_grants::{CertificateRoles, RoleGrants, RoleGroups};
pub use role_matrix::{Method, Reach, reference_markdown};
pub use secret::Secret;
pub use token_registry::TokenRegistry;

/// Issuer of those whom this server alone knows: by its own tokens, or by what a caller says of them.
pub const LOCAL_ISSUER: &str = "local";

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who it is, as recorded on everything that it does.
    pub actor: Actor,
    /// What it is allowed to be; without any, it may do nothing.
    pub roles: BTreeSet<Role>,
    /// The groups that it is in.
    pub groups: BTreeSet<String>,
    /// The person whom it always asks for, as its credentials say.
    pub on_behalf_of: Option<Actor>,
    /// What it may assert about others.
    pub permissions: BTreeSet<Permission>,
    /// For whom it may decide, with the permission to decide for others.
    pub decides_for: DecidesFor,
    /// By what it was recognised.
    pub method: AuthenticationMethod,
    /// When it proved who it is: when it signed in with its provider, or its token was made, or its connection.
    pub authenticated_at: Time,
    /// When its credentials end, if they do.
    pub expires_at: Option<Time>,
    /// Whether its credentials were taken back, which may happen while its calls are open.
    pub revocation: Revocation,
}

/// How callers are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// By a token of development mode.
    DevToken,
    /// By a token that this server has made.
    Token,
    /// By a token of the OpenID provider.
    Oidc,
    /// By the certificate of its connection.
    Certificate,
    /// By holding the data directory of a server that is not running.
    DataDirectory,
}

impl Principal {
    /// Somebody who is in no group and may do nothing, by credentials that do not end.
    #[must_use]
    pub fn new(actor: Actor, method: AuthenticationMethod, authenticated_at: Time) -> Self {
        Self {
            actor,
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            on_behalf_of: None,
            permissions: BTreeSet::new(),
            decides_for: DecidesFor::default(),
            method,
            authenticated_at,
            expires_at: None,
            revocation: Revocation::default(),
        }
    }

    /// Whoever has the data directory of a server that is not running: an operator, as they could do worse.
    #[must_use]
    pub fn of_data_directory(now: Time) -> Self {
        let holder = Self::new(Actor::data_directory(), AuthenticationMethod::DataDirectory, now);
        Self { roles: [Role::Auditor, Role::Operator].into(), ..holder }
    }

    /// Whoever shows a token that this server has made.
    #[must_use]
    pub fn from_token(token: &Token) -> Self {
        let Grant { kind, subject, roles, groups, on_behalf_of, permissions, decides_for, comment: _ } =
            token.grant.clone();
        // The subject stays as it is on record, and so what was asked with the token stays its own; it is the same by
        // whatever it is compared with. Groups are compared with those that policies name.
        let groups = groups.iter().map(|group| name::composed(group).into_owned()).collect();
        let actor = Actor { kind, issuer: LOCAL_ISSUER.into(), subject };
        let owner = Self::new(actor, AuthenticationMethod::Token, token.created_at);
        Self { roles, groups, on_behalf_of, permissions, decides_for, expires_at: token.expires_at, ..owner }
    }

    /// Whether its credentials are still good: they may end between the head of a call and its message.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(&self, now: Time) -> Result<(), Unrecognised> {
        if self.revocation.is_revoked() {
            return Err(Unrecognised::TokenRevoked);
        }
        if self.expires_at.is_none_or(|end| now < end) {
            return Ok(());
        }
        Err(match self.method {
            AuthenticationMethod::Certificate => Unrecognised::CertificateExpired,
            _ => Unrecognised::TokenExpired,
        })
    }

    /// Whether one of its roles may make a call at all.
    #[must_use]
    pub fn may(&self, method: Method) -> bool {
        self.roles.iter().any(|role| method.reach(*role).is_some())
    }

    /// Whether one of its roles may make a call about this approval. What it may not see does not exist for it.
    #[must_use]
    pub fn reaches(&self, method: Method, approval: &Approval) -> bool {
        self.roles.iter().filter_map(|role| method.reach(*role)).any(|reach| match reach {
            Reach::Own => approval.request.caller.is(&self.actor),
            Reach::Eligible => approval.is_shown_to(&self.actor, &self.groups),
            Reach::All => true,
        })
    }

    /// Whether one of its roles makes a call about whatever there is.
    #[must_use]
    pub fn reaches_all(&self, method: Method) -> bool {
        self.roles.iter().any(|role| method.reach(*role) == Some(Reach::All))
    }

    /// Whether it makes a call about its own approvals only.
    #[must_use]
    pub fn reaches_own_only(&self, method: Method) -> bool {
        self.roles.iter().filter_map(|role| method.reach(*role)).all(|reach| reach == Reach::Own)
    }

    /// Whether the votes that it casts and brings must not reach a quorum alone, as its credentials let it name voters.
    #[must_use]
    pub fn needs_others(&self) -> bool {
        self.permissions.contains(&Permission::DecideForOthers) && !self.permissions.contains(&Permission::DecideAlone)
    }

    /// Its roles, for messages.
    #[must_use]
    pub fn role_names(&self) -> String {
        if self.roles.is_empty() {
            return "none".to_owned();
        }
        self.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
    }
}

/// Why a caller is not recognised. Says nothing that the credentials do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// No credentials, or none that anybody here knows.
    #[error("give a bearer token that this server knows in the `authorization` metadata")]
    Unknown,
    /// Several `authorization` headers, or several values in one.
    #[error("the `authorization` metadata has several values; send it once, with one bearer token")]
    SeveralCredentials,
    /// An `authorization` header that holds no bearer token.
    #[error("the `authorization` metadata is not `Bearer TOKEN`")]
    NoBearer,
    /// A token of this server's whose time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// A token of this server's that was taken back.
    #[error("the token was revoked")]
    TokenRevoked,
    /// A token of the provider's that is not accepted.
    #[error("{0}")]
    Rejected(Rejection),
    /// A certificate whose name has no role, and no token.
    #[error("the certificate of this connection has no role here, and the call has no bearer token")]
    CertificateUnknown,
    /// A certificate that ended while its connection was open.
    #[error("the certificate of this connection has expired")]
    CertificateExpired,
    /// Nobody can tell at present.
    #[error("the identity provider's keys are not available")]
    Unavailable,
}

/// What a caller shows.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The bearer token of the call.
    pub bearer: Option<&'a str>,
    /// The verified certificate of the connection.
    pub certificate: Option<&'a PresentedCertificate>,
}

/// Tokens never show in logs.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Recognises callers.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whose credentials these are. A token speaks for the call, whatever certificate its connection has.
    ///
    /// # Errors
    /// When they are nobody's, or that cannot be told.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token_samples::token;

    #[test]
    fn a_token_of_before_names_had_one_form_is_still_good() {
        let grant = Grant { subject: "Jose\u{301} ".into(), groups: ["cafe\u{301}".into()].into(), ..token(1).grant };
        let old = Token { grant, ..token(1) };
        assert_eq!(old.fault(), None);
        let owner = Principal::from_token(&old);
        assert_eq!((owner.actor.subject.as_str(), owner.groups), ("Jose\u{301} ", ["caf\u{e9}".to_owned()].into()));
    }
}
