//! Who is let in, and as what.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use crate::identity::{
    Role,
    oidc::{Algorithm, KeySource, OidcConfig},
};

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
    /// What a verifier needs; `None` without an issuer.
    #[must_use]
    pub fn verifier(&self) -> Option<OidcConfig> {
        let keys = match &self.keys {
            None => KeySource::Discovery,
            Some(url) if url.contains("://") => KeySource::Url(url.clone()),
            Some(path) => KeySource::File(PathBuf::from(path)),
        };
        let Self { audience, groups_claim, clock_skew, algorithms, .. } = self.clone();
        Some(OidcConfig { issuer: self.issuer.clone()?, audience, keys, groups_claim, clock_skew, algorithms })
    }
}

/// Groups whose members have a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleGroups {
    /// Groups of agents.
    pub agent: Vec<String>,
    /// Groups of reviewers.
    pub reviewer: Vec<String>,
    /// Groups of auditors.
    pub auditor: Vec<String>,
    /// Groups of operators.
    pub operator: Vec<String>,
}

impl RoleGroups {
    /// The groups of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &[String] {
        match role {
            Role::Agent => &self.agent,
            Role::Reviewer => &self.reviewer,
            Role::Auditor => &self.auditor,
            Role::Operator => &self.operator,
        }
    }

    /// The roles of somebody in these groups.
    #[must_use]
    pub fn roles(&self, groups: &BTreeSet<String>) -> BTreeSet<Role> {
        let member = |role: &Role| self.of(*role).iter().any(|group| groups.contains(group));
        Role::ALL.into_iter().filter(member).collect()
    }
}
