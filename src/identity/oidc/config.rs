use std::{fmt, io, path::PathBuf, str::FromStr, time::Duration};

use super::http;
use crate::domain::name::{self, NameError};

/// Issuers that mean others here: somebody of a provider with such a name would be taken for them.
const RESERVED_ISSUERS: [&str; 4] = ["local", "certificate", "dev", "signoff"];

/// Whose tokens are accepted, and how they are verified.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The provider's name for itself: what `iss` must be, to the character.
    pub issuer: String,
    /// This server's name at the provider: `aud` must be it, or contain it.
    pub audience: String,
    /// Where the provider's keys are.
    pub keys: KeySource,
    /// The claim that lists the bearer's groups: a claim's name, or else a path such as `realm_access.roles`.
    pub groups_claim: String,
    /// How far the provider's clock and ours may be apart.
    pub clock_skew: Duration,
    /// The algorithms that tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
}

impl OidcConfig {
    /// The usual configuration for a provider: its published keys, groups in `groups`, a minute of skew, and RS256,
    /// ES256 and EdDSA.
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

    /// Whether tokens can be verified like that.
    ///
    /// # Errors
    /// When a text is empty, a URL is none that anything is fetched from, or nothing would be accepted.
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

/// Where a provider's keys are: a JSON Web Key Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Where `.well-known/openid-configuration` below the issuer says.
    Discovery,
    /// At this URL: https, or http on loopback.
    Url(String),
    /// In this file, read again when it changes.
    File(PathBuf),
}

/// Algorithms of signatures: only those with a public key, as all who can check others' signatures could make them.
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

    /// The algorithm's name in a token's header.
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

/// There is no algorithm of this name, or it has no public key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an algorithm with public keys")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// Why tokens cannot be verified like that.
#[derive(Debug, thiserror::Error)]
pub enum OidcConfigError {
    /// A text is empty or has a control character.
    #[error("the {0} is empty or has a control character")]
    Text(&'static str),
    /// An issuer that is no name.
    #[error("the issuer {0}")]
    Issuer(#[source] NameError),
    /// A URL that nothing is fetched from.
    #[error("the {0} must be a URL with https, or with http on loopback, without a password")]
    Url(&'static str),
    /// A name by which this server means others than those of a provider.
    #[error("the issuer must be none of local, certificate, dev and signoff")]
    Reserved,
    /// Nothing would be accepted.
    #[error("at least one algorithm is needed")]
    NoAlgorithm,
    /// A provider could not be told from an impostor.
    #[error("the system's root certificates cannot be used: {0}")]
    Certificates(#[source] io::Error),
}
