use std::fmt;

use serde::{Deserialize, Serialize};

/// A principal's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Requests approvals; reads, cancels, claims and reports its own.
    Agent,
    /// Reads and decides the approvals that it is asked about.
    Reviewer,
    /// Reads everything.
    Auditor,
    /// Sets the policy; creates and revokes tokens; freezes calls.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Reviewer, Self::Auditor, Self::Operator];

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
