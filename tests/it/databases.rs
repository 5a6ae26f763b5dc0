//! Databases in the PostgreSQL of the test process.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_postgres::NoTls;

#[path = "../../src/store/postgres/testing/cluster.rs"]
pub(crate) mod cluster;

/// A database of its own.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) control: tokio_postgres::Client,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let (name, control) = (new_name(), connect().await);
        control.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a new database");
        Self { name, control }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        url(&self.name)
    }

    /// The setting of a server.
    pub(crate) fn setting(&self) -> String {
        format!("store={}", self.url())
    }

    /// Breaks every connection of the servers.
    pub(crate) async fn break_connections(&self) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        self.control.execute(sql, &[&self.name]).await.expect("a superuser may do that");
    }
}

/// The URL of the database that stands for a data directory: the same directory always has the same database.
///
/// It also drops the databases of temporary directories that are gone, because each takes as much disk as hundreds of tests'
/// directories.
pub(crate) fn url_for(data: &Path) -> String {
    static DATABASES: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = databases.get(data) {
        return url(name);
    }
    let (mut statements, name) = (Vec::new(), new_name());
    databases.retain(|data, name| {
        let gone = temporary(data).is_some_and(|directory| !directory.exists());
        if gone {
            statements.push(format!("DROP DATABASE {name} WITH (FORCE)"));
        }
        !gone
    });
    statements.push(format!("CREATE DATABASE {name}"));
    // On a thread of its own: the caller may be in a runtime, and must not continue without its database.
    let execute = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let control = connect().await;
            for statement in statements {
                control.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        });
    };
    std::thread::scope(|scope| scope.spawn(execute).join()).expect("PostgreSQL runs");
    let url = url(&name);
    databases.insert(data.to_owned(), name);
    url
}

/// The test's directory in the directory of temporary files.
fn temporary(data: &Path) -> Option<PathBuf> {
    let all = std::env::temp_dir();
    let own = data.strip_prefix(&all).ok()?.components().next()?;
    Some(all.join(own))
}

fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("it_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn url(database: &str) -> String {
    let directory = cluster::directory().to_str().expect("a name in UTF-8").replace('/', "%2F");
    format!("postgres://signoff@{directory}/{database}")
}

async fn connect() -> tokio_postgres::Client {
    let (control, connection) = cluster::connection().connect(NoTls).await.expect("PostgreSQL runs");
    tokio::spawn(connection);
    control
}
