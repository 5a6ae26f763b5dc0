use std::collections::BTreeSet;

use super::NameGlob;
use crate::domain::Role;

/// For each role, what gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByRole<T> {
    /// What makes an agent.
    pub agent: Vec<T>,
    /// What makes a reviewer.
    pub reviewer: Vec<T>,
    /// What makes an auditor.
    pub auditor: Vec<T>,
    /// What makes an operator.
    pub operator: Vec<T>,
}

/// Groups whose members have a role.
pub type RoleGroups = ByRole<String>;

/// Names of certificates whose holders have a role.
pub type CertificateRoles = ByRole<NameGlob>;

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self { agent: Vec::new(), reviewer: Vec::new(), auditor: Vec::new(), operator: Vec::new() }
    }
}

impl<T> ByRole<T> {
    /// What gives a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &[T] {
        match role {
            Role::Agent => &self.agent,
            Role::Reviewer => &self.reviewer,
            Role::Auditor => &self.auditor,
            Role::Operator => &self.operator,
        }
    }

    /// Whether nobody has a role.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.of(role).is_empty())
    }

    /// The roles of whoever has any of what gives them.
    #[must_use]
    pub fn roles(&self, has: impl Fn(&T) -> bool) -> BTreeSet<Role> {
        Role::ALL.into_iter().filter(|role| self.of(*role).iter().any(&has)).collect()
    }
}
