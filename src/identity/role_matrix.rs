//! The table of roles and the calls that they allow, and about which approvals.
//!
//! Other rules are elsewhere: the policy defines eligible voters (`domain/requirement.rs`), callers cannot decide on
//! their own requests (`domain/transition/decide.rs`), and a token limits for whom a bridge decides
//! (`authorization.rs`).

use crate::domain::Role;

/// The approvals that a role allows a call about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The caller's own requests.
    Own,
    /// Approvals that the policy lets the caller vote on.
    Eligible,
    /// All. Also the reach of calls that are not about approvals.
    All,
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
    RevokeApproval,
    ClaimExecution,
    ReportExecution,
    GetPolicy,
    ListPolicyVersions,
    SetPolicy,
    TestPolicy,
    CreateToken,
    ListTokens,
    RevokeToken,
    GetCaller,
    Freeze,
    Thaw,
    ListFreezes,
    GetStatus,
    ListSessions,
    EndSessions,
    BlockSubject,
    UnblockSubject,
    ListBlockedSubjects,
    ListChannels,
    ListDeliveries,
    RetryDelivery,
    TestChannel,
    Backup,
}

impl Method {
    /// Every call.
    pub const ALL: [Self; 34] = [
        Self::RequestApproval,
        Self::WatchApproval,
        Self::GetApproval,
        Self::WaitApproval,
        Self::ListPending,
        Self::WatchPending,
        Self::ListApprovals,
        Self::Decide,
        Self::CancelApproval,
        Self::RevokeApproval,
        Self::ClaimExecution,
        Self::ReportExecution,
        Self::GetPolicy,
        Self::ListPolicyVersions,
        Self::SetPolicy,
        Self::TestPolicy,
        Self::CreateToken,
        Self::ListTokens,
        Self::RevokeToken,
        Self::GetCaller,
        Self::Freeze,
        Self::Thaw,
        Self::ListFreezes,
        Self::GetStatus,
        Self::ListSessions,
        Self::EndSessions,
        Self::BlockSubject,
        Self::UnblockSubject,
        Self::ListBlockedSubjects,
        Self::ListChannels,
        Self::ListDeliveries,
        Self::RetryDelivery,
        Self::TestChannel,
        Self::Backup,
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
            Self::RevokeApproval => "RevokeApproval",
            Self::ClaimExecution => "ClaimExecution",
            Self::ReportExecution => "ReportExecution",
            Self::GetPolicy => "GetPolicy",
            Self::ListPolicyVersions => "ListPolicyVersions",
            Self::SetPolicy => "SetPolicy",
            Self::TestPolicy => "TestPolicy",
            Self::CreateToken => "CreateToken",
            Self::ListTokens => "ListTokens",
            Self::RevokeToken => "RevokeToken",
            Self::GetCaller => "GetCaller",
            Self::Freeze => "Freeze",
            Self::Thaw => "Thaw",
            Self::ListFreezes => "ListFreezes",
            Self::GetStatus => "GetStatus",
            Self::ListSessions => "ListSessions",
            Self::EndSessions => "EndSessions",
            Self::BlockSubject => "BlockSubject",
            Self::UnblockSubject => "UnblockSubject",
            Self::ListBlockedSubjects => "ListBlockedSubjects",
            Self::ListChannels => "ListChannels",
            Self::ListDeliveries => "ListDeliveries",
            Self::RetryDelivery => "RetryDelivery",
            Self::TestChannel => "TestChannel",
            Self::Backup => "Backup",
        }
    }

    /// The service that the call belongs to.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::GetPolicy | Self::ListPolicyVersions | Self::SetPolicy | Self::TestPolicy => "PolicyService",
            Self::CreateToken | Self::ListTokens | Self::RevokeToken | Self::GetCaller => "AccessService",
            Self::Freeze
            | Self::Thaw
            | Self::ListFreezes
            | Self::GetStatus
            | Self::ListSessions
            | Self::EndSessions
            | Self::BlockSubject
            | Self::UnblockSubject
            | Self::ListBlockedSubjects
            | Self::ListChannels
            | Self::ListDeliveries
            | Self::RetryDelivery
            | Self::TestChannel
            | Self::Backup => "AdminService",
            _ => "ApprovalService",
        }
    }

    /// The call with this HTTP/2 path, such as `/signoff.v1.ApprovalService/Decide`.
    #[must_use]
    pub fn at_path(path: &str) -> Option<Self> {
        let (service, name) = path.strip_prefix("/signoff.v1.")?.split_once('/')?;
        Self::ALL.into_iter().find(|method| method.name() == name && method.service() == service)
    }

    /// Whether the response is a stream.
    #[must_use]
    pub const fn streams(self) -> bool {
        matches!(self, Self::RequestApproval | Self::WatchApproval | Self::WatchPending | Self::Backup)
    }

    /// The approvals that a role allows the call about; `None` if it does not allow the call.
    #[must_use]
    pub const fn reach(self, role: Role) -> Option<Reach> {
        use Reach::{All, Eligible, Own};
        use Role::{Agent, Auditor, Operator, Reviewer};
        match (self, role) {
            (Self::RequestApproval | Self::CancelApproval | Self::ClaimExecution | Self::ReportExecution, Agent) => {
                Some(Own)
            }
            (Self::WatchApproval | Self::GetApproval | Self::WaitApproval | Self::ListApprovals, role) => match role {
                Agent => Some(Own),
                Reviewer => Some(Eligible),
                Auditor => Some(All),
                Operator => None,
            },
            (Self::RevokeApproval, Agent) => Some(Own),
            (Self::ListPending | Self::WatchPending | Self::Decide | Self::RevokeApproval, Reviewer) => Some(Eligible),
            (Self::ListPending | Self::WatchPending, Auditor)
            | (Self::GetPolicy | Self::ListPolicyVersions, Reviewer | Auditor | Operator)
            | (Self::ListTokens | Self::ListFreezes | Self::GetStatus, Auditor | Operator)
            | (Self::ListSessions | Self::ListBlockedSubjects, Auditor | Operator)
            | (Self::ListChannels | Self::ListDeliveries, Auditor | Operator)
            | (Self::RetryDelivery | Self::TestChannel | Self::Backup, Operator)
            | (Self::SetPolicy | Self::TestPolicy | Self::CreateToken | Self::RevokeToken, Operator)
            | (Self::RevokeApproval | Self::Freeze | Self::Thaw, Operator)
            | (Self::EndSessions | Self::BlockSubject | Self::UnblockSubject, Operator)
            | (Self::GetCaller, _) => Some(All),
            _ => None,
        }
    }
}

