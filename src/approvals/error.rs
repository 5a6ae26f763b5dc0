use crate::{
    blocking_pool::PoolError,
    domain::{ApprovalId, Revision, TokenId},
    identity::AccessDenied,
    store::StoreError,
};

/// Why a use-case failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such approval, or none that the caller may see.
    #[error("there is no approval {0}")]
    NotFound(ApprovalId),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The resume point is beyond the approval's newest revision.
    #[error("after_revision {after} is beyond the newest revision, {revision}")]
    RevisionOutOfRange {
        /// Of which approval.
        id: ApprovalId,
        /// What was asked for.
        after: Revision,
        /// What there is.
        revision: Revision,
    },
    /// There is a resume point, but no request under this `request_id`.
    #[error("after_revision is set, but there is no earlier request with this request_id; nothing was recorded")]
    NothingToResume,
    /// Edited arguments do not satisfy the request's schema.
    #[error("the edited arguments do not satisfy the request's schema")]
    EditViolatesSchema(Vec<String>),
    /// There is no such version of the policy.
    #[error("the policy has no version {0}")]
    PolicyNotFound(u64),
    /// The policy is taken from a file, at this path.
    #[error("the policy comes from the server's file {0}; change that")]
    PolicyFromFile(String),
    /// There is no such token.
    #[error("there is no token {0}")]
    TokenNotFound(TokenId),
    /// There are as many tokens as are kept, and none has expired.
    #[error("at most {limit} tokens are kept, and none of them has expired; give tokens a ttl")]
    TooManyTokens {
        /// How many.
        limit: usize,
    },
    /// This very call made a token before.
    #[error("this call made token {id} before, and its secret was shown then; revoke it, and use another request_id")]
    TokenAlreadyCreated {
        /// The idempotency key.
        request_id: String,
        /// The token.
        id: TokenId,
    },
    /// The idempotency key belongs to another token by the same operator.
    #[error("this request_id was used before for something else")]
    TokenRequestIdReused {
        /// The key.
        request_id: String,
        /// The token that it was used for.
        id: TokenId,
    },
    /// Work that takes long was not done.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
    /// The stream reached its greatest age.
    #[error("the stream reached its greatest age; reattach")]
    StreamAged,
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
