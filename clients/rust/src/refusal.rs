//! Why a gated function did not run.

mod text;

use std::{collections::HashMap, error::Error, sync::Arc};

use tonic::Status;
use tonic_types::StatusExt as _;

use crate::arguments::Problem;

/// The reason that a function did not run.
///
/// Its `Display` text is for a model: the call did not run, why, and what not to do.
/// [`developer_text`](Self::developer_text) is for people, and may name addresses, causes and settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The tool.
    pub tool_name: String,
    /// The approval's id, if there is an approval.
    pub approval_id: Option<String>,
    /// The kind of the refusal.
    pub kind: Kind,
    /// The server's address, for the developer's text.
    pub(crate) address: Arc<str>,
}

/// Kinds of refusals.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// The caller stopped waiting. See [`Wait::still_waiting`](crate::Wait::still_waiting).
    StillWaiting {
        /// Whether the call was approved by then.
        approved: bool,
    },
    /// A person rejected it: now, or earlier in the same run, when the policy remembers rejections.
    Rejected {
        /// The reviewer's comment; may be empty.
        comment: String,
        /// Who decided, as `ISSUER/SUBJECT`.
        decided_by: String,
    },
    /// The policy rejected it.
    AutoRejected {
        /// The name of the deciding rule.
        rule: String,
        /// The rule's message; may be empty.
        message: String,
    },
    /// No reviewer decided in time.
    TimedOut,
    /// It was withdrawn.
    Cancelled,
    /// It was approved, and revoked before the claim.
    Revoked {
        /// Why; may be empty.
        reason: String,
    },
    /// An operator has stopped such calls for now.
    Frozen {
        /// Why; may be empty.
        reason: String,
    },
    /// Another runner has the claim, or an earlier run of this one: the call may have run.
    AlreadyClaimed(Box<EarlierClaim>),
    /// It was approved, but its claim window has closed.
    ClaimWindowClosed,
    /// The approved call differs from the call to run.
    DigestMismatch,
    /// A newer server sent a status that this client does not know.
    UnknownStatus {
        /// Its number in the protocol.
        status: i32,
    },
    /// An answer contradicts the request, an earlier answer or itself.
    InvalidAnswer {
        /// What is wrong with it.
        problem: String,
    },
    /// The server was unreachable for too long, or cannot be at this address.
    Unavailable {
        /// What is wrong, such as `connection refused`.
        problem: String,
        /// The last failure; the error's source.
        cause: Box<Status>,
        /// Whether the call was approved: then the claim failed.
        approved: bool,
    },
    /// The server rejected the request: not authenticated, not allowed, invalid, over a limit.
    RequestFailed(Box<Status>),
    /// The arguments cannot be approved as they are.
    InvalidArguments {
        /// Where, such as `a.b[1]`; empty for all of them.
        path: String,
        /// What is wrong there.
        problem: String,
    },
    /// A reviewer's edit does not fit the function. Nothing was claimed, so the approval can still be revoked.
    InvalidEdit {
        /// Where, such as `a.b[1]`; empty for all of them.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

/// What the server knows about an earlier claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EarlierClaim {
    /// Who claimed it, as `ISSUER/SUBJECT`; empty when the server does not say.
    pub claimed_by: String,
    /// When, such as `2027-01-15T08:00:02Z`; empty when the server does not say.
    pub claim_time: String,
    /// `SUCCEEDED` or `FAILED`; empty while no outcome was reported.
    pub result: String,
    /// The time of the report, such as `2027-01-15T08:00:09Z`.
    pub report_time: String,
    /// The report's message, shortened; may be empty.
    pub message: String,
}

impl From<Problem> for Kind {
    fn from(Problem { path, problem }: Problem) -> Self {
        Self::InvalidArguments { path, problem }
    }
}

impl Kind {
    /// The kind for a permanent failure.
    pub(crate) fn failed(status: Status) -> Self {
        Self::RequestFailed(Box::new(status))
    }

    /// The kind for a passing failure that lasted too long.
    pub(crate) fn unavailable(cause: Status, approved: bool) -> Self {
        Self::Unavailable { problem: crate::unreachable::problem(&cause), cause: Box::new(cause), approved }
    }

    /// The kind for a claim that was rejected because there is one, with the known outcome.
    pub(crate) fn already_claimed(status: &Status) -> Self {
        let mut known = metadata(status);
        let mut known = |name: &str| known.remove(name).unwrap_or_default();
        Self::AlreadyClaimed(Box::new(EarlierClaim {
            claimed_by: known("claimed_by"),
            claim_time: known("claim_time"),
            result: known("result"),
            report_time: known("report_time"),
            message: known("message"),
        }))
    }

    /// The kind for a claim after a revocation.
    pub(crate) fn revoked(status: &Status) -> Self {
        Self::Revoked { reason: metadata(status).remove("reason").unwrap_or_default() }
    }

    /// The kind for a claim that a freeze stops.
    pub(crate) fn frozen(status: &Status) -> Self {
        Self::Frozen { reason: metadata(status).remove("reason").unwrap_or_default() }
    }

    pub(crate) fn invalid_edit(Problem { path, problem }: Problem) -> Self {
        Self::InvalidEdit { path, problem }
    }

    pub(crate) fn invalid_answer(problem: &str) -> Self {
        Self::InvalidAnswer { problem: problem.to_owned() }
    }

    pub(crate) fn invalid(problem: impl Into<String>) -> Self {
        Self::failed(Status::invalid_argument(problem))
    }
}

/// The metadata of the server's ErrorInfo.
fn metadata(status: &Status) -> HashMap<String, String> {
    status.get_details_error_info().map(|info| info.metadata).unwrap_or_default()
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Unavailable { cause, .. } | Kind::RequestFailed(cause) => Some(&**cause),
            _ => None,
        }
    }
}
