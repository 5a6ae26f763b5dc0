use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{AuthenticationMethod, Principal, Role};
use crate::domain::{Actor, ActorKind, Time};

/// The three tokens of `--dev`: kept in the data directory, so that clients survive a restart of the server. Three, as nobody
/// can approve what they asked for themselves.
#[derive(Clone, Serialize, Deserialize)]
pub struct DevTokens {
    /// Speaks as agent `dev/agent`.
    pub agent: String,
    /// Speaks as person `dev/reviewer`.
    pub reviewer: String,
    /// Speaks as person `dev/operator`, who sees everything too.
    pub operator: String,
    /// Whether this start has made them: they are printed once.
    #[serde(skip)]
    pub made: bool,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or make the tokens in {}: {source}", path.display())]
pub struct DevTokensError {
    path: PathBuf,
    source: io::Error,
}

impl DevTokens {
    /// Their file in the data directory.
    pub const FILE: &str = "dev-tokens.json";

    /// Reads the tokens of a data directory, or makes them.
    ///
    /// # Errors
    /// When the file can be neither read nor written, or the system has no random numbers.
    pub fn in_directory(directory: &Path) -> Result<Self, DevTokensError> {
        let path = directory.join(Self::FILE);
        Self::load_or_make(directory, &path).map_err(|source| DevTokensError { path, source })
    }

    fn load_or_make(directory: &Path, path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(content) => return Ok(serde_json::from_slice(&content)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (agent, reviewer, operator) = (random("agent")?, random("reviewer")?, random("operator")?);
        let tokens = Self { agent, reviewer, operator, made: true };
        let unfinished = directory.join("dev-tokens.json.new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&serde_json::to_vec_pretty(&tokens)?)?;
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        Ok(tokens)
    }
}

fn random(role: &str) -> io::Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("dev_{role}_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

impl DevTokens {
    /// Whose token this is; `None` for any other.
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
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn tokens_survive_a_restart_and_stay_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = DevTokens::in_directory(directory.path()).unwrap();
        let second = DevTokens::in_directory(directory.path()).unwrap();
        assert_eq!((&first.agent, first.made, second.made), (&second.agent, true, false));
        let mode = fs::metadata(directory.path().join("dev-tokens.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(first.agent[10..], first.reviewer[13..]);
    }

    #[test]
    fn each_token_speaks_for_its_role() {
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
