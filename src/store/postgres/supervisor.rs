//! Watches PostgreSQL's settings, and the version of the schema, while a server runs.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{Durability, OpenError, Shared, migrations};
use crate::store::Health;

/// How often they are read.
const CHECK: Duration = Duration::from_secs(2);

/// With `require_synchronous`, the store fails when the settings no longer promise [`Durability::Standby`]: an operator
/// may change them, and a failover may lead to a server with others. It also fails when a later version has migrated it
/// so that this build can no longer serve it; the writer rejects changes from then on.
pub(super) fn start(shared: Arc<Shared>, health: watch::Sender<Health>, require_synchronous: bool) {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tokio::time::sleep(CHECK) => {}
            }
            let Ok(connection) = shared.connections.get().await else { continue };
            if let Ok(Err(error)) =
                migrations::version(&connection, shared.connections.schema()).await.map(|it| it.check())
            {
                let reason = error.to_string();
                tracing::error!("{reason}");
                health.send_replace(Health::Failed(reason));
                return;
            }
            let Ok(durability) = Durability::read(&connection).await else { continue };
            if require_synchronous && durability < Durability::Standby {
                let reason = OpenError::NotSynchronous(durability).to_string();
                tracing::error!("{reason}");
                health.send_replace(Health::Failed(reason));
                return;
            }
        }
    });
}
