//! Bearer tokens of an OpenID provider: signed JWTs, verified with the provider's published keys.
//!
//! - `token` parses a JWT, and rejects unsupported tokens before a key is used; `claims` checks the claims of a verified token.
//! - `id_token` verifies the token of a sign-in; `sign_in` is the sign-in in a browser.
//! - `jwks` is a set of keys; `source` fetches it, `keys` keeps it fresh; `cache` remembers verified tokens.

mod bearer;
mod cache;
mod claims;
mod config;
mod http;
mod id_token;
mod jwks;
mod keys;
mod sign_in;
mod source;
#[cfg(test)]
mod tests;
mod token;

use std::{collections::BTreeSet, fmt, sync::Arc};

pub(in crate::identity) use self::bearer::bearer;
use self::{
    cache::{Cache, Known},
    jwks::{KeySet, Lookup},
    keys::Keys,
    source::Source,
    token::Token,
};
use super::Principal;
use crate::{
    clock::{Clock, WallClock},
    domain::{ActorKind, Time, name::NameError},
};

pub use self::{
    config::{Algorithm, KeySource, OidcConfig, OidcConfigError, UnknownAlgorithm},
    id_token::IdTokenError,
    sign_in::{
        ATTEMPT_TIME, Answer, Begun, CALLBACK_PATH, ClientSecretError, Denial, Finished, SignIn, SignInConfig,
        SignInError, SignedIn, check_client_secret_file,
    },
    source::check_keys_file,
    token::looks_like_jwt,
};

/// The bearer of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The provider: [`OidcConfig::issuer`].
    pub issuer: String,
    /// The bearer's name at the provider: 1 to 256 characters, normalized.
    pub subject: String,
    /// [`ActorKind::Service`] for a client that got the token for itself, else [`ActorKind::Person`].
    pub kind: ActorKind,
    /// At most 1,000 group names of 1 to 128 characters, normalized.
    pub groups: BTreeSet<String>,
    /// Time of the bearer's last authentication: `auth_time`, or `iat` without it.
    pub authenticated_at: Time,
    /// Expiry of the token: `exp` plus the clock skew.
    pub expires_at: Time,
}

/// Why a token is rejected. Contains nothing from the token, except a character that names must not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not a signed JWT, larger than 16 KiB, of another type, or with critical extensions.
    #[error("the token is not a supported JWT")]
    NotAJwt,
    /// The algorithm is not allowed, or does not fit the key.
    #[error("the token's signature algorithm is not allowed")]
    Algorithm,
    /// The provider does not have the key, or did not when its keys were fetched less than 10 seconds ago.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature is invalid.
    #[error("the token's signature is invalid")]
    Signature,
    /// The token has another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// The token has another audience.
    #[error("the token is for another audience")]
    Audience,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid yet.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// This claim is missing or malformed.
    #[error("the token's claim {0} is missing or malformed")]
    Claims(&'static str),
    /// This claim is not a valid name.
    #[error("the token's claim {0} {1}")]
    Name(&'static str, NameError),
    /// There are no keys, or none that were confirmed in the last 24 hours. The token may be valid.
    #[error("the provider's keys are not available")]
    KeysUnavailable,
}

/// Verifies tokens of one provider.
pub struct Oidc {
    config: OidcConfig,
    /// The wall clock, by which tokens expire. The age of keys is measured in server time, which never runs backwards.
    clock: Arc<dyn WallClock>,
    keys: Keys,
    cache: Cache,
}

impl Oidc {
    /// A verifier. It fetches keys when it verifies the first token.
    ///
    /// # Errors
    /// When the configuration is invalid, or the system has no root certificates.
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, OidcConfigError> {
        config.check()?;
        let keys = Keys::new(Source::new(&config, &clock)?, Arc::clone(&clock));
        Ok(Arc::new(Self { config, clock, keys, cache: Cache::default() }))
    }

    /// Verifies a token. Takes about a microsecond for a cached token; otherwise it may wait for the provider, at most
    /// 10 seconds. Requires a Tokio runtime.
    ///
    /// # Errors
    /// When the token is rejected: see [`Rejection`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Verified>, Rejection> {
        Ok(Arc::clone(&self.known(token).await?.verified))
    }

    /// Verifies a token, and returns the principal of its bearer. `principal` must be deterministic: its result is
    /// cached with the token.
    ///
    /// # Errors
    /// When the token is rejected: see [`Rejection`].
    pub(super) async fn principal(
        &self,
        token: &str,
        principal: impl FnOnce(&Verified) -> Principal,
    ) -> Result<Arc<Principal>, Rejection> {
        let known = self.known(token).await?;
        Ok(Arc::clone(known.principal.get_or_init(|| Arc::new(principal(&known.verified)))))
    }

    async fn known(&self, token: &str) -> Result<Arc<Known>, Rejection> {
        if token.len() > token::BYTES_MAX {
            return Err(Rejection::NotAJwt);
        }
        let digest = cache::digest(token);
        if let Some(set) = self.keys.fresh()
            && let Some(known) = self.cache.get(&digest, set.generation(), self.clock.wall())
        {
            return Ok(known);
        }
        let token = Token::parse(token, &self.config.algorithms)?;
        let set = self.keys.current().await?;
        // Most fetches bring no other keys; then nothing has to be verified again.
        if let Some(known) = self.cache.get(&digest, set.generation(), self.clock.wall()) {
            return Ok(known);
        }
        let (claims, generation) = self.signed_claims(&token, set).await?;
        let now = self.clock.wall(); // read again, because fetching keys may have taken long
        let known = Arc::new(Known::from(claims::judge(&claims, &self.config, now)?));
        self.cache.put(digest, generation, Arc::clone(&known), now);
        Ok(known)
    }

    /// The claims of a token, if its signature is valid; and the generation of the keys that verified it. Fetches keys if
    /// the token's key is not in `set`.
    async fn signed_claims(
        &self,
        token: &Token<'_>,
        mut set: Arc<KeySet>,
    ) -> Result<(serde_json::Map<String, serde_json::Value>, u64), Rejection> {
        if matches!(set.find(token.kid.as_deref(), token.algorithm), Lookup::Unknown) {
            set = self.keys.newer(set).await?;
        }
        let key = match set.find(token.kid.as_deref(), token.algorithm) {
            Lookup::Key(key) => key,
            Lookup::Unfit => return Err(Rejection::Algorithm),
            Lookup::Unknown => return Err(Rejection::UnknownKey),
        };
        Ok((token.verify(key)?, set.generation()))
    }
}

/// Shows neither keys nor tokens.
impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc").field("config", &self.config).finish_non_exhaustive()
    }
}
