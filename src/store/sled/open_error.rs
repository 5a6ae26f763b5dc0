//! Why a data directory could not be opened as a store.

use std::path::PathBuf;

use crate::private_files::PrivacyError;

/// Why a store in a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store, and [`create`](super::SledConfig::create) is off.
    #[error("{}: {source}", path.display())]
    Absent {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has locked it.
    #[error(
        "the data directory {} is in use by another process{}; stop that process, or set another data directory",
        path.display(),
        holder.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The pid of that process, if known.
        holder: Option<u32>,
    },
    /// Another version wrote it.
    #[error("the store in {} has schema version {found}; this build reads version {known}", path.display())]
    Schema {
        /// The data directory.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this build reads.
        known: u32,
    },
    /// An older version wrote it. Only a server migrates it.
    #[error("the store in {} has schema version {found}: start the server once to migrate it", path.display())]
    Unmigrated {
        /// The data directory.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Other users can read it.
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
    /// An I/O error.
    #[error("cannot open the store in {}: {source}", path.display())]
    Io {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Salvage finds no log to read.
    #[error("cannot salvage the store in {}: {reason}. Restore a backup", path.display())]
    Lost {
        /// The data directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The store is damaged: acknowledged data is missing or unreadable.
    #[error(
        "the store in {0} is damaged: {reason}. Run `signoff store check --data-dir {0}` to see what is affected; then \
         restore a backup, or recover the intact data with `signoff store salvage`",
        path.display()
    )]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
