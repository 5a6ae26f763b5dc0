use std::fmt;

/// What a principal is allowed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Asks, and sees, cancels, claims and reports what it asked for.
    Agent,
    /// Sees everything, and decides.
    Reviewer,
    /// Sees everything, and sets the policy.
    Operator,
}

/// The calls of `signoff.v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the call of its name; see its service's proto file")]
pub enum Method {
    RequestApproval,
    WatchApproval,
    GetApproval,
    WaitApproval,
    ListPending,
    WatchPending,
    ListApprovals,
    Decide,
    CancelApproval,
    ClaimExecution,
    ReportExecution,
    GetPolicy,
    ListPolicyVersions,
    SetPolicy,
    TestPolicy,
}

impl Method {
    /// Every call.
    pub const ALL: [Self; 15] = [
        Self::RequestApproval,
        Self::WatchApproval,
        Self::GetApproval,
        Self::WaitApproval,
        Self::ListPending,
        Self::WatchPending,
        Self::ListApprovals,
        Self::Decide,
        Self::CancelApproval,
        Self::ClaimExecution,
        Self::ReportExecution,
        Self::GetPolicy,
        Self::ListPolicyVersions,
        Self::SetPolicy,
        Self::TestPolicy,
    ];

    /// The call's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestApproval => "RequestApproval",
            Self::WatchApproval => "WatchApproval",
            Self::GetApproval => "GetApproval",
            Self::WaitApproval => "WaitApproval",
            Self::ListPending => "ListPending",
            Self::WatchPending => "WatchPending",
            Self::ListApprovals => "ListApprovals",
            Self::Decide => "Decide",
            Self::CancelApproval => "CancelApproval",
            Self::ClaimExecution => "ClaimExecution",
            Self::ReportExecution => "ReportExecution",
            Self::GetPolicy => "GetPolicy",
            Self::ListPolicyVersions => "ListPolicyVersions",
            Self::SetPolicy => "SetPolicy",
            Self::TestPolicy => "TestPolicy",
        }
    }

    /// Who may make the call. An agent's own approvals are all that exist for it.
    const fn roles(self) -> &'static [Role] {
        match self {
            Self::RequestApproval | Self::CancelApproval | Self::ClaimExecution | Self::ReportExecution => {
                &[Role::Agent]
            }
            Self::WatchApproval | Self::GetApproval | Self::WaitApproval | Self::ListApprovals => {
                &[Role::Agent, Role::Reviewer, Role::Operator]
            }
            Self::ListPending | Self::WatchPending | Self::GetPolicy | Self::ListPolicyVersions => {
                &[Role::Reviewer, Role::Operator]
            }
            Self::SetPolicy | Self::TestPolicy => &[Role::Operator],
            Self::Decide => &[Role::Reviewer],
        }
    }
}

impl Role {
    /// Whether this role may make a call at all.
    #[must_use]
    pub fn may(self, method: Method) -> bool {
        method.roles().contains(&self)
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Reviewer => "reviewer",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
