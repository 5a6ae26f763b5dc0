use crate::{
    blocking_pool::PoolError,
    domain::{ApprovalId, Revision},
    identity::AccessDenied,
    store::StoreError,
};

/// Why a use-case of approvals failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such approval, or none that the caller may see.
    #[error("approval {0} does not exist, or the caller may not read it")]
    NotFound(ApprovalId),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The resume point is beyond the approval's newest revision.
    #[error("after_revision {after} is newer than the newest revision, {revision}")]
    RevisionOutOfRange {
        /// Of which approval.
        id: ApprovalId,
        /// What was asked for.
        after: Revision,
        /// What there is.
        revision: Revision,
    },
    /// There is a resume point, but no request under this `request_id`.
    #[error("after_revision is set, but this request_id is new; nothing was recorded; set it only to resume")]
    NothingToResume,
    /// Edited arguments do not satisfy the request's schema.
    #[error("the edited arguments do not satisfy the request's schema")]
    EditViolatesSchema(Vec<String>),
    /// An operator who may not read the approval cannot revoke it. By whom and when it was claimed, or when its window
    /// closed, is not theirs to know.
    #[error("cannot revoke: {}", if *claimed { "already claimed" } else { "the claim window has closed" })]
    NotRevocable {
        /// Of which approval.
        id: ApprovalId,
        /// Whether it was claimed; else its claim window has closed.
        claimed: bool,
    },
    /// Work that takes long was not done.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The server is shutting down.
    #[error("the server is shutting down; reconnect")]
    Draining,
    /// The stream reached its greatest age.
    #[error("the stream reached its maximum age; reconnect")]
    StreamAged,
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
