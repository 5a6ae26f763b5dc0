//! The change feed: changes in the order in which they became durable.
//!
//! A consumer stores a [`Cursor`] together with its own results, and asks for the changes after it. A consumer that was
//! down, or was killed between handling a change and storing its cursor, misses nothing: it gets some changes again.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Cursor, CursorError, StoreError};
use crate::domain::{ApprovalId, Revision, Status, Time};

/// Reports changes.
///
/// To follow a store, subscribe with [`changes`](Self::changes) first, then read pages until there are no
/// [`more`](ChangePage::more), and read again after each wake-up, lagging included.
#[async_trait]
pub trait ChangeFeed: Send + Sync + 'static {
    /// Changes after a cursor, or from the beginning without one: at most `limit`, in the order in which they became
    /// durable. A limit of 0 counts as 1, because an empty page would lead to itself.
    ///
    /// The changes of one approval are in order of revision. Commits that became durable together may appear as one
    /// change, with the newest revision: read the events up to it. A cursor never expires: a store drops only entries
    /// whose approvals were all forgotten. The feed may still show changes of forgotten approvals; reading such an
    /// approval gives [`StoreError::NotFound`].
    ///
    /// # Errors
    /// [`FeedError::Cursor`] for a cursor of another store, or from before a backup was restored; else a failure.
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError>;

    /// The cursor after all durable changes. A change that is recorded after this call returns comes after the cursor.
    /// A change that becomes durable during the call may be before it.
    ///
    /// # Errors
    /// A failure.
    async fn newest_cursor(&self) -> Result<Cursor, StoreError>;

    /// Wake-ups: every change from now on, from memory. A receiver that lags must read the store again.
    fn changes(&self) -> broadcast::Receiver<Change>;
}

/// A commit, as receivers in memory see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The approval that changed.
    pub id: ApprovalId,
    /// Its newest revision.
    pub revision: Revision,
    /// Its status.
    pub status: Status,
    /// Its next deadline or escalation, unless it changes first.
    pub due: Time,
}

/// A commit in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordedChange {
    /// The approval that changed.
    pub approval_id: ApprovalId,
    /// Its revision after the commit.
    pub revision: Revision,
}

/// One page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes, in order.
    pub changes: Vec<RecordedChange>,
    /// Where the next page starts. Store it after you have handled the changes.
    pub next: Cursor,
    /// Whether there may be more changes now. An empty page is not always the last one.
    pub more: bool,
}

/// Why a page of the feed could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The cursor does not belong to this store.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
