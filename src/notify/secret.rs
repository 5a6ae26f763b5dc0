//! Reads secrets.

use std::fmt;

use super::SecretSource;
use crate::bounded_file;

/// Maximum size of a file with secrets, in bytes.
pub(super) const SECRET_FILE_MAX: usize = 16 * 1024;

/// A secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

/// There is no secret where the configuration says. Contains no part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretError {
    /// The file cannot be read.
    #[error("cannot read a secret: {0}")]
    File(String),
    /// The variable is not set, or not UTF-8.
    #[error("cannot read a secret: the environment variable {0} is not set")]
    Environment(String),
    /// Empty, or not text.
    #[error("{0} must have a secret of printable ASCII characters on its first line")]
    Content(String),
}

impl Secret {
    /// The secret, to be sent or to sign with.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
        }
    }
}

impl SecretSource {
    /// The secret now: the first line.
    pub(super) async fn read(&self) -> Result<Secret, SecretError> {
        self.read_all().await?.into_iter().next().ok_or_else(|| SecretError::Content(self.to_string()))
    }

    /// Every secret now: one a line, at least one. Empty lines are skipped.
    pub(super) async fn read_all(&self) -> Result<Vec<Secret>, SecretError> {
        let text = match self {
            Self::File(path) => {
                let content = bounded_file::read_named(path, SECRET_FILE_MAX).await.map_err(SecretError::File)?;
                String::from_utf8(content).map_err(|_| SecretError::Content(self.to_string()))?
            }
            Self::Environment(name) => std::env::var(name).map_err(|_| SecretError::Environment(name.clone()))?,
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<_> = lines.map(|line| Secret(line.to_owned())).collect();
        // A secret goes into headers and URLs, which nothing else may enter.
        let visible = secrets.iter().all(|Secret(line)| line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        if visible && !secrets.is_empty() { Ok(secrets) } else { Err(SecretError::Content(self.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content: &[u8]) -> Result<Vec<Secret>, SecretError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        SecretSource::File(file.path().to_owned()).read_all().await
    }

    #[tokio::test]
    async fn a_file_has_one_secret_a_line() {
        let secrets = read(b"one\r\n\n  two \nthree").await.unwrap();
        assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(format!("{secrets:?}"), "[Secret, Secret, Secret]");
    }

    #[tokio::test]
    async fn errors_name_the_place_and_no_secret() {
        for content in [b"".as_slice(), b"\n\n", b"tokenX\x00Y", "tokenX\u{e9}".as_bytes(), b"tokenX\xff"] {
            let error = read(content).await.unwrap_err().to_string();
            assert!(error.contains("printable ASCII") && !error.contains("tokenX"), "{error}");
        }
        assert!(matches!(read(&[b'a'; SECRET_FILE_MAX + 1]).await, Err(SecretError::File(_))));
        let missing = SecretSource::Environment("SIGNOFF_NO_SUCH_VARIABLE".to_owned()).read().await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            "cannot read a secret: the environment variable SIGNOFF_NO_SUCH_VARIABLE is not set"
        );
    }
}
