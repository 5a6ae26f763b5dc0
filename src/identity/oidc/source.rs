use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use super::{
    KeySource, OidcConfig, OidcConfigError,
    http::{self, Client, HttpError},
    jwks::KeySet,
};
use crate::{bounded_file, clock::Clock};

/// A source of key sets.
pub(super) enum Source {
    Discovery { client: Client, issuer: String },
    Url { client: Client, url: String },
    File { path: PathBuf, read: Mutex<Option<Stamp>> },
}

/// Identifies a state of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

/// Why a key set cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("cannot fetch the provider's discovery document: {0}")]
    Configuration(#[source] HttpError),
    #[error("the provider's discovery document is not valid: {0}")]
    Json(#[source] serde_json::Error),
    #[error("the provider's discovery document has another issuer")]
    Issuer,
    #[error("cannot fetch the key set: {0}")]
    Fetch(#[source] HttpError),
    #[error("cannot read the key set file: {0}")]
    File(#[from] io::Error),
    #[error("the key set file has more than {} bytes", http::BYTES_MAX)]
    TooLarge,
    #[error("the key set is not valid: {0}")]
    KeySet(#[source] serde_json::Error),
}

/// The fields of a discovery document that are used.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    pub(super) fn new(config: &OidcConfig, clock: &Arc<dyn Clock>) -> Result<Self, OidcConfigError> {
        let client = || Client::new(Arc::clone(clock)).map_err(OidcConfigError::Certificates);
        Ok(match &config.keys {
            KeySource::Discovery => Self::Discovery { client: client()?, issuer: config.issuer.clone() },
            KeySource::Url(url) => Self::Url { client: client()?, url: url.clone() },
            KeySource::File(path) => Self::File { path: path.clone(), read: Mutex::default() },
        })
    }

    /// Interval between fetches.
    pub(super) const fn every(&self) -> Duration {
        match self {
            Self::Discovery { .. } | Self::Url { .. } => Duration::from_mins(10),
            Self::File { .. } => Duration::from_secs(1),
        }
    }

    /// Whether an earlier fetch may help. Not for a file, which is checked every second.
    pub(super) const fn can_be_urged(&self) -> bool {
        matches!(self, Self::Discovery { .. } | Self::Url { .. })
    }

    /// Minimum time after a fetch that failed or that a missing key triggered.
    pub(super) const fn pause(&self) -> Duration {
        match self {
            Self::Discovery { .. } | Self::Url { .. } => Duration::from_secs(10),
            Self::File { .. } => self.every(),
        }
    }

    /// Loads the key set, parsed by `take`; `None` if it has not changed since the last time.
    pub(super) async fn load<T>(
        &self,
        take: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<Option<T>, SourceError> {
        let take = |json: &[u8]| take(json).map(Some).map_err(SourceError::KeySet);
        match self {
            Self::Discovery { client, issuer } => {
                let json = client.get(&http::discovery_url(issuer)).await.map_err(SourceError::Configuration)?;
                let found: Configuration = serde_json::from_slice(&json).map_err(SourceError::Json)?;
                if found.issuer != *issuer {
                    return Err(SourceError::Issuer);
                }
                take(&client.get(&found.jwks_uri).await.map_err(SourceError::Fetch)?)
            }
            Self::Url { client, url } => take(&client.get(url).await.map_err(SourceError::Fetch)?),
            Self::File { path, read } => {
                let stamp = stamp(path).await?;
                if *read.lock().unwrap_or_else(PoisonError::into_inner) == Some(stamp) {
                    return Ok(None);
                }
                let taken = take(&content(path).await?)?;
                *read.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
                Ok(taken)
            }
        }
    }
}

/// Checks that a file has a usable key.
///
/// # Errors
/// The reason if it has none.
pub async fn check_keys_file(path: &Path) -> Result<(), String> {
    let json = content(path).await.map_err(|error| error.to_string())?;
    let keys = KeySet::read(&json, 0).map_err(|error| SourceError::KeySet(error).to_string())?;
    if keys.is_empty() { Err("the key set has no usable key".to_owned()) } else { Ok(()) }
}

async fn content(path: &Path) -> Result<Vec<u8>, SourceError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || bounded_file::read(&path, http::BYTES_MAX));
    read.await.map_err(io::Error::from).flatten().map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => SourceError::TooLarge,
        _ => SourceError::File(error),
    })
}

async fn stamp(path: &Path) -> Result<Stamp, SourceError> {
    let found = tokio::fs::metadata(path).await?;
    Ok(Stamp { modified: found.modified()?, bytes: found.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn endless_files_and_large_key_sets_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        for path in bounded_file::samples::endless(directory.path()) {
            let source = Source::File { path, read: Mutex::default() };
            let error = source.load(|_| Ok(())).await.unwrap_err().to_string();
            assert_eq!(error, "cannot read the key set file: is not a regular file");
        }
        let path = directory.path().join("keys.json");
        std::fs::write(&path, vec![b' '; http::BYTES_MAX + 1]).unwrap();
        let source = Source::File { path, read: Mutex::default() };
        let error = source.load(|_| Ok(())).await.unwrap_err().to_string();
        assert_eq!(error, "the key set file has more than 1048576 bytes");
    }
}
