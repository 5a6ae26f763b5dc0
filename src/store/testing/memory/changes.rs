//! The change feed in memory: a list of all commits.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{MemoryStore, State};
use crate::store::{Change, ChangeFeed, ChangePage, Cursor, CursorError, FeedError, StoreError};

impl State {
    /// The cursor after this many changes.
    fn cursor(&self, seen: usize) -> Result<Cursor, CursorError> {
        Cursor::new(self.id, (seen as u64).to_be_bytes())
    }

    /// The number of changes before a cursor.
    fn seen(&self, cursor: &Cursor) -> Result<usize, CursorError> {
        let position = cursor.position_in(self.id)?.try_into().map_err(|_| CursorError::Malformed)?;
        let seen = usize::try_from(u64::from_be_bytes(position)).unwrap_or(usize::MAX);
        if seen > self.changes.len() { Err(CursorError::OtherHistory) } else { Ok(seen) }
    }
}

#[async_trait]
impl ChangeFeed for MemoryStore {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        let state = self.state()?;
        let seen = cursor.map_or(Ok(0), |cursor| state.seen(&cursor))?;
        let changes: Vec<_> = state.changes[seen..].iter().take(limit.max(1)).copied().collect();
        let seen = seen + changes.len();
        Ok(ChangePage { changes, next: state.cursor(seen)?, more: seen < state.changes.len() })
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        let state = self.state()?;
        state.cursor(state.changes.len()).map_err(|error| StoreError::Corrupt(error.to_string().into()))
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.commits.changes()
    }
}
