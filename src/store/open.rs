//! Opens the store that a configuration names.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Observer, SledConfig, SledOpenError, SledStore, Store};

/// Which store, and where. A server makes it of its settings in `server.rs`; `data_dir` alone leads here today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A directory of this machine.
    Sled(SledConfig),
}

/// Why a store could not be opened. Each engine has its own reasons.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// sled's, which has a directory.
    #[error(transparent)]
    Sled(#[from] SledOpenError),
    /// A bug.
    #[error("cannot open the store: {0}")]
    Panicked(String),
}

impl StoreConfig {
    /// A store in a directory, made when it is absent.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self::Sled(SledConfig::new(directory))
    }

    /// A store in a directory that must have one already: a mistyped name must not become an empty store.
    #[must_use]
    pub fn existing_in_directory(directory: &Path) -> Self {
        Self::Sled(SledConfig { create: false, ..SledConfig::new(directory) })
    }

    /// The same store, with another limit on the time that a group of commands, or closing, may take. A store that
    /// takes longer has failed.
    #[must_use]
    pub fn with_write_timeout(self, write_timeout: Duration) -> Self {
        match self {
            Self::Sled(config) => Self::Sled(SledConfig { write_timeout, ..config }),
        }
    }
}

/// Opens a store. This may take minutes, and a disk that hangs takes one thread with it, none that serves.
///
/// # Errors
/// When the store cannot be used as it is.
pub async fn open(config: &StoreConfig, observer: Arc<dyn Observer>) -> Result<Arc<dyn Store>, OpenError> {
    match config.clone() {
        StoreConfig::Sled(config) => {
            let opening = tokio::task::spawn_blocking(move || SledStore::open_as(&config, observer));
            let store = opening.await.map_err(|error| OpenError::Panicked(error.to_string()))??;
            Ok(Arc::new(store))
        }
    }
}
