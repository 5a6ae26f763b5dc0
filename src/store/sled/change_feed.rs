//! The change feed in sled: the records of groups, which every commit writes anyway.
//!
//! A record is dropped only after all approvals in it were forgotten ([`drop_old`](super::commit_log::drop_old)). So a
//! cursor before the oldest record has not expired: it continues at that record, and misses no stored approval.

use async_trait::async_trait;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    SledStore,
    commit_log::{self, Checkpoint, Tip, gone},
    frame::{self, corrupt},
    keys,
    tree_reader::TreeReader,
};
use crate::{
    domain::Digest,
    store::{Change, ChangeFeed, ChangePage, Cursor, CursorError, FeedError, RecordedChange, StoreError},
};

/// Maximum records that one page reads: many may contain no approval.
const RECORDS: usize = 1_000;

/// As [`Position::seen`]: all changes of the group.
const ALL: u32 = u32::MAX;

/// Length of the group's hash in a cursor, in bytes.
const CHECK: usize = 8;

/// The position in a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// The number of a group; 0 before the first.
    group: u64,
    /// Number of its changes that the consumer has seen.
    seen: u32,
    /// The start of the hash of its record. After an old backup was restored, a new group can have the same number, but
    /// not the same hash.
    check: [u8; CHECK],
}

impl Position {
    const START: Self = Self { group: 0, seen: ALL, check: [0; CHECK] };

    fn behind(tip: &Tip) -> Self {
        if tip.counter == 0 { Self::START } else { Self::within(tip, ALL) }
    }

    fn within(tip: &Tip, seen: u32) -> Self {
        let mut check = [0; CHECK];
        check.copy_from_slice(&tip.hash.as_bytes()[..CHECK]);
        Self { group: tip.counter, seen, check }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (group, rest) = bytes.split_first_chunk()?;
        let (seen, check) = rest.split_first_chunk()?;
        Some(Self { group: u64::from_be_bytes(*group), seen: u32::from_be_bytes(*seen), check: check.try_into().ok()? })
    }

    fn cursor(&self, store: Uuid) -> Result<Cursor, CursorError> {
        let bytes = [&self.group.to_be_bytes()[..], &self.seen.to_be_bytes(), &self.check].concat();
        Cursor::new(store, bytes)
    }

    /// Rejects a position that this store cannot have written.
    fn check(&self, pages: &TreeReader, newest: &Tip) -> Result<(), FeedError> {
        if self.group > newest.counter {
            return Err(CursorError::OtherHistory.into());
        }
        let recorded = if self.group == 0 { Some(Digest::ZERO) } else { commit_log::hash_of(pages, self.group)? };
        match recorded {
            Some(hash) if !hash.as_bytes().starts_with(&self.check) => Err(CursorError::OtherHistory.into()),
            _ => Ok(()), // the record was dropped: there is nothing to compare
        }
    }
}

#[async_trait]
impl ChangeFeed for SledStore {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        self.scan(move |pages| Ok(page(pages, cursor.as_ref(), limit.max(1)))).await?
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        self.scan(|pages| {
            let behind = Position::behind(&Tip::read(pages)?);
            behind.cursor(store_id(pages)?).map_err(|error| corrupt(error.to_string()))
        })
        .await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.commits.changes()
    }
}

fn store_id(pages: &TreeReader) -> Result<Uuid, StoreError> {
    let id = frame::get(pages, keys::STORE)?.ok_or_else(|| corrupt("sled has no store id"))?;
    Uuid::from_slice(&id).map_err(|error| corrupt(error.to_string()))
}

fn page(pages: &TreeReader, cursor: Option<&Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
    let store = store_id(pages)?;
    let mut position = match cursor {
        None => Position::START,
        Some(cursor) => Position::decode(cursor.position_in(store)?).ok_or(CursorError::Malformed)?,
    };
    position.check(pages, &Tip::read(pages)?)?;
    let (mut changes, mut looked_at) = (Vec::new(), 0);
    // Read a partly seen group again.
    let mut last = if position.seen == ALL { position.group } else { position.group.saturating_sub(1) };
    for entry in pages.range(keys::groups_after(last)) {
        let (key, first) = entry.map_err(FeedError::Store)?;
        let Some(counter) = keys::group_of(&key) else { continue };
        if looked_at == RECORDS {
            return Ok(ChangePage { changes, next: position.cursor(store)?, more: true });
        }
        looked_at += 1;
        // This record, or ones before it, may have been dropped meanwhile. Any other gap is damage.
        if counter != last + 1 && Checkpoint::read(pages)?.counter + 1 < counter {
            return Err(FeedError::Store(gone(last + 1)));
        }
        last = counter;
        let Some(payload) = frame::join(pages, &key, first)? else { continue };
        let (link, tip) = Tip::after(counter, &payload)?;
        let seen = if counter == position.group { position.seen } else { 0 };
        for (number, (approval_id, revision)) in (0..).zip(link.record.changed).skip(seen as usize) {
            if changes.len() == limit {
                let next = Position::within(&tip, number).cursor(store)?;
                return Ok(ChangePage { changes, next, more: true });
            }
            changes.push(RecordedChange { approval_id, revision });
        }
        position = Position::within(&tip, ALL);
    }
    Ok(ChangePage { changes, next: position.cursor(store)?, more: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_pinned() {
        let tip = Tip { counter: 3, hash: Digest::from_bytes([9; 32]), newest: None };
        let position = Position::within(&tip, 5);
        let cursor = position.cursor(Uuid::nil()).unwrap();
        let bytes = cursor.position_in(Uuid::nil()).unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 5, 9, 9, 9, 9, 9, 9, 9, 9]);
        assert_eq!(Position::decode(bytes), Some(position));
        assert_eq!(Position::decode(&bytes[1..]), None);
        assert_eq!(Position::behind(&Tip::NONE), Position::START);
    }
}
