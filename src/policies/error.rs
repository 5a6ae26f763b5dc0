use crate::{blocking_pool::PoolError, identity::AccessDenied, policy::Problem, store::StoreError};

/// Why a use-case of the policy failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// There is no such version of the policy.
    #[error("the policy has no version {0}")]
    VersionNotFound(u64),
    /// The policy is taken from a file, at this path.
    #[error("the policy comes from the server's file {0}; change that")]
    FromFile(String),
    /// Work that takes long was not done.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why there is no policy to start with.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The stored policy is not one that this build can use.
    #[error("version {version} of the policy, which is live in the store, cannot be used: {}; start with --policy FILE to replace it", list(.problems))]
    Unusable {
        /// Its version.
        version: u64,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
