use std::fmt;

use serde::{Deserialize, Serialize};

use super::name;

/// The author of an action. Comes from a connection's credentials or from the server itself, never from a request body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The kind of actor.
    pub kind: ActorKind,
    /// The authority that vouches for `subject`.
    pub issuer: String,
    /// The actor's name at that authority. For [`ActorKind::Policy`], the version.
    pub subject: String,
}

/// Kinds of actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An AI agent, or the program that runs it.
    Agent,
    /// A human being.
    Person,
    /// Another program.
    Service,
    /// The server's policy.
    Policy,
    /// The server itself, when a deadline passes.
    Server,
}

impl Actor {
    const OWN_ISSUER: &str = "signoff";

    /// A version of the policy.
    #[must_use]
    pub fn policy(version: &str) -> Self {
        Self { kind: ActorKind::Policy, issuer: Self::OWN_ISSUER.into(), subject: version.into() }
    }

    /// The server, when a deadline passes.
    #[must_use]
    pub fn deadline() -> Self {
        Self { kind: ActorKind::Server, issuer: Self::OWN_ISSUER.into(), subject: "deadline".into() }
    }

    /// The server, when an escalation is due.
    #[must_use]
    pub fn escalation() -> Self {
        Self { kind: ActorKind::Server, issuer: Self::OWN_ISSUER.into(), subject: "escalation".into() }
    }

    /// The server, when it loads its policy from a file.
    #[must_use]
    pub fn policy_file() -> Self {
        Self { kind: ActorKind::Server, issuer: Self::OWN_ISSUER.into(), subject: "policy-file".into() }
    }

    /// A user with access to the data directory of a stopped server.
    #[must_use]
    pub fn data_directory() -> Self {
        Self { kind: ActorKind::Service, issuer: Self::OWN_ISSUER.into(), subject: "data-directory".into() }
    }

    /// Whether both are the same person or program, by [`name::same`]. Ignores the kind, which a credential could state
    /// differently.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        name::same(&self.issuer, &other.issuer) && name::same(&self.subject, &other.subject)
    }
}

/// `issuer/subject`, for people. An issuer can contain a `/`, so only [`Actor::is`] tells actors apart reliably.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.issuer, self.subject)
    }
}
