use super::Denial;
use crate::identity::oidc::IdTokenError;

/// Why the client's secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientSecretError {
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// The file has no secret, or more than that.
    #[error("the file must have one line, with the client's secret in visible ASCII characters")]
    Content,
}

/// Why somebody is not signed in. Contains nothing that the provider or a browser sent, except the person's own groups.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The browser has no cookie for this answer: the sign-in is over, or began elsewhere.
    #[error("the browser has no sign-in for this answer: it is over, or began in another browser")]
    NoAttempt,
    /// The sign-in began more than [`ATTEMPT_TIME`](super::ATTEMPT_TIME) ago.
    #[error("the sign-in took too long")]
    Expired,
    /// The answer is from another provider, or does not name its provider.
    #[error("the answer is not from the configured provider")]
    OtherIssuer,
    /// The provider did not sign the person in.
    #[error("{0}")]
    Denied(Denial),
    /// The answer has no code.
    #[error("the provider's answer has no code")]
    NoCode,
    /// The code was used before, is too old, or belongs to another sign-in.
    #[error("the provider rejects the code: it was used before, or is too old")]
    CodeRejected,
    /// The provider does not accept the client id or its secret.
    #[error("the provider rejects the client; check oidc.client_id, oidc.client_secret_file and its redirect URI")]
    ClientRejected,
    /// The client's secret cannot be read.
    #[error("oidc.client_secret_file: {0}")]
    ClientSecret(#[from] ClientSecretError),
    /// The provider cannot be reached, or answers in another way than OpenID Connect requires.
    #[error("the provider cannot be reached, or does not answer as OpenID Connect requires")]
    Unavailable,
    /// The provider sent no ID token.
    #[error("the provider sent no ID token")]
    NoIdToken,
    /// The ID token is not valid.
    #[error("the ID token is not valid: {0}")]
    IdToken(IdTokenError),
    /// The account belongs to a program.
    #[error("the account belongs to a program, not to a person")]
    NotAPerson,
    /// None of the person's groups grants a role.
    #[error("none of the groups in the ID token's claim {claim} grants a role; the token has {} groups", groups.len())]
    NoRole {
        /// The groups in the ID token.
        groups: Vec<String>,
        /// The claim that has the groups.
        claim: String,
    },
    /// Too many people sign in at the moment.
    #[error("too many sign-ins at the same time")]
    Busy,
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    NoRandom,
}
