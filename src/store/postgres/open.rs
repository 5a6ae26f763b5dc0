//! Opening a store in PostgreSQL.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Durability, OpenError, PostgresConfig, PostgresStore, SchemaVersion, Shared, Tasks,
    connections::{Connection, Connections},
    freezes, migrations, outbox,
    poller::{self, Duties},
    restored, writer,
};
use crate::{
    domain::Time,
    store::{Health, Observer, commit_broadcast::CommitBroadcast, records},
};

/// Capacity of the writer's queue. Senders wait when it is full.
const QUEUE: usize = 4_096;

impl PostgresStore {
    /// The version of a store's schema, while a server may be using it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn schema_version(config: &PostgresConfig) -> Result<SchemaVersion, OpenError> {
        let connection = Connections::new(config)?.first().await?;
        Ok(migrations::version(&connection, &config.schema).await?)
    }

    /// Brings the schema of a store to the newest version of this build.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn migrate(config: &PostgresConfig) -> Result<SchemaVersion, OpenError> {
        let connection = Connections::new(config)?.first().await?;
        migrations::migrate(&connection, &config.schema).await
    }

    /// Opens a store, which other servers may have open.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: &PostgresConfig, observer: Arc<dyn Observer>) -> Result<Self, OpenError> {
        let connections = Connections::new(config)?;
        let connection = connections.first().await?;
        if config.migrate {
            migrations::migrate(&connection, &config.schema).await?;
        }
        migrations::version(&connection, &config.schema).await?.check()?;
        let durability = Durability::read(&connection).await?;
        if config.require_synchronous && durability < Durability::Standby {
            return Err(OpenError::NotSynchronous(durability));
        }
        if durability == Durability::Process {
            tracing::warn!("{durability}");
        } else {
            tracing::info!("{durability}");
        }
        restored::renumber(&connections).await?;
        let store: Uuid = connection.query_one("SELECT store FROM meta", &[]).await?.get(0);
        let newest_time = newest(&connection).await?;
        let pending = writer::pending(&connection).await?;
        observer.pending(pending.count, pending.oldest);
        let (sender, jobs) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            connections,
            store,
            origin: Uuid::new_v4(),
            commits: CommitBroadcast::new(),
            observer,
            routes: Arc::clone(&config.routes),
            pending: AtomicU64::new(pending.count),
            observed: freezes::ObservedVersion::default(),
            polls: watch::Sender::default(),
            durability: watch::Sender::new(durability),
            outbox: watch::Sender::new(0),
            backlog: outbox::KnownBacklog::read(&connection).await?,
            closed: AtomicBool::new(false),
            stop: CancellationToken::new(),
        });
        drop(connection);
        let health = watch::Sender::new(Health::Working);
        writer::start(Arc::clone(&shared), jobs, health.clone()).await?;
        let duties = Duties { require_synchronous: config.require_synchronous, policy_file: config.policy_file };
        poller::start(Arc::clone(&shared), health.clone(), duties).await?;
        let tasks = Arc::new(Tasks(Arc::clone(&shared)));
        Ok(Self { shared, writer: sender, newest_time, health, tasks, known: None })
    }
}

/// The newest time on record.
async fn newest(connection: &Connection) -> Result<Option<Time>, OpenError> {
    let sql = "SELECT greatest((SELECT newest FROM meta), (SELECT max(updated) FROM approvals), \
               (SELECT max(at) FROM policies), (SELECT max(newest) FROM freezes), (SELECT max(newest) FROM blocks))";
    let micros: Option<i64> = connection.query_one(sql, &[]).await?.get(0);
    Ok(micros.map(records::time).transpose()?)
}
