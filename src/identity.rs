//! Who is calling. A [`Principal`] comes from the connection's credentials, never from a request body.

mod dev_tokens;
pub mod oidc;
mod roles;

use crate::domain::Actor;

pub use dev_tokens::{DevTokens, DevTokensError};
pub use roles::{Method, Role};

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who it is, as recorded on everything that it does.
    pub actor: Actor,
    /// What it may do.
    pub role: Role,
}

/// Recognises callers.
pub trait Authenticator: Send + Sync + 'static {
    /// Whose token this is; `None` for a token that is not known.
    fn authenticate(&self, token: &str) -> Option<Principal>;
}
