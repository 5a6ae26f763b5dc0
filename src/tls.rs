//! TLS configuration of new connections, built from files that may be replaced while the server runs.
//!
//! A connection keeps the configuration that it started with. [`LiveTls`] holds the configuration of new connections,
//! from the last valid content of the files.

mod build;
mod config;
mod files;

use std::{path::PathBuf, sync::Arc};

use rustls::ServerConfig;
use tokio::sync::watch;

pub use config::TlsConfig;
pub use files::{TlsContents, TlsFiles};

use crate::{domain::Time, identity::CertificateError};

/// Why the TLS files cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A file has invalid content.
    #[error("{}: {problem}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The private key does not match the certificate.
    #[error("the private key in {} does not match the certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The certificate cannot be parsed.
    #[error("{}: {problem}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: CertificateError,
    },
}

/// Status of the TLS files.
#[derive(Clone, Debug)]
pub struct TlsStatus {
    /// End of validity of the certificate that new connections use.
    pub not_after: Time,
    /// Why the current content of the files is not used; `None` while it is used.
    pub fault: Option<String>,
}

/// The TLS configuration of new connections, from the last valid content of the files.
#[derive(Debug)]
pub struct LiveTls {
    files: TlsFiles,
    config: watch::Sender<Arc<ServerConfig>>,
    status: watch::Sender<TlsStatus>,
}

impl LiveTls {
    /// Starts with the content of the files.
    ///
    /// # Errors
    /// When the content is invalid.
    pub fn start(files: TlsFiles, contents: &TlsContents) -> Result<Self, TlsError> {
        let (config, not_after) = build::build(&files, contents)?;
        let status = TlsStatus { not_after, fault: None };
        Ok(Self { files, config: watch::Sender::new(config), status: watch::Sender::new(status) })
    }

    /// The configuration of the next connection.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.borrow())
    }

    /// Follows the status.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<TlsStatus> {
        self.status.subscribe()
    }

    /// Loads new content of the files. Content that is unreadable or invalid changes only the status.
    pub(crate) fn take(&self, contents: Result<TlsContents, String>) {
        let contents = contents.map_err(TlsError::Unreadable);
        match contents.and_then(|contents| build::build(&self.files, &contents)) {
            Ok((config, not_after)) => {
                let recovered = self.status.borrow().fault.is_some();
                tracing::info!(%not_after, "reloaded the TLS certificate; new connections use it{}", if recovered {
                    "; the files are valid again"
                } else {
                    ""
                });
                self.config.send_replace(config);
                self.status.send_replace(TlsStatus { not_after, fault: None });
            }
            Err(error) => {
                tracing::error!(%error, "cannot load the TLS files; new connections use the last valid certificate");
                self.status.send_modify(|status| status.fault = Some(error.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
