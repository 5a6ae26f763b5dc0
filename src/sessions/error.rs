use crate::{
    domain::SessionId,
    identity::{AccessDenied, Unrecognised},
    store::StoreError,
};

/// Errors of the use-cases of sessions and blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller is denied.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The credentials of a sign-in are not valid any more, or their subject is blocked.
    #[error(transparent)]
    Credentials(#[from] Unrecognised),
    /// The credentials of a sign-in have no role that uses the desk.
    #[error("{0} has no role that uses the desk: reviewer, auditor or operator")]
    NoRole(String),
    /// People do not sign in with such credentials.
    #[error("people sign in with a token of this server, or at the OpenID provider")]
    NotASignIn,
    /// The session does not exist, or the caller may not know of it.
    #[error("there is no session {0}")]
    NotFound(SessionId),
    /// The maximum number of sessions is active.
    #[error("the server has {limit} sessions, its maximum; sign in later, or have an operator end some")]
    TooMany {
        /// The maximum.
        limit: usize,
    },
    /// The same operator used the idempotency key for other sessions.
    #[error("this request_id was used before, and ended session {id}; use a new request_id for a new call")]
    RequestIdReused {
        /// The key.
        request_id: String,
        /// A session that it ended.
        id: SessionId,
    },
    /// An operator would block itself.
    #[error("you cannot block yourself; another operator can")]
    OwnSubject,
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected the call or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
