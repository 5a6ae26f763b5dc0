//! Authentication and roles. A [`Principal`] comes from the credentials of a call, never from a request body.

mod authorization;
mod blocked_subjects;
mod certificate;
mod certificate_name;
mod credential_verifier;
mod dev_env_files;
mod dev_tokens;
mod link_token;
pub mod oidc;
mod presented_certificate;
mod revocation;
mod role_grants;
mod role_matrix;
mod secret;
mod session_registry;
mod token_registry;

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;

use self::oidc::Rejection;
use crate::domain::{Actor, Approval, Assurance, DecidesFor, Grant, Permission, Role, Time, Token, TokenId, name};

pub use authorization::AccessDenied;
pub use blocked_subjects::BlockedSubjects;
pub use certificate::{CertificateError, PeerCertificate, certificate_not_after};
pub use certificate_name::{CertificateName, NameGlob, NameGlobError};
pub use credential_verifier::CredentialVerifier;
pub use dev_env_files::DevEnvFiles;
pub use dev_tokens::{DevTokens, DevTokensError};
pub use link_token::{LINK_TOKEN_LEN, LinkToken, NotALink};
pub use presented_certificate::PresentedCertificate;
pub use revocation::Revocation;
pub use role_grants::{CertificateRoles, RoleGrants, RoleGroups};
pub use role_matrix::{Method, Reach, reference_markdown};
pub use secret::Secret;
pub use session_registry::{SessionRegistry, SignedIn};
pub use token_registry::TokenRegistry;

/// Issuer of actors that only this server knows: by its own tokens, or by name from a caller.
pub const LOCAL_ISSUER: &str = "local";

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Its identity, recorded with everything that it does.
    pub actor: Actor,
    /// Its roles; without a role, every call is denied.
    pub roles: BTreeSet<Role>,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// The person on whose behalf it makes every request, if its credentials are bound to one.
    pub on_behalf_of: Option<Actor>,
    /// Its permissions to assert facts about others.
    pub permissions: BTreeSet<Permission>,
    /// The people for whom it may decide, with the permission to decide for others.
    pub decides_for: DecidesFor,
    /// The authentication method.
    pub method: AuthenticationMethod,
    /// Time of authentication: of the sign-in at the provider, of the token's creation, or of the certificate's first
    /// use on the connection.
    pub authenticated_at: Time,
    /// Expiry of its credentials, if they expire.
    pub expires_at: Option<Time>,
    /// Whether its credentials were revoked, which can happen while its calls are open.
    pub revocation: Revocation,
    /// The token of this server that it authenticated with, directly or at the sign-in of its session.
    pub token: Option<TokenId>,
}

/// Methods of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// A token of development mode.
    DevToken,
    /// A token that this server created.
    Token,
    /// A token of the OpenID provider.
    Oidc,
    /// The client certificate of the connection.
    Certificate,
    /// A session of the desk. No call of gRPC accepts its secret.
    Session,
    /// A chat that named the person, in a message that it signed. Only the channel of the chat makes such callers.
    Chat,
    /// Access to the data directory of a stopped server.
    DataDirectory,
}

impl AuthenticationMethod {
    /// What a vote by a caller of this method is recorded with.
    #[must_use]
    pub const fn assurance(self) -> Assurance {
        match self {
            Self::Session => Assurance::Session,
            Self::Chat => Assurance::Chat,
            Self::DevToken | Self::Token | Self::Oidc | Self::Certificate | Self::DataDirectory => Assurance::Token,
        }
    }
}

