//! Freezes: what no claim is granted for.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Freeze, ImportedFreezes, NewFreeze, NewThaw};

/// Keeps freezes, by the rules of [`Freezes`](crate::domain::Freezes).
///
/// They count where approvals change: [`submit`](super::ApprovalStore::submit) asks
/// [`Freezes::judge`](crate::domain::Freezes::judge), and [`transition`](super::ApprovalStore::transition) runs
/// [`step_unless_frozen`](crate::domain::step_unless_frozen), each with the freezes that are on record in its own
/// transaction. So no claim is granted after [`freeze`](Self::freeze) has answered, on any server.
#[async_trait]
pub trait FreezeStore: Send + Sync + 'static {
    /// Freezes calls, or finds the freeze that the same operator made with the same `request_id`.
    ///
    /// # Errors
    /// [`FreezeError::TooMany`], [`FreezeError::RequestIdReused`], or a failure.
    ///
    /// [`FreezeError::TooMany`]: crate::domain::FreezeError::TooMany
    /// [`FreezeError::RequestIdReused`]: crate::domain::FreezeError::RequestIdReused
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError>;

    /// Ends a freeze, or finds the one that the same operator ended with the same `request_id`.
    ///
    /// # Errors
    /// [`FreezeError::NotFound`], [`FreezeError::RequestIdReused`], or a failure.
    ///
    /// [`FreezeError::NotFound`]: crate::domain::FreezeError::NotFound
    /// [`FreezeError::RequestIdReused`]: crate::domain::FreezeError::RequestIdReused
    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError>;

    /// Every freeze that is kept, in order of id: those that stand, and the newest that were thawed.
    ///
    /// # Errors
    /// A failure.
    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError>;

    /// Takes freezes from an export, copies of such as are kept already included: all of them or none. A copy that
    /// stands does not undo a thaw.
    ///
    /// # Errors
    /// [`FreezeError::Conflict`], [`FreezeError::Bad`], or a failure.
    ///
    /// [`FreezeError::Conflict`]: crate::domain::FreezeError::Conflict
    /// [`FreezeError::Bad`]: crate::domain::FreezeError::Bad
    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError>;
}
