use std::{fmt, io, path::PathBuf, str::FromStr, time::Duration};

use super::http;
use crate::domain::name::{self, NameError};

/// Issuers of this server's own actors. A provider with such a name could imitate them.
const RESERVED_ISSUERS: [&str; 4] = ["local", "certificate", "dev", "signoff"];

/// The OpenID provider, and how its tokens are verified.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The exact `iss` claim of tokens.
    pub issuer: String,
    /// The audience of tokens: `aud` must equal or contain it.
    pub audience: String,
    /// Source of the provider's keys.
    pub keys: KeySource,
    /// The claim with the bearer's groups: a claim's name, or a path such as `realm_access.roles`.
    pub groups_claim: String,
    /// Maximum difference between the clocks of the provider and of this server.
    pub clock_skew: Duration,
    /// Signature algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
}

impl OidcConfig {
    /// The default configuration of a provider: keys by discovery, groups in `groups`, a clock skew of one minute, and
    /// RS256, ES256 and EdDSA.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: KeySource::Discovery,
            groups_claim: "groups".to_owned(),
            clock_skew: Duration::from_secs(60),
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
        }
    }

    /// Checks that tokens can be verified with this configuration.
    ///
    /// # Errors
    /// When a text is empty, a URL is not allowed, or no token would be accepted.
    pub fn check(&self) -> Result<(), OidcConfigError> {
        let named = [("issuer", &self.issuer), ("audience", &self.audience), ("groups claim", &self.groups_claim)];
        if let Some((what, _)) = named.into_iter().find(|(_, text)| text.is_empty() || text.contains(char::is_control))
        {
            return Err(OidcConfigError::Text(what));
        }
        name::normal(&self.issuer).map_err(OidcConfigError::Issuer)?;
        if RESERVED_ISSUERS.contains(&self.issuer.as_str()) {
            return Err(OidcConfigError::Reserved);
        }
        if self.algorithms.is_empty() {
            return Err(OidcConfigError::NoAlgorithm);
        }
        match &self.keys {
            KeySource::Discovery if http::allowed(&self.issuer).is_none() => Err(OidcConfigError::Url("issuer")),
            KeySource::Url(url) if http::allowed(url).is_none() => Err(OidcConfigError::Url("key set's URL")),
            _ => Ok(()),
        }
    }
}

/// Source of a provider's keys, a JSON Web Key Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The `jwks_uri` in `.well-known/openid-configuration` below the issuer.
    Discovery,
    /// This URL: https, or http on loopback.
    Url(String),
    /// This file, reloaded when it changes.
    File(PathBuf),
}

/// Signature algorithms: only those with a public key. With a symmetric algorithm, every verifier could create tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the algorithm of its name in RFC 7518 and RFC 8037")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The algorithm's name in the header of a token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Rs384 => Self::RS384,
            Algorithm::Rs512 => Self::RS512,
            Algorithm::Ps256 => Self::PS256,
            Algorithm::Ps384 => Self::PS384,
            Algorithm::Ps512 => Self::PS512,
            Algorithm::Es256 => Self::ES256,
            Algorithm::Es384 => Self::ES384,
            Algorithm::EdDsa => Self::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is unknown, or its algorithm has no public key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a signature algorithm with a public key")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// Why a configuration is rejected.
#[derive(Debug, thiserror::Error)]
pub enum OidcConfigError {
    /// A text is empty or contains a control character.
    #[error("the {0} is empty or contains a control character")]
    Text(&'static str),
    /// The issuer is not a valid name.
    #[error("the issuer {0}")]
    Issuer(#[source] NameError),
    /// A URL is not allowed.
    #[error("the {0} must be an https URL, or an http URL on loopback, without a user name or password")]
    Url(&'static str),
    /// The issuer is a name that this server uses for its own actors.
    #[error("the issuer names local, certificate, dev and signoff are reserved")]
    Reserved,
    /// No token would be accepted.
    #[error("no signature algorithm is set; set at least one")]
    NoAlgorithm,
    /// The provider's certificate could not be verified.
    #[error("cannot load the system's root certificates: {0}")]
    Certificates(#[source] io::Error),
}
