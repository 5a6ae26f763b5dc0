//! Why a gated function was not run.

use std::{error::Error, fmt};

use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{arguments::Problem, code_name, passing};

/// Whatever keeps a function from running. Its `Display` text can be handed to a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The tool that was to be run.
    pub tool_name: String,
    /// The approval's id, if there is an approval.
    pub approval_id: Option<String>,
    /// What happened.
    pub kind: Kind,
}

/// Kinds of refusals.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A person rejected it.
    Rejected {
        /// What the reviewer said; may be empty.
        comment: String,
        /// Who decided, as `ISSUER/SUBJECT`.
        decided_by: String,
    },
    /// The policy rejected it.
    AutoRejected {
        /// The name of the deciding rule.
        rule: String,
        /// What the rule says; may be empty.
        message: String,
    },
    /// Nobody decided in time.
    TimedOut,
    /// It was withdrawn.
    Cancelled,
    /// Another runner has the claim, or an earlier run of this one: the call may have been made.
    AlreadyClaimed {
        /// `SUCCEEDED` or `FAILED`; empty while no outcome was reported.
        result: String,
        /// When that was reported, such as `2027-01-15T08:00:09Z`.
        report_time: String,
        /// What the report said of it, shortened; may be empty.
        message: String,
    },
    /// It was approved, but too long ago.
    ClaimWindowClosed,
    /// What was approved is not what would be run.
    DigestMismatch,
    /// A newer server sent a status that this client does not know.
    UnknownStatus,
    /// An answer contradicts the request, an earlier answer or itself.
    InvalidAnswer {
        /// What is wrong with it.
        problem: String,
    },
    /// The server could not be reached for long enough. The error's source is the last failure.
    Unavailable(Box<Status>),
    /// The server refused the request: not authenticated, not allowed, invalid, over a limit.
    RequestFailed(Box<Status>),
    /// The arguments cannot be approved as they are.
    InvalidArguments {
        /// Where, such as `a.b[1]`; empty for all of them.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

impl From<Problem> for Kind {
    fn from(Problem { path, problem }: Problem) -> Self {
        Self::InvalidArguments { path, problem }
    }
}

impl Kind {
    /// The kind of a call that failed for good.
    pub(crate) fn failed(status: Status) -> Self {
        Self::RequestFailed(Box::new(status))
    }

    /// The kind of a claim that was refused because there is one, with what the server knows of the outcome.
    pub(crate) fn already_claimed(status: &Status) -> Self {
        let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
        let known = |name: &str| metadata.get(name).cloned().unwrap_or_default();
        Self::AlreadyClaimed { result: known("result"), report_time: known("report_time"), message: known("message") }
    }

    pub(crate) fn invalid_answer(problem: &str) -> Self {
        Self::InvalidAnswer { problem: problem.to_owned() }
    }

    pub(crate) fn invalid(problem: impl Into<String>) -> Self {
        Self::failed(Status::invalid_argument(problem))
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Unavailable(status) | Kind::RequestFailed(status) => Some(&**status),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = &self.tool_name;
        match &self.kind {
            Kind::Rejected { comment, .. } => {
                write!(f, "The call to {tool} was rejected by a reviewer{}", Said(comment))?;
            }
            Kind::AutoRejected { message, .. } => {
                write!(f, "The call to {tool} is not allowed by the policy{}", Said(message))?;
            }
            Kind::TimedOut => write!(f, "Nobody decided about the call to {tool} in time.")?,
            Kind::Cancelled => write!(f, "The request to call {tool} was withdrawn.")?,
            Kind::AlreadyClaimed { result, report_time, message } => {
                write!(f, "The call to {tool} was approved, but it has been started before")?;
                let ended = match result.as_str() {
                    "SUCCEEDED" => "succeeded",
                    "FAILED" => "failed",
                    _ => return f.write_str(". It was not run again; whether it has been done is not known here."),
                };
                let at = if report_time.is_empty() { String::new() } else { format!(" at {report_time}") };
                return write!(f, ", and {ended}{at}{} It was not run again.", Said(message));
            }
            Kind::ClaimWindowClosed => {
                write!(f, "The call to {tool} was approved, but too long ago to be run now.")?;
            }
            Kind::DigestMismatch => write!(f, "The call to {tool} is not the one that was approved.")?,
            Kind::UnknownStatus => {
                write!(f, "The answer about the call to {tool} is not understood, so it counts as not approved.")?;
            }
            Kind::InvalidAnswer { problem } => {
                write!(f, "The approvals server gave an invalid answer about the call to {tool}: {problem}.")?;
            }
            Kind::Unavailable(_) => write!(
                f,
                "Approval of the call to {tool} could not be obtained: the approvals server cannot be reached."
            )?,
            Kind::RequestFailed(status) => write!(
                f,
                "Approval of the call to {tool} could not be obtained ({}){}",
                passing::reason(status).unwrap_or_else(|| code_name(status.code()).to_owned()),
                Said(status.message())
            )?,
            Kind::InvalidArguments { path, problem } if path.is_empty() => {
                write!(f, "The call to {tool} cannot be approved: the set of arguments {problem}.")?;
            }
            Kind::InvalidArguments { path, problem } => {
                write!(f, "The call to {tool} cannot be approved: argument {path} {problem}.")?;
            }
        }
        f.write_str(" It was not run.")
    }
}

/// What somebody said, after a colon, with one full stop; the full stop alone when it is nothing.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.strip_suffix('.').unwrap_or(self.0) {
            "" => f.write_str("."),
            said => write!(f, ": {said}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    fn failed(reason: &str, message: &str) -> Status {
        if reason == code_name(Code::PermissionDenied) {
            return Status::permission_denied(message);
        }
        let details = ErrorDetails::with_error_info(reason, "signoff.v1", HashMap::<String, String>::new());
        Status::with_error_details(Code::InvalidArgument, message, details)
    }

    #[test]
    fn texts_of_the_conformance_list() {
        let list: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/conformance/refusals.json")).unwrap();
        let cases = list["refusals"].as_array().unwrap();
        assert!(cases.len() > 12);
        for case in cases {
            let field = |name: &str| case["fields"][name].as_str().unwrap_or_default().to_owned();
            let kind = match case["kind"].as_str().unwrap() {
                "Rejected" => Kind::Rejected { comment: field("comment"), decided_by: String::new() },
                "AutoRejected" => Kind::AutoRejected { rule: String::new(), message: field("message") },
                "TimedOut" => Kind::TimedOut,
                "Cancelled" => Kind::Cancelled,
                "AlreadyClaimed" => {
                    let metadata = ["result", "report_time", "message"].map(|name| (name.to_owned(), field(name)));
                    let details =
                        ErrorDetails::with_error_info("ALREADY_CLAIMED", "signoff.v1", HashMap::from(metadata));
                    Kind::already_claimed(&Status::with_error_details(Code::FailedPrecondition, "", details))
                }
                "ClaimWindowClosed" => Kind::ClaimWindowClosed,
                "DigestMismatch" => Kind::DigestMismatch,
                "UnknownStatus" => Kind::UnknownStatus,
                "InvalidAnswer" => Kind::InvalidAnswer { problem: field("problem") },
                "Unavailable" => Kind::Unavailable(Box::new(Status::unavailable("x"))),
                "RequestFailed" => Kind::failed(failed(&field("reason"), &field("message"))),
                "InvalidArguments" => Kind::InvalidArguments { path: field("path"), problem: field("problem") },
                other => panic!("a kind that this client does not know: {other}"),
            };
            let refusal = Refusal { tool_name: field("tool_name"), approval_id: None, kind };
            assert_eq!(refusal.to_string(), case["text"].as_str().unwrap());
        }
    }
}
