//! Control data: their version, and what changed after one.
//!
//! Every change of tokens, sessions, blocks and the policy raises `meta.control` in its own transaction, which holds the
//! gate exclusively. So versions become visible in order. `meta.restricted` is the version of the last change that calls
//! must not miss: each group of commands reads it in its own transaction.

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio::sync::watch;

use super::{
    PostgresStore, Shared, blocks, columns,
    connections::{Connection, Transaction},
    merged_records, policies,
};
use crate::{
    domain::{Session, Time, Token},
    store::{ControlChanges, ControlPoll, ControlStore, ControlVersion, Store, StoreError, records},
};

/// Whether a change of control data takes rights away, or must otherwise be seen by every call after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    Adds,
    Restricts,
}

/// The version in a column.
pub(super) fn version(column: i64) -> Result<ControlVersion, StoreError> {
    columns::unsigned(column).map(ControlVersion)
}

/// Raises the version, in a transaction that holds the gate exclusively. Returns it.
pub(super) async fn raise(client: &ClientWrapper, effect: Effect) -> Result<i64, StoreError> {
    let sql = "UPDATE meta SET control = control + 1, restricted = CASE WHEN $1 THEN control + 1 ELSE restricted END \
               RETURNING control";
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_one(&statement, &[&(effect == Effect::Restricts)]).await?.get(0))
}

impl Shared {
    /// A transaction that nothing else changes the store beside, for a caller who was checked with control data of a
    /// version.
    ///
    /// # Errors
    /// [`StoreError::Outdated`], or a failure.
    pub(super) async fn exclusive(&self, known: Option<ControlVersion>) -> Result<Transaction, StoreError> {
        let transaction = self.connections.exclusive().await?;
        let Some(known) = known else { return Ok(transaction) };
        let statement = transaction.prepare_cached("SELECT restricted FROM meta").await?;
        if known >= version(transaction.query_one(&statement, &[]).await?.get(0))? {
            return Ok(transaction);
        }
        transaction.end(Err(StoreError::Outdated)).await
    }
}

#[async_trait]
impl ControlStore for PostgresStore {
    fn as_of(self: Arc<Self>, known: ControlVersion) -> Arc<dyn Store> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            writer: self.writer.clone(),
            newest_time: self.newest_time,
            health: self.health.clone(),
            tasks: Arc::clone(&self.tasks),
            known: Some(known),
        })
    }

    async fn control_after(&self, known: ControlVersion) -> Result<ControlChanges, StoreError> {
        let connection = self.shared.connection().await?;
        changes(&connection, known).await
    }

    fn control_polls(&self) -> Option<watch::Receiver<ControlPoll>> {
        Some(self.shared.polls.subscribe())
    }
}

async fn changes(connection: &Connection, known: ControlVersion) -> Result<ControlChanges, StoreError> {
    // The version first. What is committed after it is then read too early, and once more the next time.
    let sql = "SELECT control, (SELECT max(control) FROM policies) FROM meta";
    let row = connection.query_one(&connection.prepare_cached(sql).await?, &[]).await?;
    let newest = version(row.get(0))?;
    let after = i64::try_from(known.0).unwrap_or(i64::MAX);
    let policy = match row.get::<_, Option<i64>>(1) {
        Some(changed) if changed > after => policies::newest(connection).await?.map(Arc::new),
        _ => None,
    };
    Ok(ControlChanges {
        version: newest,
        tokens: merged_records::changed_after::<Token>(connection, after).await?,
        sessions: merged_records::changed_after::<Session>(connection, after).await?,
        blocks: blocks::changed_after(connection, after).await?,
        policy,
    })
}

/// Reads the version and the clock, for a poll.
pub(super) async fn poll(connection: &Connection) -> Result<(ControlVersion, Time), StoreError> {
    let sql = "SELECT control, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM meta";
    let statement = connection.prepare_cached(sql).await?;
    let row = connection.query_one(&statement, &[]).await?;
    Ok((version(row.get(0))?, records::time(row.get(1))?))
}
