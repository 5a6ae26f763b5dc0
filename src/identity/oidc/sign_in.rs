//! Sign-in with OpenID: the authorization code flow with PKCE, in a browser.
//!
//! [`SignIn::begin`] sends a browser to the provider, with a short-lived cookie; the provider sends it back with an
//! [`Answer`], for which [`SignIn::finish`] fetches the ID token. Nothing is kept in the server, so a restart between
//! the two does no harm. See `attempt.rs` for what the cookie protects.

mod answer;
mod attempt;
mod error;
mod exchange;
mod metadata;

use std::{fmt, path::PathBuf, sync::Arc};

use form_urlencoded::Serializer;
use http::HeaderMap;
use tokio::sync::Semaphore;

use self::{
    attempt::{Attempt, Cookies},
    exchange::Exchange,
    metadata::Discovery,
};
use super::{IdTokenError, Oidc, OidcConfigError, bearer::bearer, http::Client};
use crate::{
    clock::Clock,
    domain::{ActorKind, PublicUrl},
    identity::{Principal, RoleGroups},
};

pub use self::{
    answer::{Answer, Denial},
    attempt::ATTEMPT_TIME,
    error::{ClientSecretError, SignInError},
    exchange::check_client_secret_file,
};

/// Path to which the provider sends browsers back.
pub const CALLBACK_PATH: &str = "/sign-in/openid/callback";

/// Maximum number of codes that are redeemed at the same time: browsers without an account can make the server call
/// the provider.
const EXCHANGES_MAX: usize = 32;

/// The server as a client of the provider.
#[derive(Clone, Debug)]
pub struct SignInConfig {
    /// The server's client id at the provider.
    pub client_id: String,
    /// The file with the client's secret. Without it, the server is a public client.
    pub client_secret_file: Option<PathBuf>,
    /// The scopes to ask for, separated by spaces.
    pub scopes: String,
    /// Where people reach the server.
    pub public_url: PublicUrl,
}

/// Signs people in with an OpenID provider.
pub struct SignIn {
    config: SignInConfig,
    oidc: Arc<Oidc>,
    roles: RoleGroups,
    discovery: Discovery,
    exchange: Exchange,
    /// Room for codes that are redeemed.
    pub(super) exchanges: Semaphore,
}

/// A sign-in that began.
pub struct Begun {
    /// The provider's page, to which the browser goes.
    pub url: String,
    /// Values of `Set-Cookie` for the same response: the cookie of this sign-in, and the removal of old ones.
    pub cookies: Vec<String>,
}

/// The end of a sign-in.
pub struct Finished {
    /// The value of `Set-Cookie` that removes the sign-in's cookie: each sign-in has one answer, even one that fails.
    pub cookie: Option<String>,
    /// The result.
    pub result: Result<SignedIn, SignInError>,
}

/// A person that signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The person, with at least one role. Its credentials do not expire: an ID token expires after minutes, and says
    /// nothing about how long the person may stay signed in.
    pub principal: Principal,
    /// The page to go to, as it was given to [`SignIn::begin`]. It was in a cookie meanwhile, so check it again.
    pub next: String,
}

impl SignIn {
    /// Signs people in with the provider whose tokens `oidc` verifies, and gives them the roles of their groups.
    ///
    /// # Errors
    /// When the system has no root certificates.
    pub fn new(
        config: SignInConfig,
        oidc: Arc<Oidc>,
        roles: RoleGroups,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, OidcConfigError> {
        let client = || Client::new(Arc::clone(clock)).map_err(OidcConfigError::Certificates);
        let discovery = Discovery::new(client()?, oidc.config.issuer.clone(), Arc::clone(clock));
        let exchange = Exchange::new(client()?, &config);
        Ok(Self { config, oidc, roles, discovery, exchange, exchanges: Semaphore::new(EXCHANGES_MAX) })
    }

    /// Begins a sign-in that leads to the page `next`, a short text. `headers` are those of the browser's request.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`], or [`SignInError::NoRandom`].
    pub async fn begin(&self, next: &str, headers: &HeaderMap) -> Result<Begun, SignInError> {
        let metadata = self.discovery.metadata().await?;
        let now = self.oidc.clock.wall();
        let attempt = Attempt::new(next, now).map_err(|_| SignInError::NoRandom)?;
        let mut parameters = Serializer::new(String::new());
        parameters
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &self.config.scopes)
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        let endpoint = &metadata.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{endpoint}{separator}{}", parameters.finish());
        let cookies = self.cookies();
        let stale = cookies.stale(headers, now).into_iter().map(|name| cookies.removal(&name));
        Ok(Begun { url, cookies: stale.chain([cookies.cookie_of(&attempt)]).collect() })
    }

