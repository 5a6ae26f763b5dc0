use std::{
    io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{AuthenticationMethod, Principal};
use crate::{
    bounded_file,
    domain::{Actor, ActorKind, Role, Time},
    private_files::{self, PrivacyError},
};

/// The three tokens of `--dev`. They are stored in the data directory, so that they survive a restart of the server.
/// There are several because callers cannot approve their own requests.
#[derive(Clone, Serialize, Deserialize)]
pub struct DevTokens {
    /// Token of the agent `dev/agent`.
    pub agent: String,
    /// Token of the person `dev/reviewer`.
    pub reviewer: String,
    /// Token of the person `dev/operator`, who is an auditor too.
    pub operator: String,
}

/// Why there are no development tokens.
#[derive(Debug, thiserror::Error)]
pub enum DevTokensError {
    /// The file cannot be read or written, or the system has no random numbers.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The content of the file is invalid.
    #[error(
        "{} does not contain valid development tokens: {reason}; remove the file to create new tokens",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// A file of the user has the name of a file of development mode.
    #[error("{} was not created by `signoff serve --dev`; rename it", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Other users can read the file.
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
}

impl DevTokens {
    /// Name of the file in the data directory.
    pub const FILE: &str = "dev-tokens.json";

    /// Reads the tokens of a data directory, or creates them.
    ///
    /// # Errors
    /// When the file cannot be read or written, its content is invalid, other users can read it and its permissions
    /// cannot be changed, or the system has no random numbers.
    pub fn in_directory(directory: &Path) -> Result<Self, DevTokensError> {
        let path = directory.join(Self::FILE);
        if let Some(mode) = private_files::secure(&path)? {
            tracing::warn!(
                "other users could read the tokens in {} (mode {mode:04o}); made the file private",
                path.display()
            );
        }
        match bounded_file::read(&path, BYTES_MAX) {
            Ok(content) => Self::parse(&content).map_err(|reason| DevTokensError::Damaged { path, reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::make(&path).map_err(|source| DevTokensError::Io { path, source })
            }
            Err(source) => Err(DevTokensError::Io { path, source }),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let (agent, reviewer, operator) = (random("agent")?, random("reviewer")?, random("operator")?);
        let tokens = Self { agent, reviewer, operator };
        private_files::replace(path, &serde_json::to_vec_pretty(&tokens)?)?;
        Ok(tokens)
    }

    fn parse(content: &[u8]) -> Result<Self, String> {
        let tokens: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let Self { agent, reviewer, operator } = &tokens;
        // A short token could be guessed, and equal tokens would share the first one's role.
        let roles = [("agent", agent), ("reviewer", reviewer), ("operator", operator)];
        let sound = |role: &str, token: &str| token.strip_prefix(&prefix(role)).map(str::len) == Some(SECRET);
        let broken = roles.into_iter().find_map(|(role, token)| (!sound(role, token)).then_some(role));
        match broken {
            Some(role) => Err(format!("the {role} token is invalid")),
            None => Ok(tokens),
        }
    }
}

/// Maximum size of the file, in bytes: many times what is written.
const BYTES_MAX: usize = 64 << 10;

/// Number of characters after a token's prefix: 192 random bits in base64url.
const SECRET: usize = 32;

fn prefix(role: &str) -> String {
    format!("dev_{role}_")
}

fn random(role: &str) -> io::Result<String> {
    let mut bytes = [0; SECRET / 4 * 3];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{}{}", prefix(role), URL_SAFE_NO_PAD.encode(bytes)))
}

impl DevTokens {
    /// The principal of a token; `None` for an unknown token.
    pub(super) fn recognise(&self, token: &str, now: Time) -> Option<Principal> {
        let known = [
            (&self.agent, ActorKind::Agent, "agent", &[Role::Agent][..]),
            (&self.reviewer, ActorKind::Person, "reviewer", &[Role::Reviewer]),
            (&self.operator, ActorKind::Person, "operator", &[Role::Auditor, Role::Operator]),
        ];
        let known = known.into_iter().find(|(known, ..)| known.as_bytes().ct_eq(token.as_bytes()).into());
        let (_, kind, subject, roles) = known?;
        let actor = Actor { kind, issuer: "dev".into(), subject: subject.into() };
        let roles = roles.iter().copied().collect();
        Some(Principal { roles, ..Principal::new(actor, AuthenticationMethod::DevToken, now) })
    }
}

/// Tokens never show in logs.
impl std::fmt::Debug for DevTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn tokens_survive_a_restart_and_stay_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = DevTokens::in_directory(directory.path()).unwrap();
        let second = DevTokens::in_directory(directory.path()).unwrap();
        assert_eq!(first.agent, second.agent);
        let mode = fs::metadata(directory.path().join("dev-tokens.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(first.agent[10..], first.reviewer[13..]);
    }

    #[test]
    fn a_file_that_other_users_can_read_is_made_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = DevTokens::in_directory(directory.path()).unwrap();
        let path = directory.path().join(DevTokens::FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(DevTokens::in_directory(directory.path()).unwrap().agent, first.agent);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_reported_and_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DevTokens::FILE);
        let whole = bounded_file::whole(DevTokens::in_directory(directory.path()).map(|_| &path).unwrap());
        let text = String::from_utf8(whole.clone()).unwrap();
        let swapped = text.replace("dev_agent_", "dev_reviewer_");
        let empty = br#"{"agent":"","reviewer":"","operator":""}"#;
        for damaged in [b"", &whole[..whole.len() / 2], b"[]", empty, swapped.as_bytes()] {
            fs::write(&path, damaged).unwrap();
            let told = DevTokens::in_directory(directory.path()).unwrap_err().to_string();
            assert!(told.contains("does not contain valid development tokens"), "{told}");
            assert!(told.ends_with("remove the file to create new tokens"), "{told}");
            assert_eq!(bounded_file::whole(&path), damaged);
        }
    }

    #[test]
    fn endless_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DevTokens::FILE);
        // Not /dev/zero: its permissions would be changed.
        let [_, pipe, inner] = bounded_file::samples::endless(directory.path());
        for endless in [pipe, inner] {
            fs::rename(&endless, &path).unwrap();
            let told = DevTokens::in_directory(directory.path()).unwrap_err().to_string();
            assert!(told.ends_with("dev-tokens.json: is not a regular file"), "{told}");
            fs::rename(&path, &endless).unwrap();
        }
        fs::write(&path, vec![b' '; BYTES_MAX + 1]).unwrap();
        let told = DevTokens::in_directory(directory.path()).unwrap_err().to_string();
        assert!(told.ends_with("has 65537 bytes; at most 65536 are allowed"), "{told}");
    }

    #[test]
    fn each_token_has_its_role() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = DevTokens::in_directory(directory.path()).unwrap();
        for (token, name, roles) in [
            (&tokens.agent, "dev/agent", "agent"),
            (&tokens.reviewer, "dev/reviewer", "reviewer"),
            (&tokens.operator, "dev/operator", "auditor, operator"),
        ] {
            let principal = tokens.recognise(token, Time::UNIX_EPOCH).unwrap();
            assert_eq!((principal.actor.to_string().as_str(), principal.role_names().as_str()), (name, roles));
        }
        for bad in ["", "dev_agent_", &tokens.agent[..10], &format!("{}x", tokens.agent)] {
            assert!(tokens.recognise(bad, Time::UNIX_EPOCH).is_none(), "{bad}");
        }
    }
}
