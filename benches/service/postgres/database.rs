//! A PostgreSQL of the benchmark's own, and new databases in it.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio_postgres::{Client, Config, NoTls};

use super::cluster::{self, Cluster};
use crate::Outcome;

/// A directory for files that are on a disk: that of temporary files may be in memory. The system's user of PostgreSQL
/// cannot write to the build directory.
const DIRECTORY: &str = "/var/tmp";

/// The settings with which an answer survives a crash, and what a dedicated machine has. The others are PostgreSQL's own.
const SETTINGS: &[&str] = &[
    "fsync = on",
    "full_page_writes = on",
    "synchronous_commit = on",
    "wal_level = replica",
    "autovacuum = on",
    "shared_buffers = 1GB",
    "max_wal_size = 4GB",
];

/// A running PostgreSQL.
pub(super) struct Postgres(Cluster);

impl Postgres {
    pub(super) fn start() -> Outcome<Self> {
        Ok(Self(Cluster::start(Path::new(DIRECTORY), SETTINGS)))
    }

    /// A new, empty database.
    pub(super) async fn database(&self) -> Outcome<Database> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("bench_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let first = connect(&cluster::connection_in(&self.0.directory)).await?;
        first.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let directory = self.0.directory.to_str().ok_or("a directory that is not UTF-8")?;
        let url = format!("postgres://signoff@{}/{name}", directory.replace('/', "%2F"));
        let mut connection = cluster::connection_in(&self.0.directory);
        connection.dbname(&name).options("-c search_path=signoff");
        let control = connect(&connection).await?;
        Ok(Database { url, connection, control })
    }
}

/// A database. Its tables are there once a store was opened in it.
pub(super) struct Database {
    pub(super) url: String,
    connection: Config,
    /// A connection for what is not measured.
    pub(super) control: Client,
}

impl Database {
    /// The setting of a server.
    pub(super) fn setting(&self) -> String {
        format!("--set=store={}", self.url)
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Outcome<Client> {
        connect(&self.connection).await
    }

    /// The number of the next transaction.
    pub(super) async fn next_transaction(&self) -> Outcome<String> {
        Ok(self.control.query_one("SELECT pg_snapshot_xmax(pg_current_snapshot())::text", &[]).await?.get(0))
    }

    /// The mean number of changes in a transaction that made some, since a transaction.
    pub(super) async fn mean_group(&self, since: &str) -> Outcome<f64> {
        let sql = "SELECT count(*)::float8 / greatest(count(DISTINCT xid), 1) FROM changes WHERE xid >= $1::text::xid8";
        Ok(self.control.query_one(sql, &[&since]).await?.get(0))
    }
}

async fn connect(settings: &Config) -> Outcome<Client> {
    let (client, connection) = settings.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
