//! A store that a command opens itself, without a server.

use std::path::{Path, PathBuf};

use crate::store::{OpenError, PostgresUrl, StoreConfig};

/// Where the store is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct StoredArgs {
    /// Data directory of a stopped server
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// URL of a PostgreSQL database whose server is stopped; PGPASSWORD has its password
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<PostgresUrl>,
}

impl StoredArgs {
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
