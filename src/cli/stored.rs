//! A store that a command opens itself, without a server.

use std::path::{Path, PathBuf};

use crate::store::{OpenError, PostgresUrl, StoreConfig};

/// Where the store is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct StoredArgs {
    /// Data directory of a stopped server
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// URL of a PostgreSQL database whose server is stopped; PGPASSWORD has its password
    #[arg(long, value_name = "URL")]
    store: Option<PostgresUrl>,
}

impl StoredArgs {
    /// A data directory.
    #[cfg(test)]
    pub(super) fn in_directory(path: PathBuf) -> Self {
        Self { data_dir: Some(path), store: None }
    }

    /// The store. `None` if none is named. `create`: an absent data directory is created; otherwise it is an error, since
    /// its name may be mistyped.
    pub(super) async fn config(&self, create: bool) -> Result<Option<StoreConfig>, OpenError> {
        let directory = |path: &Path| {
            if create { StoreConfig::in_directory(path) } else { StoreConfig::existing_in_directory(path) }
        };
        match &self.store {
            Some(url) => StoreConfig::in_postgres(url, None).await.map(Some),
            None => Ok(self.data_dir.as_deref().map(directory)),
        }
    }
}