/// The table of roles and calls in Markdown, for the documentation.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = String::from("| Call |");
    Role::ALL.iter().for_each(|role| text.push_str(&format!(" {role} |")));
    text.push_str("\n| --- | --- | --- | --- | --- |\n");
    for method in Method::ALL {
        text.push_str(&format!("| `{}.{}` |", method.service(), method.name()));
        for role in Role::ALL {
            text.push_str(match method.reach(role) {
                None => "  |",
                Some(Reach::Own) => " own |",
                Some(Reach::Eligible) => " eligible |",
                Some(Reach::All) => " all |",
            });
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    #[test]
    fn every_call_of_the_api_has_a_row() {
        let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let own = files.file.iter().filter(|file| file.package() == "signoff.v1");
        let calls = own
            .flat_map(|file| &file.service)
            .flat_map(|service| service.method.iter().map(|method| format!("{}.{}", service.name(), method.name())));
        for service in files.file.iter().filter(|file| file.package() == "signoff.v1").flat_map(|file| &file.service) {
            for call in &service.method {
                let path = format!("/signoff.v1.{}/{}", service.name(), call.name());
                let found = Method::at_path(&path).unwrap_or_else(|| panic!("{path}"));
                assert_eq!((found.service(), found.name()), (service.name(), call.name()));
                assert_eq!(found.streams(), call.server_streaming(), "{path}");
            }
        }
        for path in ["", "/", "/signoff.v1.PolicyService/Decide", "signoff.v1.ApprovalService/Decide", "/x/Decide"] {
            assert_eq!(Method::at_path(path), None, "{path}");
        }
        let mut calls: Vec<_> = calls.collect();
        let mut rows: Vec<_> =
            Method::ALL.iter().map(|method| format!("{}.{}", method.service(), method.name())).collect();
        calls.sort();
        rows.sort();
        assert_eq!(calls, rows);
        for method in Method::ALL {
            assert!(Role::ALL.iter().any(|role| method.reach(*role).is_some()), "no role may call {method:?}");
        }
    }
}
