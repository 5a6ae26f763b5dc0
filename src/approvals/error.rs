use crate::{
    domain::{ApprovalId, Revision},
    store::StoreError,
};

/// Why a use-case failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such approval, or none that the caller may see.
    #[error("there is no approval {0}")]
    NotFound(ApprovalId),
    /// The caller's role may not do this.
    #[error("role {role} may not call {method}")]
    RoleNotAllowed {
        /// The caller's role.
        role: &'static str,
        /// What it called.
        method: &'static str,
    },
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
