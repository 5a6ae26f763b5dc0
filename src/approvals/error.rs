use crate::{
    blocking_pool::PoolError,
    domain::{ApprovalId, OpenedError, Revision, limits::SEARCH_TEXT_MAX},
    identity::AccessDenied,
    store::StoreError,
};

/// Why a use-case of approvals failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The approval does not exist, or the caller may not read it.
    #[error("approval {0} does not exist, or the caller may not read it")]
    NotFound(ApprovalId),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The resume point is newer than the approval's newest revision.
    #[error("after_revision {after} is newer than the newest revision, {revision}")]
    RevisionOutOfRange {
        /// The approval.
        id: ApprovalId,
        /// The requested revision.
        after: Revision,
        /// The newest revision.
        revision: Revision,
    },
    /// There is a resume point, but no request with this `request_id`.
    #[error("after_revision is set, but this request_id is new; nothing was recorded; set it only to resume")]
    NothingToResume,
    /// Edited arguments do not satisfy the request's schema.
    #[error("the edited arguments do not satisfy the request's schema")]
    EditViolatesSchema(Vec<String>),
    /// The opened parts that a page sent with a decision break a limit.
    #[error(transparent)]
    Opened(#[from] OpenedError),
    /// The text to search for is too long.
    #[error("the text to search for has {found} characters; at most {SEARCH_TEXT_MAX} are allowed")]
    SearchTextTooLong {
        /// Its length.
        found: usize,
    },
    /// An operator who may not read the approval cannot revoke it. Who claimed it and when, or when its window closed,
    /// is not shown to that operator.
    #[error("cannot revoke: {}", if *claimed { "already claimed" } else { "the claim window has closed" })]
    NotRevocable {
        /// The approval.
        id: ApprovalId,
        /// Whether it was claimed. Otherwise its claim window has closed.
        claimed: bool,
    },
    /// The pool rejected slow work.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The server is shutting down.
    #[error("the server is shutting down; reconnect")]
    Draining,
    /// The stream reached its maximum age.
    #[error("the stream reached its maximum age; reconnect")]
    StreamAged,
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected it, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