impl Principal {
    /// A caller without roles or groups, whose credentials do not expire.
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
            token: None,
        }
    }

    /// The user of a stopped server's data directory: an operator, because direct access allows more anyway.
    #[must_use]
    pub fn of_data_directory(now: Time) -> Self {
        let holder = Self::new(Actor::data_directory(), AuthenticationMethod::DataDirectory, now);
        Self { roles: [Role::Auditor, Role::Operator].into(), ..holder }
    }

    /// The owner of a token that this server created.
    #[must_use]
    pub fn from_token(token: &Token) -> Self {
        let Grant { kind, subject, roles, groups, on_behalf_of, permissions, decides_for, comment: _ } =
            token.grant.clone();
        // The subject stays as recorded, so that earlier requests of the token stay its own; comparisons normalize it.
        // Groups are compared with those that policies name.
        let groups = groups.iter().map(|group| name::composed(group).into_owned()).collect();
        let actor = Actor { kind, issuer: LOCAL_ISSUER.into(), subject };
        let owner = Self::new(actor, AuthenticationMethod::Token, token.created_at);
        Self {
            roles,
            groups,
            on_behalf_of,
            permissions,
            decides_for,
            expires_at: token.expires_at,
            token: Some(token.id),
            ..owner
        }
    }

    /// Requires that its credentials are still valid: they may expire between a call's headers and its message.
    ///
    /// # Errors
    /// When they expired or were revoked, or their subject is blocked.
    pub fn check(&self, now: Time) -> Result<(), Unrecognised> {
        if self.revocation.is_blocked() {
            return Err(Unrecognised::SubjectBlocked);
        }
        if self.revocation.is_revoked() {
            return Err(match self.method {
                AuthenticationMethod::Session => Unrecognised::SessionEnded,
                _ => Unrecognised::TokenRevoked,
            });
        }
        if self.expires_at.is_none_or(|end| now < end) {
            return Ok(());
        }
        Err(match self.method {
            AuthenticationMethod::Certificate => Unrecognised::CertificateExpired,
            AuthenticationMethod::Session => Unrecognised::SessionExpired,
            _ => Unrecognised::TokenExpired,
        })
    }

    /// Whether one of its roles allows a call.
    #[must_use]
    pub fn may(&self, method: Method) -> bool {
        self.roles.iter().any(|role| method.reach(*role).is_some())
    }

    /// Whether one of its roles allows a call about this approval. An approval that it cannot reach looks missing.
    #[must_use]
    pub fn reaches(&self, method: Method, approval: &Approval) -> bool {
        self.roles.iter().filter_map(|role| method.reach(*role)).any(|reach| match reach {
            Reach::Own => approval.request.caller.is(&self.actor),
            Reach::Eligible => approval.is_shown_to(&self.actor, &self.groups),
            Reach::All => true,
        })
    }

    /// Whether one of its roles allows a call about all approvals.
    #[must_use]
    pub fn reaches_all(&self, method: Method) -> bool {
        self.roles.iter().any(|role| method.reach(*role) == Some(Reach::All))
    }

    /// Whether its roles allow a call about its own approvals only.
    #[must_use]
    pub fn reaches_own_only(&self, method: Method) -> bool {
        self.roles.iter().filter_map(|role| method.reach(*role)).all(|reach| reach == Reach::Own)
    }

    /// Whether votes of others are required too: a caller that names voters must not reach a quorum alone.
    #[must_use]
    pub fn needs_others(&self) -> bool {
        self.permissions.contains(&Permission::DecideForOthers) && !self.permissions.contains(&Permission::DecideAlone)
    }

    /// Its roles as text for messages.
    #[must_use]
    pub fn role_names(&self) -> String {
        if self.roles.is_empty() {
            return "none".to_owned();
        }
        self.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
    }
}

/// Why a caller is not authenticated. Contains nothing from the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// Missing or unknown credentials.
    #[error("missing or unknown credentials; send a valid bearer token in the `authorization` metadata")]
    Unknown,
    /// Several `authorization` headers, or several values in one.
    #[error("the `authorization` metadata has several values; send one value with one bearer token")]
    SeveralCredentials,
    /// An `authorization` header without a bearer token.
    #[error("the `authorization` metadata is not `Bearer TOKEN`")]
    NoBearer,
    /// An expired token of this server.
    #[error("the token has expired")]
    TokenExpired,
    /// A revoked token of this server.
    #[error("the token was revoked")]
    TokenRevoked,
    /// An operator has blocked the caller.
    #[error("the caller is blocked; ask an operator")]
    SubjectBlocked,
    /// An expired session.
    #[error("the session has expired; sign in again")]
    SessionExpired,
    /// An ended session.
    #[error("the session was ended; sign in again")]
    SessionEnded,
    /// A rejected token of the provider.
    #[error("{0}")]
    Rejected(Rejection),
    /// A certificate that grants no role, and no token.
    #[error("the client certificate grants no role, and the call has no bearer token")]
    CertificateUnknown,
    /// A certificate that expired while its connection was open.
    #[error("the client certificate has expired")]
    CertificateExpired,
    /// The token cannot be verified at present.
    #[error("the identity provider's keys are not available")]
    Unavailable,
}

/// The credentials of a call.
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

/// Learns of credentials that another server has made.
#[async_trait]
pub trait NewerCredentials: Send + Sync + 'static {
    /// Waits until everything that was on record when this was called is known here. False if nothing can be new,
    /// because there is no other server, or if it failed.
    async fn caught_up(&self) -> bool;
}

/// Authenticates callers.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Authenticates a call. A token takes precedence over the certificate of the connection.
    ///
    /// # Errors
    /// When the credentials are not valid, or cannot be verified at present.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Arc<Principal>, Unrecognised>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token_samples::token;

    #[test]
    fn a_token_from_before_names_were_normalized_is_still_valid() {
        let grant = Grant { subject: "Jose\u{301} ".into(), groups: ["cafe\u{301}".into()].into(), ..token(1).grant };
        let old = Token { grant, ..token(1) };
        assert_eq!(old.fault(), None);
        let owner = Principal::from_token(&old);
        assert_eq!((owner.actor.subject.as_str(), owner.groups), ("Jose\u{301} ", ["caf\u{e9}".to_owned()].into()));
    }
}
