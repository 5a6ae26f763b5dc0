//! Control data: their version, and what changed after one.
//!
//! Every change of tokens, sessions, blocks and the policy raises `meta.control` in its own transaction, which holds the
//! gate exclusively. So versions become visible in order. `meta.restricted` is the version of the last change that calls
//! must not miss: each group of commands reads it in its own transaction.

use deadpool_postgres::ClientWrapper;

use super::{
    Shared, columns,
    connections::{Connection, Transaction},
};
use crate::{
    domain::Time,
    store::{ControlVersion, StoreError, records},
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

/// What a poll reads.
pub(super) struct Polled {
    pub(super) control: ControlVersion,
    /// The version of the freezes.
    pub(super) freezes: i64,
    /// The time of PostgreSQL.
    pub(super) time: Time,
}

/// Reads the versions and the clock, for a poll.
pub(super) async fn poll(connection: &Connection) -> Result<Polled, StoreError> {
    let sql = "SELECT control, freezes, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM meta";
    let statement = connection.prepare_cached(sql).await?;
    let row = connection.query_one(&statement, &[]).await?;
    Ok(Polled { control: version(row.get(0))?, freezes: row.get(1), time: records::time(row.get(2))? })
}
