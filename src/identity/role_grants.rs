use std::collections::BTreeSet;

use super::NameGlob;
use crate::domain::Role;

/// Selectors that grant each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrants<T> {
    /// Grant `agent`.
    pub agent: Vec<T>,
    /// Grant `reviewer`.
    pub reviewer: Vec<T>,
    /// Grant `auditor`.
    pub auditor: Vec<T>,
    /// Grant `operator`.
    pub operator: Vec<T>,
}

/// Groups that grant roles to their members.
pub type RoleGroups = RoleGrants<String>;

/// Patterns that grant roles to certificates by their names.
pub type CertificateRoles = RoleGrants<NameGlob>;

impl<T> Default for RoleGrants<T> {
    fn default() -> Self {
        Self { agent: Vec::new(), reviewer: Vec::new(), auditor: Vec::new(), operator: Vec::new() }
    }
}

impl<T> RoleGrants<T> {
    /// The selectors that grant a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &[T] {
        match role {
            Role::Agent => &self.agent,
            Role::Reviewer => &self.reviewer,
            Role::Auditor => &self.auditor,
            Role::Operator => &self.operator,
        }
    }

    /// Whether no role is granted at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.of(role).is_empty())
    }

    /// The roles that are granted by any selector that `matches`.
    #[must_use]
    pub fn roles(&self, matches: impl Fn(&T) -> bool) -> BTreeSet<Role> {
        Role::ALL.into_iter().filter(|role| self.of(*role).iter().any(&matches)).collect()
    }
}
