use crate::{
    domain::{Actor, FreezeId},
    identity::AccessDenied,
    store::StoreError,
};

/// Why freezing, thawing or reading the status failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The operator who froze may not thaw.
    #[error("{frozen_by} made this freeze, and another operator must thaw it (`thaw_requires_other_operator`)")]
    OtherOperatorRequired {
        /// Which freeze.
        id: FreezeId,
        /// Who froze.
        frozen_by: Actor,
    },
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store rejected it, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
