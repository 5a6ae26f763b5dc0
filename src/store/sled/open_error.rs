//! Why a data directory could not be opened as a store.

use std::path::PathBuf;

use crate::private_files::PrivacyError;

/// Why a store in a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store, and none is to be made.
    #[error("{}: {source}", path.display())]
    Absent {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the data directory {} is in use by another process{}; stop that one, or name another directory", path.display(), holder.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that has it, as far as is known.
        holder: Option<u32>,
    },
    /// Written by another version.
    #[error("the store in {} has schema version {found}; this build reads version {known}", path.display())]
    Schema {
        /// The data directory.
        path: PathBuf,
        /// What it has.
        found: u32,
        /// What is understood.
        known: u32,
    },
    /// An older version wrote it, and only a server takes it over.
    #[error("the store in {} has schema version {found}: start the server once to migrate it", path.display())]
    Unmigrated {
        /// The data directory.
        path: PathBuf,
        /// What it has.
        found: u32,
    },
    /// Others could read it.
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
    /// The disk refuses.
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
    /// The store is damaged: what was acknowledged is not all there.
    #[error("the store in {0} is damaged: {reason}. Run `signoff store check --data-dir {0}` to see what is affected; then restore a backup, or save what is whole with `signoff store salvage`", path.display())]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
