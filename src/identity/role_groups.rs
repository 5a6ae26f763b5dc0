use std::collections::BTreeSet;

use super::Role;

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
