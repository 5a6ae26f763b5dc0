use crate::{domain::TokenId, identity::AccessDenied, store::StoreError};

/// Errors of the token use-cases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller is denied.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The token does not exist.
    #[error("there is no token {0}")]
    NotFound(TokenId),
    /// The maximum number of tokens exists, and none has expired.
    #[error(
        "the server has {limit} tokens, its maximum, and none has expired (revoked tokens count until they expire); \
         authenticate by OpenID or client certificates, or remove tokens by an export and import"
    )]
    TooMany {
        /// The maximum.
        limit: usize,
    },
    /// The same call created a token before.
    #[error(
        "this request_id created token {id} before, and its secret is shown only once; revoke that token, and use a new \
         request_id"
    )]
    AlreadyCreated {
        /// The idempotency key.
        request_id: String,
        /// The token.
        id: TokenId,
    },
    /// The same operator used the idempotency key for another token.
    #[error("this request_id was used before with another {field}; use a new request_id for a new token")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// The token that it was used for.
        id: TokenId,
        /// The first field of CreateToken that differs.
        field: &'static str,
    },
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected the call or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
