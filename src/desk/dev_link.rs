//! The sign-in link of development mode: printed by `serve --dev`, valid once, on loopback only.

use std::sync::Mutex;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes of the secret.
const RANDOM: usize = 24;

/// A link that signs the reviewer of development mode in, once.
pub struct DevLink {
    /// Hash of the secret; `None` after its use.
    unused: Mutex<Option<[u8; 32]>>,
    /// The reviewer's development token.
    token: String,
}

impl DevLink {
    /// A link for the bearer of a development token, and its path.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(token: String) -> Result<(Self, String), getrandom::Error> {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes)?;
        let secret = URL_SAFE_NO_PAD.encode(bytes);
        let path = format!("/sign-in/dev/{secret}");
        Ok((Self { unused: Mutex::new(Some(Sha256::digest(&secret).into())), token }, path))
    }

    /// The token to sign in with, if the secret is the link's, and it was not used before.
    pub(super) fn redeem(&self, secret: &str) -> Option<&str> {
        let mut unused = self.unused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let hash: [u8; 32] = Sha256::digest(secret).into();
        unused.take_if(|expected| bool::from(expected.ct_eq(&hash)))?;
        Some(&self.token)
    }
}

/// Neither the secret nor the token shows in logs.
impl std::fmt::Debug for DevLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevLink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once() {
        let (link, path) = DevLink::new("token".into()).unwrap();
        let secret = path.rsplit('/').next().unwrap();
        assert_eq!(link.redeem("guess"), None);
        assert_eq!(link.redeem(secret), Some("token"));
        assert_eq!(link.redeem(secret), None);
        assert!(!format!("{link:?}").contains("token"));
    }
}
