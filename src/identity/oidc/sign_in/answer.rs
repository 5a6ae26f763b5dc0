use std::fmt;

use serde::Deserialize;

/// The parameters with which the provider sends a browser back.
#[derive(Clone, Default, Deserialize)]
pub struct Answer {
    /// The code, which the server redeems for an ID token.
    pub code: Option<String>,
    /// The state that the sign-in sent.
    pub state: Option<String>,
    /// The issuer, if the provider names it (RFC 9207).
    pub iss: Option<String>,
    /// The code of an error.
    pub error: Option<String>,
}

/// Shows no parameter.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Why the provider did not sign a person in: the codes of RFC 6749 and OpenID Connect, by what one can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The person cancelled, or may not use this server.
    #[error("access_denied: the person cancelled, or is not allowed to use this application")]
    AccessDenied,
    /// The provider needs the person to do something first.
    #[error("the provider requires the person to sign in, choose an account or consent first")]
    Interaction,
    /// The provider does not know one of the scopes.
    #[error("invalid_scope: the provider does not allow one of the scopes in oidc.scopes")]
    Scope,
    /// The provider does not know the client, or does not allow it this flow.
    #[error("the provider rejects the client; check oidc.client_id, its redirect URI and that it may use codes")]
    Client,
    /// The provider has a problem.
    #[error("the provider has an internal error, or is overloaded")]
    Temporary,
    /// Another code, which is not repeated: everybody can make a browser send one.
    #[error("the provider answers with another error")]
    Other,
}

impl Denial {
    pub(super) fn of(code: &str) -> Self {
        match code {
            "access_denied" => Self::AccessDenied,
            "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
                Self::Interaction
            }
            "invalid_scope" => Self::Scope,
            "unauthorized_client" | "invalid_client" | "invalid_request" | "unsupported_response_type" => Self::Client,
            "server_error" | "temporarily_unavailable" => Self::Temporary,
            _ => Self::Other,
        }
    }
}
