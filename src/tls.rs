//! Transport security: what a server speaks on new connections, made of files that may be replaced while it runs.
//!
//! A connection keeps what it began with. [`LiveTls`] holds what the next one gets: the newest files that fit together.

mod build;
mod config;
mod files;

use std::{path::PathBuf, sync::Arc};

use rustls::ServerConfig;
use tokio::sync::watch;

pub use config::TlsConfig;
pub use files::{TlsContents, TlsFiles};

use crate::{domain::Time, identity::CertificateError};

/// Why files cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A file holds something else than it should.
    #[error("{}: {problem}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate is for another key.
    #[error("{} is not the key of the certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The certificate is none.
    #[error("{}: {problem}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: CertificateError,
    },
}

/// How things stand with the files.
#[derive(Clone, Debug)]
pub struct TlsStatus {
    /// When the certificate that new connections get ends.
    pub not_after: Time,
    /// Why the files' present content is not used; `None` while it is.
    pub fault: Option<String>,
}

/// What new connections get: the last good content of the files.
#[derive(Debug)]
pub struct LiveTls {
    files: TlsFiles,
    config: watch::Sender<Arc<ServerConfig>>,
    status: watch::Sender<TlsStatus>,
}

impl LiveTls {
    /// Begins with what the files hold.
    ///
    /// # Errors
    /// When that cannot be used: there is no last good content to go on with.
    pub fn start(files: TlsFiles, contents: &TlsContents) -> Result<Self, TlsError> {
        let (config, not_after) = build::build(&files, contents)?;
        let status = TlsStatus { not_after, fault: None };
        Ok(Self { files, config: watch::Sender::new(config), status: watch::Sender::new(status) })
    }

    /// What the next connection gets.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.borrow())
    }

    /// Follows how things stand.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<TlsStatus> {
        self.status.subscribe()
    }

    /// Takes what the files hold now, or why they cannot be read. What cannot be used changes nothing but the status.
    pub(crate) fn take(&self, contents: Result<TlsContents, String>) {
        let contents = contents.map_err(TlsError::Unreadable);
        match contents.and_then(|contents| build::build(&self.files, &contents)) {
            Ok((config, not_after)) => {
                let again = self.status.borrow().fault.is_some();
                tracing::info!(%not_after, "new connections get the certificate as it is now{}", if again {
                    "; the files are good again"
                } else {
                    ""
                });
                self.config.send_replace(config);
                self.status.send_replace(TlsStatus { not_after, fault: None });
            }
            Err(error) => {
                tracing::error!(%error, "the certificate's files cannot be used; new connections get the last good one");
                self.status.send_modify(|status| status.fault = Some(error.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
