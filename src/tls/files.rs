use std::path::PathBuf;

use super::TlsConfig;
use crate::bounded_file;

/// Largest file: room for hundreds of authorities.
const FILE_MAX: usize = 1 << 20;

/// Where certificates and their key are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) require_client_certificate: bool,
}

/// What the files hold. Without a `Debug` form, as one of them is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsContents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

impl TlsFiles {
    /// Where a checked configuration has them; `None` without TLS.
    #[must_use]
    pub fn of(config: &TlsConfig) -> Option<Self> {
        let TlsConfig { certificate, key, client_ca, require_client_certificate } = config.clone();
        Some(Self { certificate: certificate?, key: key?, client_ca, require_client_certificate })
    }

    /// Where they are.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca).cloned().collect()
    }

    /// Which of them cannot be read, and why.
    pub(crate) async fn unreadable(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for path in self.places() {
            problems.extend(bounded_file::read_named(&path, FILE_MAX).await.err());
        }
        problems
    }

    /// What they hold now, or why one of them cannot be read.
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
