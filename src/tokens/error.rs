use crate::{domain::TokenId, identity::AccessDenied, store::StoreError};

/// Why a use-case of tokens failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// There is no such token.
    #[error("there is no token {0}")]
    NotFound(TokenId),
    /// There are as many tokens as are kept, and none has expired.
    #[error("at most {limit} tokens are kept, and none of them has expired; give tokens a ttl")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// This very call made a token before.
    #[error("this call made token {id} before, and its secret was shown then; revoke it, and use another request_id")]
    AlreadyCreated {
        /// The idempotency key.
        request_id: String,
        /// The token.
        id: TokenId,
    },
    /// The idempotency key belongs to another token by the same operator.
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
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
