//! The store of sessions.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Session, SessionId};

/// Stores sessions. They do not move with an export: people sign in again.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Saves sessions: all or none. A session that is stored already takes over what is newer in the copy
    /// ([`Session::absorb`]). Returns the number of new sessions.
    ///
    /// # Errors
    /// [`StoreError::SessionConflict`] when another session is stored under the same id, [`StoreError::BadSession`] for
    /// an invalid session, or a failure.
    async fn save_sessions(&self, sessions: Vec<Session>) -> Result<usize, StoreError>;

    /// Forgets sessions. Ignores ids that are not stored.
    ///
    /// # Errors
    /// A failure.
    async fn forget_sessions(&self, ids: Vec<SessionId>) -> Result<(), StoreError>;

    /// All sessions, in order of id.
    ///
    /// # Errors
    /// A failure.
    async fn sessions(&self) -> Result<Vec<Session>, StoreError>;
}
