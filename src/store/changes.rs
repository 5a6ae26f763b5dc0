//! The change feed: what changed, in the order in which it became durable.
//!
//! A consumer keeps a [`Cursor`] where it keeps its own results, and asks for what came after it. One that was down, or
//! was killed between handling a change and keeping its cursor, misses nothing: it gets some changes again.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Cursor, CursorError, StoreError};
use crate::domain::{ApprovalId, Revision, Status, Time};

/// Tells what changed.
///
/// To follow a store, subscribe with [`changes`](Self::changes) first, then read pages until there are no
/// [`more`](ChangePage::more), and read again after each wake-up, lagging included.
#[async_trait]
pub trait ChangeFeed: Send + Sync + 'static {
    /// Changes after a cursor, or from the beginning without one: at most `limit`, in the order in which they became
    /// durable. Only durable changes are shown. A limit of 0 counts as 1: an empty page would be followed by itself for
    /// ever.
    ///
    /// Of one approval they come in order of its revisions. Commits that became durable together may be told as one
    /// change, with the newest revision: read the events up to it. Nothing is missed, however old the cursor: what a
    /// store drops of its feed told only of approvals that were forgotten. Changes of forgotten approvals may be shown
    /// or not; reading such an approval gives [`StoreError::NotFound`].
    ///
    /// # Errors
    /// [`FeedError::Cursor`] for a cursor of another store, or of another history of this one; else a failure.
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError>;

    /// The cursor behind every change that is durable: what is recorded after this call returned comes after it. What
    /// becomes durable before that may be left out.
    ///
    /// # Errors
    /// A failure.
    async fn newest_cursor(&self) -> Result<Cursor, StoreError>;

    /// A nudge: every change from now on, from memory. A receiver that lags must read the store again.
    fn changes(&self) -> broadcast::Receiver<Change>;
}

/// A commit, as those see it who are connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The approval that changed.
    pub id: ApprovalId,
    /// Its newest revision.
    pub revision: Revision,
    /// Where it stands.
    pub status: Status,
    /// When it is due, unless something happens to it before.
    pub due: Time,
}

/// A commit in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordedChange {
    /// The approval that changed.
    pub approval_id: ApprovalId,
    /// The revision that it had then.
    pub revision: Revision,
}

/// One page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes, in order.
    pub changes: Vec<RecordedChange>,
    /// Where the next page starts. Keep it after the changes have been handled.
    pub next: Cursor,
    /// Whether there may be more already. A page can be empty and not the last one.
    pub more: bool,
}

/// Why there is no page of the feed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The cursor is not one of this store.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
