//! Opening a store in PostgreSQL.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Durability, PostgresStore, PostgresTls, PostgresUrl, SchemaVersion, Shared, TlsError,
    connections::{Connection, Connections, cause},
    feed, freezes, migrations, outbox, ownership, password, restored, writer,
};
use crate::{
    domain::{Routes, Time},
    store::{Health, Observer, StoreError, commit_broadcast::CommitBroadcast, records},
};

/// Capacity of the writer's queue. Senders wait when it is full.
const QUEUE: usize = 4_096;

/// The schema of the tables, unless another one is set.
const SCHEMA: &str = "signoff";

/// Settings of a store in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Hosts, database, user and password.
    pub connection: tokio_postgres::Config,
    /// Protection of the connections.
    pub tls: PostgresTls,
    /// The schema (namespace) of the tables in the database: lower-case letters, digits and `_`.
    pub schema: String,
    /// Whether to create and migrate the tables.
    pub migrate: bool,
    /// Whether the store fails unless [`Durability::Standby`] is promised.
    pub require_synchronous: bool,
    /// The channels to notify about events.
    pub routes: Arc<Routes>,
}

impl PostgresConfig {
    /// The store in a database, whose tables are created or migrated when it is opened. The password, if the database
    /// requires one, is in a file, or in the variable `PGPASSWORD`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn new(url: &PostgresUrl, password_file: Option<&Path>) -> Result<Self, OpenError> {
        let mut connection = url.connection().clone();
        if let Some(password) = password::read(password_file).await? {
            connection.password(password);
        }
        let schema = SCHEMA.to_owned();
        Ok(Self {
            connection,
            tls: url.tls().clone(),
            schema,
            migrate: true,
            require_synchronous: false,
            routes: Arc::default(),
        })
    }
}

/// Why a store in PostgreSQL could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// PostgreSQL cannot be reached, or rejects the statements.
    #[error("cannot open the store in PostgreSQL: {0}")]
    Failed(String),
    /// The password cannot be read.
    #[error("cannot read the password of the database: {0}")]
    Password(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A later version migrated the store, and this build cannot serve it.
    #[error("the store in PostgreSQL has schema version {found}, and this build knows {known}: use a newer signoff")]
    Newer {
        /// The applied migration.
        found: i32,
        /// The newest migration of this build.
        known: i32,
    },
    /// The store needs a migration.
    #[error(
        "the store in PostgreSQL has schema version {found}, and this build needs {newest}: run `signoff store migrate`"
    )]
    Older {
        /// The applied migration; 0 for an empty database.
        found: i32,
        /// The newest migration of this build.
        newest: i32,
    },
    /// The settings of PostgreSQL promise less than is required.
    #[error("require_synchronous is set, but {0}; set synchronous_standby_names, and synchronous_commit to on")]
    NotSynchronous(Durability),
    /// Another server runs on this store.
    #[error("another server uses the store in PostgreSQL; one server can use it at a time")]
    InUse,
    /// The data is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(cause(&error))
    }
}

impl PostgresStore {
    /// The version of a store's schema, while a server may be using it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn schema_version(config: &PostgresConfig) -> Result<SchemaVersion, OpenError> {
        let connection = Connections::new(config)?.get().await?;
        Ok(migrations::version(&connection, &config.schema).await?)
    }

    /// Brings the schema of a store to the newest version of this build.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn migrate(config: &PostgresConfig) -> Result<SchemaVersion, OpenError> {
        let connection = Connections::new(config)?.get().await?;
        migrations::migrate(&connection, &config.schema).await
    }

    /// Opens a store for the only server that uses it.
    ///
    /// # Errors
    /// [`OpenError`]: [`OpenError::InUse`] while another server uses it.
    pub async fn open_alone(config: &PostgresConfig, observer: Arc<dyn Observer>) -> Result<Self, OpenError> {
        let store = Self::open(config, observer).await?;
        ownership::start(Arc::clone(&store.shared), store.health.clone(), config.require_synchronous).await?;
        Ok(store)
    }

    /// Opens a store that others may have open. Each approval is still decided once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: &PostgresConfig, observer: Arc<dyn Observer>) -> Result<Self, OpenError> {
        let connections = Connections::new(config)?;
        let connection = connections.get().await?;
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
            outbox: watch::Sender::new(0),
            backlog: outbox::KnownBacklog::read(&connection).await?,
            closed: AtomicBool::new(false),
            stop: CancellationToken::new(),
        });
        drop(connection);
        writer::start(Arc::clone(&shared), jobs).await?;
        feed::start(Arc::clone(&shared)).await?;
        Ok(Self { shared, writer: sender, newest_time, health: watch::Sender::new(Health::Working) })
    }
}

/// The newest time on record.
async fn newest(connection: &Connection) -> Result<Option<Time>, OpenError> {
    let sql = "SELECT greatest((SELECT newest FROM meta), (SELECT max(updated) FROM approvals), \
               (SELECT max(at) FROM policies), (SELECT max(newest) FROM freezes), (SELECT max(newest) FROM blocks))";
    let micros: Option<i64> = connection.query_one(sql, &[]).await?.get(0);
    Ok(micros.map(records::time).transpose()?)
}
