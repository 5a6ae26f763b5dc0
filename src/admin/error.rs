use crate::{
    domain::{Actor, FreezeId},
    identity::AccessDenied,
    store::StoreError,
};

/// Why a use-case of the server as a whole failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessDenied),
    /// The one who froze cannot thaw.
    #[error("{frozen_by} made this freeze, and another operator must thaw it (`thaw_requires_other_operator`)")]
    OtherOperatorRequired {
        /// Which freeze.
        id: FreezeId,
        /// Who froze.
        frozen_by: Actor,
    },
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
