//! Stores in a real PostgreSQL, for tests.

mod cluster;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;

use super::{PostgresConfig, PostgresStore, PostgresTls};
use crate::{
    domain::Routes,
    store::{Lifecycle as _, Observer, Store, conformance::Subject},
};

/// Counts the schemas of this process.
static SCHEMAS: AtomicU64 = AtomicU64::new(1);

/// The settings of a new, empty store: a schema of its own in the PostgreSQL of this process.
pub(in crate::store) fn config(routes: Arc<Routes>) -> PostgresConfig {
    let schema = format!("store_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let connection = cluster::connection();
    PostgresConfig {
        connection,
        tls: PostgresTls::default(),
        schema,
        migrate: true,
        require_synchronous: false,
        policy_file: false,
        routes,
    }
}

/// Opens a store.
pub(in crate::store) async fn open(config: &PostgresConfig, observer: Arc<dyn Observer>) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(config, observer).await.unwrap())
}

/// A store for the conformance suite. Opening it again finds the same schema.
pub(in crate::store) struct Postgres {
    config: PostgresConfig,
    opened: Option<(Arc<PostgresStore>, Arc<dyn Store>)>,
}

impl Postgres {
    async fn open(&mut self) {
        let store = open(&self.config, Arc::new(())).await;
        self.opened = Some((Arc::clone(&store), store));
    }

    /// The store, with everything in it.
    pub(super) fn opened(&self) -> &Arc<PostgresStore> {
        &self.opened.as_ref().unwrap().0
    }

    /// Another server on the same schema, which takes the policy from a file.
    pub(super) async fn with_policy_file(&self) -> Arc<PostgresStore> {
        open(&PostgresConfig { policy_file: true, ..self.config.clone() }, Arc::new(())).await
    }

    /// Another server on the same schema.
    pub(super) async fn other(&self) -> Arc<PostgresStore> {
        open(&self.config, Arc::new(())).await
    }
}

#[async_trait]
impl Subject for Postgres {
    async fn create(routes: Arc<Routes>) -> Self {
        let mut subject = Self { config: config(routes), opened: None };
        subject.open().await;
        subject
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.opened.as_ref().unwrap().1
    }

    async fn reopen(&mut self) {
        if let Some((store, _)) = self.opened.take() {
            store.close().await;
        }
        self.open().await;
    }
}

/// Ends the tasks and connections: a runtime may outlive its stores.
impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some((store, _)) = &self.opened {
            store.shared.stop.cancel();
            store.shared.connections.close();
        }
    }
}
