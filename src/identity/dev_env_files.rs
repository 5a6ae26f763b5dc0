//! Files that make a shell the agent's, the reviewer's or the operator's: `. agent.env`, and nothing is to be pasted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::dev_tokens::{DevTokens, DevTokensError};
use crate::{bounded_file, private_files};

/// First line of each. A file without it is somebody else's, and is never touched.
const MARK: &str = "# Made by `signoff serve --dev`, which writes it anew at each start.";

/// Largest file that is looked at, in bytes: many times what is written.
const BYTES_MAX: usize = 64 << 10;

/// Where the files of development mode are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevEnvFiles {
    /// Makes a shell the agent's.
    pub agent: PathBuf,
    /// Makes a shell the reviewer's.
    pub reviewer: PathBuf,
    /// Makes a shell the operator's.
    pub operator: PathBuf,
}

impl DevEnvFiles {
    /// Their places in a data directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let [agent, reviewer, operator] =
            ["agent.env", "reviewer.env", "operator.env"].map(|name| directory.join(name));
        Self { agent, reviewer, operator }
    }

    /// Writes the files of a server that is reached at `url`. Only their owner can open them.
    ///
    /// # Errors
    /// When they cannot be written, or one of them is not ours.
    pub fn write(&self, tokens: &DevTokens, url: &str) -> Result<(), DevTokensError> {
        let Self { agent, reviewer, operator } = self;
        for (path, token) in [(agent, &tokens.agent), (reviewer, &tokens.reviewer), (operator, &tokens.operator)] {
            let failed = |source| DevTokensError::Io { path: path.clone(), source };
            if !is_ours(path).map_err(failed)?.unwrap_or(true) {
                return Err(DevTokensError::NotOurs { path: path.clone() });
            }
            // Quoted: the brackets of an IPv6 address are a pattern to a shell.
            let text = format!("{MARK}\nexport SIGNOFF_ADDRESS='{url}'\nexport SIGNOFF_TOKEN='{token}'\n");
            private_files::replace(path, text.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes the files that a server in development mode left: to any other its tokens mean nothing.
    ///
    /// # Errors
    /// When one is there and cannot be removed.
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

/// Whether this server wrote a file; `None` when there is none.
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

    /// What a POSIX shell has once it has read the file.
    fn sourced(path: &Path) -> String {
        let script = "cd / && set -eu && . \"$0\" && sh -c 'printf %s\" \"%s \"$SIGNOFF_ADDRESS\" \"$SIGNOFF_TOKEN\"'";
        let output = Command::new("/bin/sh").args(["-c", script]).arg(path).env_clear().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_shell_that_reads_a_file_has_the_address_and_the_token() {
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
    fn a_file_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = DevTokens::in_directory(directory.path()).unwrap();
        let files = DevEnvFiles::in_directory(directory.path());
        for content in [&b"export SIGNOFF_TOKEN=mine\n"[..], b"", &vec![b'#'; BYTES_MAX + 1]] {
            fs::write(&files.reviewer, content).unwrap();
            let told = files.write(&tokens, "http://127.0.0.1:1").unwrap_err().to_string();
            assert!(told.ends_with("reviewer.env was not made by `signoff serve --dev`; rename it"), "{told}");
            files.remove().unwrap();
            assert_eq!(bounded_file::whole(&files.reviewer), content);
        }
    }
}
