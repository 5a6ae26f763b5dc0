use crate::{blocking_pool::PoolError, identity::AccessDenied, policy::Problem, store::StoreError};

/// Errors of the policy use-cases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller is denied.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The version does not exist.
    #[error("the policy has no version {0}")]
    VersionNotFound(u64),
    /// The server takes the policy from the file at this path.
    #[error("the server takes the policy from the file {0}; change that file")]
    FromFile(String),
    /// Long-running work was not done.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected the call or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the server has no policy at its start.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// This build cannot use the stored policy.
    #[error(
        "cannot load version {version} of the policy from the store: {}; start with --policy FILE to replace it",
        list(.problems)
    )]
    Unusable {
        /// Its version.
        version: u64,
        /// The problems.
        problems: Vec<Problem>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