    /// Ends a sign-in: redeems the code of the provider's answer, and verifies the ID token.
    pub async fn finish(&self, answer: &Answer, headers: &HeaderMap) -> Finished {
        let cookies = self.cookies();
        let found = answer.state.as_deref().and_then(|state| cookies.find(headers, state));
        let Some(attempt) = found else {
            return Finished { cookie: None, result: Err(SignInError::NoAttempt) };
        };
        let result = self.finish_attempt(answer, &attempt).await;
        match &result {
            Ok(SignedIn { principal, .. }) => tracing::info!(person = %principal.actor, "signed in with OpenID"),
            Err(error) => tracing::warn!(%error, "a sign-in with OpenID failed"),
        }
        Finished { cookie: Some(cookies.removal(&cookies.name_of(&attempt))), result }
    }

    async fn finish_attempt(&self, answer: &Answer, attempt: &Attempt) -> Result<SignedIn, SignInError> {
        if !attempt.is_open(self.oidc.clock.wall()) {
            return Err(SignInError::Expired);
        }
        let metadata = self.discovery.metadata().await?;
        // Of another provider's answer, nothing else counts (RFC 9207).
        let named = answer.iss.as_ref();
        if named.is_some_and(|issuer| *issuer != self.oidc.config.issuer) || (named.is_none() && metadata.names_issuer)
        {
            return Err(SignInError::OtherIssuer);
        }
        if let Some(error) = &answer.error {
            return Err(SignInError::Denied(Denial::of(error)));
        }
        let code = answer.code.as_ref().filter(|code| !code.is_empty()).ok_or(SignInError::NoCode)?;
        let _permit = self.exchanges.try_acquire().map_err(|_| SignInError::Busy)?;
        let id_token = self.exchange.redeem(&metadata, code, &attempt.verifier()).await?;
        let verified = self.oidc.id_token(&id_token, &self.config.client_id, &attempt.nonce()).await.map_err(
            |error| match error {
                IdTokenError::Rejected(super::Rejection::KeysUnavailable) => SignInError::Unavailable,
                error => SignInError::IdToken(error),
            },
        )?;
        let principal = bearer(&verified, &self.roles);
        if principal.actor.kind != ActorKind::Person {
            return Err(SignInError::NotAPerson);
        }
        if principal.roles.is_empty() {
            let claim = self.oidc.config.groups_claim.clone();
            return Err(SignInError::NoRole { groups: verified.groups.into_iter().collect(), claim });
        }
        Ok(SignedIn { principal: Principal { expires_at: None, ..principal }, next: attempt.next().to_owned() })
    }

    /// The address to which the provider sends browsers back. It must be registered there.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        self.config.public_url.join(CALLBACK_PATH)
    }

    /// Where people reach the server. Elsewhere a browser would not send the sign-in's cookie back.
    #[must_use]
    pub const fn public_url(&self) -> &PublicUrl {
        &self.config.public_url
    }

    /// The provider's host, as people know it.
    #[must_use]
    pub fn provider(&self) -> &str {
        let host = self.oidc.config.issuer.split_once("://").map_or("", |(_, rest)| rest);
        host.split(['/', '?']).next().unwrap_or_default()
    }

    const fn cookies(&self) -> Cookies {
        Cookies { secure: self.config.public_url.is_https() }
    }
}

/// Shows no secrets.
impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Shows neither state nor cookies.
impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

/// Shows no cookie.
impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("result", &self.result).finish_non_exhaustive()
    }
}
