//! The change feed, and how servers learn of each other's changes.
//!
//! Every group writes its changes into the table `changes`, with its transaction's number. Transactions commit in another
//! order than they begin, so a reader that has seen number 7 could miss number 6. So readers stop below the oldest
//! transaction that is still open (`pg_snapshot_xmin`): everything below is final. A group takes milliseconds, so the feed
//! is late by as much. The numbers count all databases of the PostgreSQL cluster: a long transaction that writes in any of
//! them delays the feed, though not the decisions.
//!
//! The [poller](super::poller) of each server reads what the others changed, and wakes streams, queues and pages.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio::{sync::broadcast, time::Instant};
use uuid::Uuid;

use super::{PostgresStore, Shared, columns};
use crate::{
    domain::{ApprovalId, Status},
    store::{
        Change, ChangeFeed, ChangePage, Cursor, CursorError, FeedError, RecordedChange, StoreError,
        records::{self, corrupt},
    },
};

/// Maximum changes that one poll reads.
const PAGE: i64 = 1_000;

/// How long a page of the feed waits for older transactions to end.
const SETTLE: Duration = Duration::from_secs(1);

/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// A place in the feed: the number of a transaction, and that of a change within the store. The consumer has seen
/// everything up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    transaction: u64,
    change: u64,
}

impl Position {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (transaction, change) = bytes.split_first_chunk()?;
        Some(Self {
            transaction: u64::from_be_bytes(*transaction),
            change: u64::from_be_bytes(change.try_into().ok()?),
        })
    }

    fn cursor(self, store: Uuid) -> Result<Cursor, CursorError> {
        Cursor::new(store, [self.transaction.to_be_bytes(), self.change.to_be_bytes()].concat())
    }

    /// The parameters of a statement: `xid8` travels as text.
    fn parameters(self) -> (String, i64) {
        (self.transaction.to_string(), columns::number(self.change))
    }
}

/// What a read of the feed found.
struct Read {
    changes: Vec<RecordedChange>,
    next: Position,
    /// Whether there may be more now, or soon.
    more: bool,
}

/// The oldest open transaction, and whether there are changes of it or of later ones.
async fn horizon(client: &ClientWrapper) -> Result<(u64, bool), StoreError> {
    let sql = "WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid) \
               SELECT horizon.xid::text, EXISTS (SELECT FROM changes WHERE changes.xid >= horizon.xid) FROM horizon";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok((transaction(row.get(0))?, row.get(1)))
}

/// The place before a transaction.
fn before(transaction: u64) -> Position {
    Position { transaction: transaction.saturating_sub(1), change: u64::MAX / 2 }
}

/// The place of the last change before a transaction.
async fn last(client: &ClientWrapper, transaction_number: u64) -> Result<Position, StoreError> {
    let sql = "SELECT xid::text, seq FROM changes WHERE xid < $1::text::xid8 ORDER BY xid DESC, seq DESC LIMIT 1";
    let statement = client.prepare_cached(sql).await?;
    let Some(row) = client.query_opt(&statement, &[&transaction_number.to_string()]).await? else {
        return Ok(Position::default());
    };
    Ok(Position { transaction: transaction(row.get(0))?, change: columns::unsigned(row.get(1))? })
}

/// The number of the next transaction.
async fn newest(client: &ClientWrapper) -> Result<u64, StoreError> {
    let statement = client.prepare_cached("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").await?;
    transaction(client.query_one(&statement, &[]).await?.get(0))
}

fn transaction(text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| corrupt(format!("the transaction number {text} is malformed")))
}

