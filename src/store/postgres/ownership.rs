//! One server at a time.
//!
//! A server keeps tokens, sessions and the live policy in memory. A second server would not learn at once that a token was
//! revoked. So a server holds an advisory lock of the database for as long as it runs, and another one does not start: it
//! can wait on another machine, and start when the first one has ended.
//!
//! The lock belongs to a connection. If that breaks, the server takes the lock again. If another server was faster, this
//! one has failed. Meanwhile each approval is still decided once: that is up to the rows, not to this lock.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Durability, OpenError, Shared,
    connections::{Connection, Connections, Lock},
};
use crate::store::{Health, StoreError};

/// How often a server checks that it still has the lock.
const CHECK: Duration = Duration::from_secs(2);

/// Takes the lock. False if another server has it.
async fn take(connections: &Connections, connection: &Connection) -> Result<bool, StoreError> {
    let lock = connections.lock(Lock::Server);
    Ok(connection.query_one("SELECT pg_try_advisory_lock($1)", &[&lock]).await?.get(0))
}

/// Takes the lock for a server that starts. The lock lives as long as the returned connection.
pub(super) async fn claim(connections: &Connections) -> Result<Connection, OpenError> {
    let connection = connections.first().await?;
    if take(connections, &connection).await? { Ok(connection) } else { Err(OpenError::InUse) }
}

/// Keeps the lock until the store is closed. `connection`: the one that [`claim`] returned.
///
/// With `require_synchronous`, the store fails when PostgreSQL's settings no longer promise [`Durability::Standby`].
pub(super) fn start(
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
    connection: Connection,
    require_synchronous: bool,
) {
    tokio::spawn(keep(shared, health, connection, require_synchronous));
}

async fn keep(shared: Arc<Shared>, health: watch::Sender<Health>, connection: Connection, require_synchronous: bool) {
    let mut held = Some(connection);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = tokio::time::sleep(CHECK) => {}
        }
        let promised = match &held {
            Some(connection) => Durability::read(connection).await.ok(),
            None => None,
        };
        if let Some(durability) = promised {
            if require_synchronous && durability < Durability::Standby {
                let reason = OpenError::NotSynchronous(durability).to_string();
                tracing::error!("{reason}");
                health.send_replace(Health::Failed(reason));
                break;
            }
            continue;
        }
        if let Some(broken) = held.take() {
            drop(deadpool_postgres::Object::take(broken));
        }
        let Ok(connection) = shared.connections.get().await else { continue };
        match take(&shared.connections, &connection).await {
            Ok(true) => held = Some(connection),
            Ok(false) => {
                let reason = "another server uses the store in PostgreSQL";
                tracing::error!("{reason}");
                health.send_replace(Health::Failed(reason.into()));
                return;
            }
            Err(error) => tracing::debug!(%error, "cannot take the lock of the server"),
        }
    }
    // The lock ends with its connection, which must not return to the pool.
    if let Some(connection) = held {
        drop(deadpool_postgres::Object::take(connection));
    }
}
