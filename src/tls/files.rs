use std::path::PathBuf;

use super::TlsConfig;
use crate::bounded_file;

/// Maximum size of a file, in bytes: room for hundreds of CAs.
const FILE_MAX: usize = 1 << 20;

/// Paths of the TLS files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) require_client_certificate: bool,
}

/// Content of the TLS files. Without `Debug`, because the key is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsContents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

impl TlsFiles {
    /// The paths in a checked configuration; `None` without TLS.
    #[must_use]
    pub fn of(config: &TlsConfig) -> Option<Self> {
        let TlsConfig { certificate, key, client_ca, require_client_certificate } = config.clone();
        Some(Self { certificate: certificate?, key: key?, client_ca, require_client_certificate })
    }

    /// All paths.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca).cloned().collect()
    }

    /// The errors of files that cannot be read.
    pub(crate) async fn unreadable(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for path in self.places() {
            problems.extend(bounded_file::read_named(&path, FILE_MAX).await.err());
        }
        problems
    }

    /// Reads the files. The error names the file.
    pub(crate) async fn contents(&self) -> Result<TlsContents, String> {
        let client_ca = match &self.client_ca {
            Some(path) => Some(bounded_file::read_named(path, FILE_MAX).await?),
            None => None,
        };
        let certificate = bounded_file::read_named(&self.certificate, FILE_MAX).await?;
        let key = bounded_file::read_named(&self.key, FILE_MAX).await?;
        Ok(TlsContents { certificate, key, client_ca })
    }
}
