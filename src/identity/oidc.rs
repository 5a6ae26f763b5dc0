//! Bearer tokens of an OpenID provider: signed JWTs, verified with the provider's published keys.
//!
//! - `token` takes a JWT apart and refuses what no key may be asked about; `claims` judges what a signed token says.
//! - `jwks` is a set of keys; `source` fetches it, `keys` keeps it fresh; `cache` remembers what was verified.

mod cache;
mod claims;
mod config;
mod http;
mod jwks;
mod keys;
mod source;
#[cfg(test)]
mod tests;
mod token;

use std::{collections::BTreeSet, fmt, sync::Arc};

use self::{
    cache::{Cache, Known},
    jwks::Lookup,
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
    source::check_keys_file,
    token::looks_like_jwt,
};

/// What a token that was accepted says about its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The provider: [`OidcConfig::issuer`].
    pub issuer: String,
    /// The bearer's name at the provider: 1 to 256 characters, in the one form of names.
    pub subject: String,
    /// [`ActorKind::Service`] for a client that got the token for itself, else [`ActorKind::Person`].
    pub kind: ActorKind,
    /// At most 1,000 names of 1 to 128 characters, in the one form of names.
    pub groups: BTreeSet<String>,
    /// When the bearer last proved who it is: `auth_time`, or `iat` without it.
    pub authenticated_at: Time,
    /// From this moment on the token is refused: `exp` and the allowed skew.
    pub expires_at: Time,
}

/// Why a token is refused. Holds nothing that the token says, but for a character that no name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not a signed JWT, larger than 16 KiB, of another type, or with critical extensions.
    #[error("the token is not a JWT of a known form")]
    NotAJwt,
    /// Signed with an algorithm that is not allowed, or that its key is not for.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// The provider has no such key, or had none at the last look, less than 10 seconds ago.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// Made by somebody else.
    #[error("the token is of another issuer")]
    Issuer,
    /// Made for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// This claim is missing or not as it must be.
    #[error("the token's claim {0} is missing or malformed")]
    Claims(&'static str),
    /// This claim is no name.
    #[error("the token's claim {0} {1}")]
    Name(&'static str, NameError),
    /// There are no keys, or none younger than 24 hours: not the bearer's fault.
    #[error("the provider's keys are not available")]
    KeysUnavailable,
}

/// Verifies tokens of one provider.
pub struct Oidc {
    config: OidcConfig,
    /// By which tokens end. How old keys are is told by server time, which nobody can set back.
    clock: Arc<dyn WallClock>,
    keys: Keys,
    cache: Cache,
}

impl Oidc {
    /// Prepares to verify tokens. Keys are fetched when the first token comes.
    ///
    /// # Errors
    /// When the configuration makes no sense, or the system has no certificates to know a provider by.
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, OidcConfigError> {
        config.check()?;
        let keys = Keys::new(Source::new(&config, &clock)?, Arc::clone(&clock));
        Ok(Arc::new(Self { config, clock, keys, cache: Cache::default() }))
    }

    /// Who bears a token. Takes about a microsecond for a token that was accepted before; else it may wait for the
    /// provider, at most 10 seconds. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the token is not to be accepted: see [`Rejection`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Verified>, Rejection> {
        Ok(Arc::clone(&self.known(token).await?.verified))
    }

    /// The same, as a caller of this server. `principal` must make the same of the same each time: its answer is kept
    /// for as long as the token is.
    ///
    /// # Errors
    /// When the token is not to be accepted: see [`Rejection`].
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
        let mut set = self.keys.current().await?;
        // After a look that brought no other keys, as most do, nothing has to be verified again.
        if let Some(known) = self.cache.get(&digest, set.generation(), self.clock.wall()) {
            return Ok(known);
        }
        if matches!(set.find(token.kid.as_deref(), token.algorithm), Lookup::Unknown) {
            set = self.keys.newer(set).await?;
        }
        let key = match set.find(token.kid.as_deref(), token.algorithm) {
            Lookup::Key(key) => key,
            Lookup::Unfit => return Err(Rejection::Algorithm),
            Lookup::Unknown => return Err(Rejection::UnknownKey),
        };
        let claims = token.verify(key)?;
        let now = self.clock.wall(); // read again, as it may have waited for the provider
        let known = Arc::new(Known::from(claims::judge(&claims, &self.config, now)?));
        self.cache.put(digest, set.generation(), Arc::clone(&known), now);
        Ok(known)
    }
}

/// Without keys and tokens.
impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc").field("config", &self.config).finish_non_exhaustive()
    }
}
