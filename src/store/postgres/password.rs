//! The password of the database: from a file, or from the variable that libpq reads.

use std::path::Path;

use super::OpenError;
use crate::bounded_file;

/// libpq's variable.
const VARIABLE: &str = "PGPASSWORD";

/// Maximum size of the file, in bytes.
const FILE_MAX: usize = 4 * 1024;

/// Reads the password: the first line of the file, or the variable without a file. `None` if there is neither.
pub(super) async fn read(file: Option<&Path>) -> Result<Option<String>, OpenError> {
    let Some(file) = file else {
        return Ok(std::env::var(VARIABLE).ok().filter(|password| !password.is_empty()));
    };
    let content = bounded_file::read_named(file, FILE_MAX).await.map_err(OpenError::Password)?;
    let text = String::from_utf8(content).map_err(|_| bad(file))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { Err(bad(file)) } else { Ok(Some(line.to_owned())) }
}

fn bad(file: &Path) -> OpenError {
    OpenError::Password(format!("{}: its first line is not a password", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_the_first_line_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        for (content, password) in [("s3 cret\n", "s3 cret"), ("a\r\nb", "a"), ("x", "x")] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(read(Some(&file)).await.unwrap().as_deref(), Some(password));
        }
        for content in [&b""[..], b"\nx", b"\xff", &[b'x'; FILE_MAX + 1]] {
            std::fs::write(&file, content).unwrap();
            let error = read(Some(&file)).await.unwrap_err().to_string();
            assert!(error.contains("password: "), "{error}");
        }
        assert!(read(Some(&directory.path().join("none"))).await.is_err());
    }
}
