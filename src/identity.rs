//! Who is calling. A [`Principal`] comes from the connection's credentials, never from a request body.

mod access;
mod certificate;
mod dev_tokens;
mod gate;
pub mod oidc;
mod role_groups;

use std::collections::BTreeSet;

use async_trait::async_trait;

use self::oidc::Rejection;
use crate::domain::{Actor, Approval, Time};

pub use access::{Method, Reach, Role, reference_markdown};
pub use certificate::{CertificateError, PeerCertificate, certificate_not_after};
pub use dev_tokens::{DevTokens, DevTokensError};
pub use gate::Gate;
pub use role_groups::RoleGroups;

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who it is, as recorded on everything that it does.
    pub actor: Actor,
    /// What it is allowed to be; without any, it may do nothing.
    pub roles: BTreeSet<Role>,
    /// The groups that it is in.
    pub groups: BTreeSet<String>,
    /// What it may assert about others.
    pub permissions: BTreeSet<Permission>,
    /// When its credentials end, if they do.
    pub expires_at: Option<Time>,
}

/// Something about other people that a caller may assert, and is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// On whose behalf it asks.
    AskForOthers,
    /// Who decides, and in which groups they are: a chat bridge.
    DecideForOthers,
}

impl Permission {
    /// The permission's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AskForOthers => "ask_for_others",
            Self::DecideForOthers => "decide_for_others",
        }
    }
}

impl Principal {
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
            Reach::Eligible => approval.asks_people() && !approval.counts_for(&self.actor, &self.groups).is_empty(),
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
    /// A token of the provider's that is not accepted.
    #[error("{0}")]
    Rejected(Rejection),
    /// Nobody can tell at present.
    #[error("the identity provider's keys are not available")]
    Unavailable,
}

/// Recognises callers.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whose token this is.
    ///
    /// # Errors
    /// When it is nobody's, or that cannot be told.
    async fn authenticate(&self, token: &str) -> Result<Principal, Unrecognised>;
}
