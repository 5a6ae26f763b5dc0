//! What other servers changed of the control data.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{PostgresStore, blocks, connections::Connection, control::version, merged_records, policies};
use crate::{
    domain::{Session, Token},
    store::{ControlChanges, ControlPoll, ControlStore, ControlVersion, Store, StoreError},
};

#[async_trait]
impl ControlStore for PostgresStore {
    fn as_of(&self, known: ControlVersion) -> Option<Arc<dyn Store>> {
        Some(Arc::new(Self {
            shared: Arc::clone(&self.shared),
            writer: self.writer.clone(),
            newest_time: self.newest_time,
            health: self.health.clone(),
            tasks: Arc::clone(&self.tasks),
            known: Some(known),
        }))
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
