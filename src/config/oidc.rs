//! Settings of the OpenID provider.

use std::{path::PathBuf, time::Duration};

use crate::identity::oidc::{Algorithm, KeySource, OidcConfig};

/// OpenID provider whose tokens are accepted. Without `issuer`, no OpenID tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The `iss` claim of accepted tokens.
    pub issuer: Option<String>,
    /// Client id of this server at the provider; with `None`, nobody can sign in with OpenID.
    pub client_id: Option<String>,
    /// File with the client's secret; with `None`, the server is a public client.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes that a sign-in asks for, separated by spaces; `openid` is one of them.
    pub scopes: String,
    /// Audience that tokens must have in their `aud` claim.
    pub audience: String,
    /// URL or path of the provider's JWKS; with `None`, the discovery document has the URL.
    pub keys: Option<String>,
    /// Claim with the caller's groups.
    pub groups_claim: String,
    /// Maximum difference between the clocks of the provider and of this server, 0 to 10 min.
    pub clock_skew: Duration,
    /// Signature algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        let OidcConfig { audience, groups_claim, clock_skew, algorithms, .. } = OidcConfig::new("", "signoff");
        Self {
            issuer: None,
            client_id: None,
            client_secret_file: None,
            // A provider may refuse scopes that it does not know, and of a person nothing but name and groups is used.
            scopes: "openid".to_owned(),
            audience,
            keys: None,
            groups_claim,
            clock_skew,
            algorithms,
        }
    }
}

impl OidcSettings {
    /// The JWKS file, if `keys` is a path.
    #[must_use]
    pub fn keys_file(&self) -> Option<PathBuf> {
        self.keys.as_ref().filter(|keys| !keys.contains("://")).map(PathBuf::from)
    }

    /// The configuration of a verifier; `None` without an issuer.
    #[must_use]
    pub fn verifier(&self) -> Option<OidcConfig> {
        let keys = match (self.keys_file(), &self.keys) {
            (Some(path), _) => KeySource::File(path),
            (None, Some(url)) => KeySource::Url(url.clone()),
            (None, None) => KeySource::Discovery,
        };
        let Self { audience, groups_claim, clock_skew, algorithms, .. } = self.clone();
        Some(OidcConfig { issuer: self.issuer.clone()?, audience, keys, groups_claim, clock_skew, algorithms })
    }
}
