use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::domain::SecretHash;

/// Number of random bytes in a secret.
const RANDOM: usize = 32;

/// A secret: of a token or a session (a prefix and 256 random bits in base64url), or one that an operator keeps in a file
/// or a variable. It is never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Prefix of the secrets of tokens, by which scanners find leaked ones.
    pub const PREFIX: &str = "signoff_";

    /// Prefix of the secrets of sessions. No secret of a token has it.
    pub const SESSION_PREFIX: &str = "signoff-session_";

    /// A new secret of a token.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Self::random(Self::PREFIX)
    }

    /// A new secret of a session.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn of_session() -> Result<Self, getrandom::Error> {
        Self::random(Self::SESSION_PREFIX)
    }

    /// A secret that an operator chose, or another system made.
    #[must_use]
    pub const fn given(text: String) -> Self {
        Self(text)
    }

    fn random(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The text. A new one is shown only once; a given one goes only to the system that it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash, which is stored.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

/// Secrets never show in logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token_samples::token;

    #[test]
    fn secrets_are_random_and_not_in_debug_output() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert!(one.reveal().starts_with("signoff_") && one.reveal().len() == 51, "{}", one.reveal());
        assert!(one != other && one.hash() != other.hash() && one.hash() == SecretHash::of(one.reveal()));
        let shown = format!("{one:?} {:?} {:?}", one.hash(), token(1));
        let hash = serde_json::to_string(&one.hash()).unwrap();
        assert!(!shown.contains(&one.reveal()[8..]) && !shown.contains(hash.trim_matches('"')), "{shown}");
        let session = Secret::of_session().unwrap();
        assert!(session.reveal().starts_with("signoff-session_") && session.reveal().len() == 59);
        assert_eq!(format!("{:?}", Secret::given("hunter2".to_owned())), "Secret");
        assert!(!session.reveal().starts_with(Secret::PREFIX) && !one.reveal().starts_with(Secret::SESSION_PREFIX));
    }
}
