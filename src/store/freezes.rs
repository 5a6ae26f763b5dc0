//! The store of freezes, which block claims.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Freeze, ImportedFreezes, NewFreeze, NewThaw};

/// Stores freezes, by the rules of [`Freezes`](crate::domain::Freezes).
///
/// Freezes apply where approvals change: [`submit`](super::ApprovalStore::submit) calls
/// [`Freezes::judge`](crate::domain::Freezes::judge), and [`transition`](super::ApprovalStore::transition) runs
/// [`step_unless_frozen`](crate::domain::step_unless_frozen). Both read the freezes in their own transaction. So no
/// server grants a claim after [`freeze`](Self::freeze) has returned.
#[async_trait]
pub trait FreezeStore: Send + Sync + 'static {
    /// Freezes calls, or finds the earlier freeze of the same operator with the same `request_id`.
    ///
    /// # Errors
    /// [`FreezeError::TooMany`], [`FreezeError::RequestIdReused`], or a failure.
    ///
    /// [`FreezeError::TooMany`]: crate::domain::FreezeError::TooMany
    /// [`FreezeError::RequestIdReused`]: crate::domain::FreezeError::RequestIdReused
    async fn freeze(&self, new: NewFreeze) -> Result<Freeze, StoreError>;

    /// Ends a freeze, or finds the one that the same operator ended earlier with the same `request_id`.
    ///
    /// # Errors
    /// [`FreezeError::NotFound`], [`FreezeError::RequestIdReused`], or a failure.
    ///
    /// [`FreezeError::NotFound`]: crate::domain::FreezeError::NotFound
    /// [`FreezeError::RequestIdReused`]: crate::domain::FreezeError::RequestIdReused
    async fn thaw(&self, new: NewThaw) -> Result<Freeze, StoreError>;

    /// All stored freezes, in order of id: the active ones, and the most recently thawed ones.
    ///
    /// # Errors
    /// A failure.
    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError>;

    /// Imports freezes from an export: all or none. It accepts copies of stored freezes; a copy that is still active
    /// does not undo a thaw.
    ///
    /// # Errors
    /// [`FreezeError::Conflict`], [`FreezeError::Bad`], or a failure.
    ///
    /// [`FreezeError::Conflict`]: crate::domain::FreezeError::Conflict
    /// [`FreezeError::Bad`]: crate::domain::FreezeError::Bad
    async fn import_freezes(&self, freezes: Vec<Freeze>) -> Result<ImportedFreezes, StoreError>;
}
