//! Opens the store that a configuration names.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    Observer, PostgresConfig, PostgresOpenError, PostgresStore, PostgresUrl, SledConfig, SledOpenError, SledStore,
    Store,
};
use crate::domain::Routes;

/// Which store, and where. `server.rs` makes it from the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A directory of this machine.
    Sled(SledConfig),
    /// A PostgreSQL database.
    Postgres(Box<PostgresConfig>),
}

/// Why a store could not be opened. Each engine has its own reasons.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store in a directory.
    #[error(transparent)]
    Sled(#[from] SledOpenError),
    /// The store in PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
    /// A bug.
    #[error("cannot open the store: {0}")]
    Panicked(String),
}

impl StoreConfig {
    /// A store in a directory, created if it is missing.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self::Sled(SledConfig::new(directory))
    }

    /// An existing store in a directory. A mistyped name must not create an empty store.
    #[must_use]
    pub fn existing_in_directory(directory: &Path) -> Self {
        Self::Sled(SledConfig { create: false, ..SledConfig::new(directory) })
    }

    /// A store in a PostgreSQL database, whose tables are created if they are missing.
    ///
    /// # Errors
    /// When the file with the password cannot be read.
    pub async fn in_postgres(url: &PostgresUrl, password_file: Option<&Path>) -> Result<Self, OpenError> {
        Ok(Self::Postgres(Box::new(PostgresConfig::new(url, password_file).await?)))
    }

    /// Sets the maximum time for a group of commands on a disk of this machine, or for closing. A store that takes
    /// longer has failed. PostgreSQL has limits of its own.
    #[must_use]
    pub fn with_write_timeout(self, write_timeout: Duration) -> Self {
        match self {
            Self::Sled(config) => Self::Sled(SledConfig { write_timeout, ..config }),
            postgres @ Self::Postgres(_) => postgres,
        }
    }

    /// Sets whether the store fails unless PostgreSQL's settings make every commit wait for a standby.
    #[must_use]
    pub fn with_require_synchronous(self, require_synchronous: bool) -> Self {
        match self {
            sled @ Self::Sled(_) => sled,
            Self::Postgres(config) => Self::Postgres(Box::new(PostgresConfig { require_synchronous, ..*config })),
        }
    }

    /// Sets whether the server takes the policy from a file. Several servers of one store must know.
    #[must_use]
    pub fn with_policy_file(self, policy_file: bool) -> Self {
        match self {
            sled @ Self::Sled(_) => sled,
            Self::Postgres(config) => Self::Postgres(Box::new(PostgresConfig { policy_file, ..*config })),
        }
    }

    /// Sets the channels to notify about events.
    #[must_use]
    pub fn with_routes(self, routes: Arc<Routes>) -> Self {
        match self {
            Self::Sled(config) => Self::Sled(SledConfig { routes, ..config }),
            Self::Postgres(config) => Self::Postgres(Box::new(PostgresConfig { routes, ..*config })),
        }
    }
}

/// Opens a store. This may take minutes. It runs on its own thread, so a disk that hangs blocks no thread that serves.
///
/// # Errors
/// When the store is locked, damaged, of another version or unreadable.
pub async fn open(config: &StoreConfig, observer: Arc<dyn Observer>) -> Result<Arc<dyn Store>, OpenError> {
    match config.clone() {
        StoreConfig::Sled(config) => {
            let opening = tokio::task::spawn_blocking(move || SledStore::open_as(&config, observer));
            let store = opening.await.map_err(|error| OpenError::Panicked(error.to_string()))??;
            Ok(Arc::new(store))
        }
        StoreConfig::Postgres(config) => Ok(Arc::new(PostgresStore::open(&config, observer).await?)),
    }
}
