//! Who is let in.

use std::{path::PathBuf, time::Duration};

use crate::identity::oidc::{Algorithm, KeySource, OidcConfig};

/// Whose OpenID tokens are accepted. All but `issuer` has a default; without it none are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The provider's name for itself.
    pub issuer: Option<String>,
    /// This server's name at the provider.
    pub audience: String,
    /// URL or path of the provider's keys; `None`: where the issuer says.
    pub keys: Option<String>,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// How far the clocks may be apart, 0 to 10 min.
    pub clock_skew: Duration,
    /// The algorithms of signatures.
    pub algorithms: Vec<Algorithm>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        let OidcConfig { audience, groups_claim, clock_skew, algorithms, .. } = OidcConfig::new("", "signoff");
        Self { issuer: None, audience, keys: None, groups_claim, clock_skew, algorithms }
    }
}

impl OidcSettings {
    /// The file of the provider's keys, where `keys` names one.
    #[must_use]
    pub fn keys_file(&self) -> Option<PathBuf> {
        self.keys.as_ref().filter(|keys| !keys.contains("://")).map(PathBuf::from)
    }

    /// What a verifier needs; `None` without an issuer.
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
