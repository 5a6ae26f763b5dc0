//! Where the secrets of channels are.

use std::{env, fmt, path::PathBuf};

use super::SendError;
use crate::{bounded_file, identity::Secret};

/// Maximum size of a secret, in bytes.
pub const SECRET_MAX: usize = 1_024;

/// Maximum size of a file with a secret: room for comments below the first line.
const FILE_MAX: usize = 64 * 1_024;

/// Where a secret is. It is read whenever it is used, so a new one needs no restart. `Debug` shows the place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable of the server.
    Environment(String),
}

/// Why there is no secret. The texts show the place, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read. Begins with its path.
    #[error("{0}")]
    File(String),
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The content cannot be a secret.
    #[error("{0}: the first line must be a secret of 1 to {SECRET_MAX} bytes, in UTF-8 and without control characters")]
    Content(String),
    /// The content cannot be several secrets.
    #[error("{0}: each line must be a secret of 1 to {SECRET_MAX} bytes, in UTF-8 and without control characters")]
    Lines(String),
}

impl From<SecretError> for SendError {
    fn from(error: SecretError) -> Self {
        Self::Retry { reason: format!("cannot read a secret: {error}"), after: None }
    }
}

impl SecretSource {
    /// The field of the configuration that has this source for a secret, such as `token_file` for `token`.
    #[must_use]
    pub fn field(&self, secret: &str) -> String {
        match self {
            Self::File(_) => format!("{secret}_file"),
            Self::Environment(_) => format!("{secret}_env"),
        }
    }

    /// Reads the secret: the first line, without spaces around it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn read(&self) -> Result<Secret, SecretError> {
        self.content().await?.lines().next().and_then(secret).ok_or_else(|| SecretError::Content(self.to_string()))
    }

    /// Reads several secrets: one a line, at least one, without blank lines. For keys that are being rotated.
    ///
    /// # Errors
    /// When there is none, or a line cannot be one.
    pub async fn read_lines(&self) -> Result<Vec<Secret>, SecretError> {
        let content = self.content().await?;
        let lines = content.lines().filter(|line| !line.trim().is_empty());
        let secrets: Option<Vec<_>> = lines.map(secret).collect();
        secrets.filter(|secrets| !secrets.is_empty()).ok_or_else(|| SecretError::Lines(self.to_string()))
    }

    /// The whole text.
    async fn content(&self) -> Result<String, SecretError> {
        let content = match self {
            Self::File(path) => {
                let content = bounded_file::read_named(path, FILE_MAX).await.map_err(SecretError::File)?;
                String::from_utf8(content).ok()
            }
            Self::Environment(name) => {
                let content = env::var_os(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
                content.into_string().ok()
            }
        };
        content.ok_or_else(|| SecretError::Content(self.to_string()))
    }
}

/// The place, for messages.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// The secret in a line.
fn secret(line: &str) -> Option<Secret> {
    let line = line.trim();
    let usable = (1..=SECRET_MAX).contains(&line.len()) && !line.contains(char::is_control);
    usable.then(|| Secret::given(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of_file(content: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let read = SecretSource::File(file.path().to_owned()).read().await;
        let path = file.path().display().to_string();
        read.map(|secret| secret.reveal().to_owned()).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[tokio::test]
    async fn a_secret_is_the_first_line_of_a_file() {
        let longest = "x".repeat(SECRET_MAX);
        for (content, secret) in [
            ("s3cret", "s3cret"),
            ("s3cret\n", "s3cret"),
            (" s3 cret\t\r\nrotate in May\n", "s3 cret"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(of_file(content.as_bytes()).await.unwrap(), secret);
        }
        let told = "FILE: the first line must be a secret of 1 to 1024 bytes, in UTF-8 and without control characters";
        let too_long = "x".repeat(SECRET_MAX + 1);
        for content in ["", "\n", "  \ns3cret", "s3\u{7}cret", too_long.as_str()] {
            assert_eq!(of_file(content.as_bytes()).await.unwrap_err(), told, "{content:?}");
        }
        assert_eq!(of_file(b"s3cret\xff").await.unwrap_err(), told);
        assert!(of_file(&[b'x'; FILE_MAX + 1]).await.unwrap_err().starts_with("FILE: has 65537 bytes; at most 65536"));
        let missing = SecretSource::File("/nonexistent/secret".into()).read().await.unwrap_err().to_string();
        assert!(missing.starts_with("/nonexistent/secret: No such file"), "{missing}");
    }

    #[tokio::test]
    async fn a_secret_can_be_in_the_environment() {
        // Cargo sets it for tests.
        let secret = SecretSource::Environment("CARGO_PKG_NAME".to_owned()).read().await.unwrap();
        assert_eq!(secret.reveal(), env!("CARGO_PKG_NAME"));
        let missing = SecretSource::Environment("SIGNOFF_NO_SUCH_SECRET".to_owned()).read().await.unwrap_err();
        assert_eq!(missing.to_string(), "the environment variable SIGNOFF_NO_SUCH_SECRET is not set");
    }

    #[tokio::test]
    async fn a_file_can_have_several_secrets() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = SecretSource::File(file.path().to_owned());
        std::fs::write(file.path(), b"one\r\n\n  two \nthree").unwrap();
        let secrets = source.read_lines().await.unwrap();
        assert_eq!(secrets.iter().map(Secret::reveal).collect::<Vec<_>>(), ["one", "two", "three"]);
        for content in [b"".as_slice(), b"\n \n", b"one\ntokenX\x00Y"] {
            std::fs::write(file.path(), content).unwrap();
            let error = source.read_lines().await.unwrap_err().to_string();
            assert!(error.contains("each line must be a secret") && !error.contains("tokenX"), "{error}");
        }
    }
}