/// Reads changes after a place.
async fn read(client: &ClientWrapper, after: Position, limit: usize) -> Result<Read, StoreError> {
    let sql = "SELECT xid::text, seq, approval, revision FROM changes \
               WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot()) \
               ORDER BY xid, seq LIMIT $3";
    let statement = client.prepare_cached(sql).await?;
    let (transaction_text, change) = after.parameters();
    let rows = client.query(&statement, &[&transaction_text, &change, &columns::limit(limit)]).await?;
    let (mut changes, mut next) = (Vec::with_capacity(rows.len()), after);
    for row in &rows {
        next = Position { transaction: transaction(row.get(0))?, change: columns::unsigned(row.get(1))? };
        let (approval_id, revision) = (ApprovalId::new(row.get(2)), columns::unsigned(row.get(3))?);
        changes.push(RecordedChange { approval_id, revision });
    }
    let more = changes.len() == limit || horizon(client).await?.1;
    Ok(Read { changes, next, more })
}

#[async_trait]
impl ChangeFeed for PostgresStore {
    async fn changes_after(&self, cursor: Option<Cursor>, limit: usize) -> Result<ChangePage, FeedError> {
        let (connection, store) = (self.shared.connection().await?, self.shared.store);
        let after = match cursor {
            None => Position::default(),
            Some(cursor) => Position::decode(cursor.position_in(store)?).ok_or(CursorError::Malformed)?,
        };
        // A place in the future was given by a database from before a backup was restored.
        if after.transaction > newest(&connection).await? {
            return Err(CursorError::OtherHistory.into());
        }
        let started = Instant::now();
        loop {
            let Read { changes, next, more } = read(&connection, after, limit.max(1)).await?;
            if !changes.is_empty() || !more || started.elapsed() >= SETTLE {
                return Ok(ChangePage { changes, next: next.cursor(store)?, more });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn newest_cursor(&self) -> Result<Cursor, StoreError> {
        let connection = self.shared.connection().await?;
        let started = Instant::now();
        loop {
            let (oldest, unsettled) = horizon(&connection).await?;
            let position = if !unsettled {
                last(&connection, oldest).await?
            } else if started.elapsed() >= SETTLE {
                before(oldest)
            } else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            return position.cursor(self.shared.store).map_err(|error| corrupt(error.to_string()));
        }
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.commits.changes()
    }
}

/// The place from which a server reads what others change.
pub(super) async fn begin(client: &ClientWrapper) -> Result<Position, StoreError> {
    Ok(before(horizon(client).await?.0))
}

/// Publishes what other servers changed. Returns the place after it.
pub(super) async fn publish(client: &ClientWrapper, shared: &Shared, after: Position) -> Result<Position, StoreError> {
    // An approval that was forgotten since needs no wake-up.
    let sql = "SELECT c.xid::text, c.seq, c.origin, c.approval, c.revision, a.status, coalesce(a.due, a.updated) \
               FROM changes c LEFT JOIN approvals a ON a.id = c.approval \
               WHERE (c.xid, c.seq) > ($1::text::xid8, $2) AND c.xid < pg_snapshot_xmin(pg_current_snapshot()) \
               ORDER BY c.xid, c.seq LIMIT $3";
    let statement = client.prepare_cached(sql).await?;
    let mut seen = after;
    loop {
        let (transaction_text, change) = seen.parameters();
        let rows = client.query(&statement, &[&transaction_text, &change, &PAGE]).await?;
        for row in &rows {
            seen = Position { transaction: transaction(row.get(0))?, change: columns::unsigned(row.get(1))? };
            let status: Option<i16> = row.get(5);
            let Some(status) = status.filter(|_| row.get::<_, Uuid>(2) != shared.origin) else { continue };
            shared.commits.publish(Change {
                id: ApprovalId::new(row.get(3)),
                revision: columns::unsigned(row.get(4))?,
                // A later version may know further ones. Readers of the record find out.
                status: columns::status_of(status).unwrap_or(Status::Pending),
                due: records::time(row.get(6))?,
            });
        }
        if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            return Ok(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_pinned() {
        let position = Position { transaction: 7, change: 9 };
        let bytes = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(Position::decode(&bytes), Some(position));
        let cursor = position.cursor(Uuid::nil()).unwrap();
        assert_eq!(cursor.position_in(Uuid::nil()), Ok(&bytes[..]));
        assert_eq!(Position::decode(&bytes[1..]), None);
    }
}
