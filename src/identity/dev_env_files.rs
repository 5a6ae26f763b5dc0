//! Shell files with the address and a token of development mode: `. agent.env` sets up a shell as the agent.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::dev_tokens::{DevTokens, DevTokensError};
use crate::{bounded_file, private_files};

/// First line of each file. A file without it belongs to the user, and is never changed.
const MARK: &str = "# Made by `signoff serve --dev`, which writes it anew at each start.";

/// Maximum size of a file that is read, in bytes: many times what is written.
const BYTES_MAX: usize = 64 << 10;

/// Paths of the shell files of development mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevEnvFiles {
    /// With the agent's token.
    pub agent: PathBuf,
    /// With the reviewer's token.
    pub reviewer: PathBuf,
    /// With the operator's token.
    pub operator: PathBuf,
}

impl DevEnvFiles {
    /// The files in a data directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let [agent, reviewer, operator] =
            ["agent.env", "reviewer.env", "operator.env"].map(|name| directory.join(name));
        Self { agent, reviewer, operator }
    }

    /// Writes the files of a server at `url`. Only their owner can open them.
    ///
    /// # Errors
    /// When a file cannot be written, or one belongs to the user.
    pub fn write(&self, tokens: &DevTokens, url: &str) -> Result<(), DevTokensError> {
        let Self { agent, reviewer, operator } = self;
        for (path, token) in [(agent, &tokens.agent), (reviewer, &tokens.reviewer), (operator, &tokens.operator)] {
            let failed = |source| DevTokensError::Io { path: path.clone(), source };
            if !is_ours(path).map_err(failed)?.unwrap_or(true) {
                return Err(DevTokensError::NotOurs { path: path.clone() });
            }
            // Quoted, because a shell treats the brackets of an IPv6 address as a pattern.
            let text = format!("{MARK}\nexport SIGNOFF_ADDRESS='{url}'\nexport SIGNOFF_TOKEN='{token}'\n");
            private_files::replace(path, text.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes the files that a server in development mode left: other servers do not accept its tokens.
    ///
    /// # Errors
    /// When a file cannot be read or removed.
    pub fn remove(&self) -> Result<(), DevTokensError> {
        for path in [&self.agent, &self.reviewer, &self.operator] {
            let failed = |source| DevTokensError::Io { path: path.clone(), source };
            if is_ours(path).map_err(failed)? == Some(true) {
                fs::remove_file(path).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Whether a server wrote a file; `None` if it does not exist.
fn is_ours(path: &Path) -> io::Result<Option<bool>> {
    match bounded_file::read(path, BYTES_MAX) {
        Ok(content) => Ok(Some(content.starts_with(MARK.as_bytes()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(Some(false)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;

    /// The variables of a POSIX shell after it has sourced the file.
    fn sourced(path: &Path) -> String {
        let script = "cd / && set -eu && . \"$0\" && sh -c 'printf %s\" \"%s \"$SIGNOFF_ADDRESS\" \"$SIGNOFF_TOKEN\"'";
        let output = Command::new("/bin/sh").args(["-c", script]).arg(path).env_clear().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_shell_that_sources_a_file_has_the_address_and_the_token() {
        let directory = tempfile::tempdir().unwrap();
        let (files, tokens) = (DevEnvFiles::in_directory(directory.path()), DevTokens::in_directory(directory.path()));
        let tokens = tokens.unwrap();
        files.write(&tokens, "http://127.0.0.1:1").unwrap();
        files.write(&tokens, "https://[::1]:7766").unwrap(); // another start renews them
        for (path, token) in
            [(&files.agent, &tokens.agent), (&files.reviewer, &tokens.reviewer), (&files.operator, &tokens.operator)]
        {
            assert_eq!(sourced(path), format!("https://[::1]:7766 {token}"));
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        files.remove().unwrap();
        files.remove().unwrap();
        assert!(!files.agent.exists() && !files.reviewer.exists() && !files.operator.exists());
    }

    #[test]
    fn a_file_of_the_user_is_never_changed() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = DevTokens::in_directory(directory.path()).unwrap();
        let files = DevEnvFiles::in_directory(directory.path());
        for content in [&b"export SIGNOFF_TOKEN=mine\n"[..], b"", &vec![b'#'; BYTES_MAX + 1]] {
            fs::write(&files.reviewer, content).unwrap();
            let told = files.write(&tokens, "http://127.0.0.1:1").unwrap_err().to_string();
            assert!(told.ends_with("reviewer.env was not created by `signoff serve --dev`; rename it"), "{told}");
            files.remove().unwrap();
            assert_eq!(bounded_file::whole(&files.reviewer), content);
        }
    }
}
