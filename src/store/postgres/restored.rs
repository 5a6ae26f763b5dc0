//! A database that was restored from `pg_dump` into another cluster.
//!
//! The change feed orders changes by the numbers of transactions, which are those of the old cluster. If they are ahead of
//! the new cluster's, readers of the feed would wait until it has caught up. So these changes get the number of one new
//! transaction, in which their own order stays. The store gets a new id: a cursor of a consumer may be ahead of what was
//! restored, so consumers start again.

use super::{OpenError, connections::Connections};

/// Renumbers the changes of a restored database.
pub(super) async fn renumber(connections: &Connections) -> Result<(), OpenError> {
    let transaction = connections.exclusive().await?;
    let ahead = "SELECT EXISTS (SELECT FROM changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))";
    if transaction.query_one(ahead, &[]).await?.get(0) {
        transaction.batch_execute("SET LOCAL statement_timeout = 0").await?;
        transaction.batch_execute("UPDATE changes SET xid = pg_current_xact_id()").await?;
        transaction.batch_execute("UPDATE meta SET store = gen_random_uuid()").await?;
        tracing::warn!("the database was restored into another cluster; consumers of the change feed start again");
    }
    Ok(transaction.commit().await?)
}
