//! The texts of a refusal, for models and for developers, as `tests/conformance/refusals.json` has them.

use std::fmt;

use tonic::Status;

use super::{EarlierClaim, Kind, Refusal};
use crate::{code_name, passing};

/// The only reason whose message a model can act on: its own call was invalid.
const INVALID_REQUEST: &str = "INVALID_REQUEST";

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = &self.tool_name;
        match &self.kind {
            Kind::StillWaiting { approved } => {
                let state = match (approved, &self.approval_id) {
                    (true, _) => "was approved, but the caller stopped before it ran",
                    (false, Some(_)) => "is still waiting for approval",
                    (false, None) => "is not approved yet",
                };
                write!(f, "NOT RUN. The call to {tool} {state}. Do not work around it.")
            }
            Kind::Rejected { comment, .. } => {
                write!(f, "NOT RUN. A reviewer rejected the call to {tool}{} Do not try it again.", Said(comment))
            }
            Kind::AutoRejected { message, .. } => {
                write!(f, "NOT RUN. The policy does not allow the call to {tool}{} Do not try it again.", Said(message))
            }
            Kind::TimedOut => {
                write!(f, "NOT RUN. No reviewer decided on the call to {tool} in time. Do not work around it.")
            }
            Kind::Cancelled => {
                write!(f, "NOT RUN. The request to call {tool} was withdrawn. Do not work around it.")
            }
            Kind::Revoked { reason } => write!(
                f,
                "NOT RUN. The approval of the call to {tool} was revoked{} Do not try it again.",
                Said(reason)
            ),
            Kind::Frozen { reason } => write!(
                f,
                "NOT RUN. An operator has stopped the call to {tool} for now{} Do not work around it.",
                Said(reason)
            ),
            Kind::AlreadyClaimed(claim) => {
                let EarlierClaim { claim_time, result, report_time, message, .. } = &**claim;
                let started = At("before", claim_time);
                write!(f, "NOT RUN AGAIN. The call to {tool} was approved and started {started}")?;
                let ended = match result.as_str() {
                    "SUCCEEDED" => "succeeded",
                    "FAILED" => "failed",
                    _ => return f.write_str(". Its outcome is unknown. Do not repeat it."),
                };
                let space = if report_time.is_empty() { "" } else { " " };
                let reported = At("", report_time);
                write!(f, ", and {ended}{space}{reported}{} Do not repeat it.", Said(message))
            }
            Kind::ClaimWindowClosed => {
                write!(f, "NOT RUN. The approval of the call to {tool} has expired. Do not work around it.")
            }
            Kind::DigestMismatch => {
                write!(
                    f,
                    "NOT RUN. The approved call differs from the call to {tool} that would run. Do not work around it."
                )
            }
            Kind::UnknownStatus { .. } => write!(
                f,
                "NOT RUN. The approvals server sent an unknown status for the call to {tool}. Do not work around it."
            ),
            Kind::InvalidAnswer { .. } => write!(
                f,
                "NOT RUN. The approvals server sent an invalid answer for the call to {tool}. Do not work around it."
            ),
            Kind::Unavailable { approved: true, .. } => write!(
                f,
                "NOT RUN. The call to {tool} was approved, but the approvals server cannot be reached to start it. Do \
                 not work around it."
            ),
            Kind::Unavailable { .. } if self.approval_id.is_some() => write!(
                f,
                "NOT RUN. The call to {tool} is still waiting for approval, and the approvals server cannot be reached. \
                 Do not work around it."
            ),
            Kind::Unavailable { .. } => write!(
                f,
                "NOT RUN. The call to {tool} could not be approved, because the approvals server cannot be reached. Do \
                 not work around it."
            ),
            Kind::RequestFailed(status) if reason(status) == INVALID_REQUEST => {
                write!(f, "NOT RUN. The call to {tool} could not be approved{}", Said(status.message()))
            }
            Kind::RequestFailed(_) => {
                write!(f, "NOT RUN. The approvals server rejected the request to call {tool}. Do not work around it.")
            }
            Kind::InvalidArguments { path, problem } => {
                write!(f, "NOT RUN. The call to {tool} cannot be approved: {} {problem}.", Place(path))
            }
            Kind::InvalidEdit { path, problem } => write!(
                f,
                "NOT RUN. A reviewer's edit does not fit the call to {tool}: {} {problem}. Ask for approval again.",
                Place(path)
            ),
        }
    }
}

impl Refusal {
    /// The text for people: it may name addresses, causes and settings. Not for a model.
    #[must_use]
    pub fn developer_text(&self) -> String {
        let (tool, address) = (&self.tool_name, &self.address);
        match &self.kind {
            Kind::StillWaiting { approved } => {
                let state = match (&self.approval_id, approved) {
                    (Some(id), true) => self.not_run(id),
                    (Some(id), false) => format!("Approval {id} of the call to {tool} is still pending."),
                    (None, _) => format!("The server had not answered the request for the call to {tool}."),
                };
                format!("The caller stopped waiting. {state}")
            }
            Kind::AlreadyClaimed(claim) if !claim.claimed_by.is_empty() => {
                format!("{self} (Claimed by {}.)", claim.claimed_by)
            }
            Kind::UnknownStatus { status } => format!(
                "The server sent the unknown status {status} for the call to {tool}. The call counts as not approved. \
                 Update the client."
            ),
            Kind::InvalidAnswer { problem } => {
                format!("The server at {address} sent an invalid answer for the call to {tool}: {problem}.")
            }
            Kind::Unavailable { problem, approved, .. } => {
                let id = self.approval_id.as_deref().filter(|_| *approved);
                let state = id.map(|id| format!(" {}", self.not_run(id))).unwrap_or_default();
                format!("Cannot reach the approvals server at {address}{}{state}", Said(problem))
            }
            Kind::RequestFailed(status) => {
                format!("The server at {address} rejected the request ({}){}", reason(status), Said(status.message()))
            }
            _ => self.to_string(),
        }
    }

    /// The text about an approved call that did not run.
    fn not_run(&self, id: &str) -> String {
        format!("Approval {id} of the call to {} is approved, but the call did not run.", self.tool_name)
    }
}

/// The server's own reason, or else the name of the code.
fn reason(status: &Status) -> String {
    passing::reason(status).unwrap_or_else(|| code_name(status.code()).to_owned())
}

/// Text of others, after a colon, with one full stop; only the full stop if it is empty.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.strip_suffix('.').unwrap_or(self.0) {
            "" => f.write_str("."),
            said => write!(f, ": {said}."),
        }
    }
}

/// `at` a time, or another word where it is not known.
struct At<'a>(&'a str, &'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            "" => f.write_str(self.0),
            time => write!(f, "at {time}"),
        }
    }
}

/// An argument's place; empty is all of them.
struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("the set of arguments"),
            path => write!(f, "argument {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn failed(reason: &str, message: &str) -> Status {
        if reason == code_name(Code::PermissionDenied) {
            return Status::permission_denied(message);
        }
        let details = ErrorDetails::with_error_info(reason, "signoff.v1", HashMap::<String, String>::new());
        Status::with_error_details(Code::InvalidArgument, message, details)
    }

    fn with_metadata(fields: &serde_json::Value) -> Status {
        let metadata: HashMap<String, String> = serde_json::from_value(fields.clone()).unwrap();
        let details = ErrorDetails::with_error_info("X", "signoff.v1", metadata);
        Status::with_error_details(Code::FailedPrecondition, "", details)
    }

    /// The name of a kind in the list. A new kind does not compile without one, and is then looked for in the list.
    fn name(kind: &Kind) -> &'static str {
        match kind {
            Kind::StillWaiting { .. } => "StillWaiting",
            Kind::Rejected { .. } => "Rejected",
            Kind::AutoRejected { .. } => "AutoRejected",
            Kind::TimedOut => "TimedOut",
            Kind::Cancelled => "Cancelled",
            Kind::Revoked { .. } => "Revoked",
            Kind::Frozen { .. } => "Frozen",
            Kind::AlreadyClaimed(_) => "AlreadyClaimed",
            Kind::ClaimWindowClosed => "ClaimWindowClosed",
            Kind::DigestMismatch => "DigestMismatch",
            Kind::UnknownStatus { .. } => "UnknownStatus",
            Kind::InvalidAnswer { .. } => "InvalidAnswer",
            Kind::Unavailable { .. } => "Unavailable",
            Kind::RequestFailed(_) => "RequestFailed",
            Kind::InvalidArguments { .. } => "InvalidArguments",
            Kind::InvalidEdit { .. } => "InvalidEdit",
        }
    }

    /// How many names the function above has.
    const KINDS: usize = 16;

    fn kind(case: &serde_json::Value) -> Kind {
        let field = |name: &str| case["fields"][name].as_str().unwrap_or_default().to_owned();
        let approved = field("approved") == "true";
        let edit = || (field("path"), field("problem"));
        match case["kind"].as_str().unwrap() {
            "StillWaiting" => Kind::StillWaiting { approved },
            "Rejected" => Kind::Rejected { comment: field("comment"), decided_by: String::new() },
            "AutoRejected" => Kind::AutoRejected { rule: field("rule"), message: field("message") },
            "TimedOut" => Kind::TimedOut,
            "Cancelled" => Kind::Cancelled,
            "Revoked" => Kind::revoked(&with_metadata(&case["fields"])),
            "Frozen" => Kind::frozen(&with_metadata(&case["fields"])),
            "AlreadyClaimed" => Kind::already_claimed(&with_metadata(&case["fields"])),
            "ClaimWindowClosed" => Kind::ClaimWindowClosed,
            "DigestMismatch" => Kind::DigestMismatch,
            "UnknownStatus" => Kind::UnknownStatus { status: field("status").parse().unwrap() },
            "InvalidAnswer" => Kind::InvalidAnswer { problem: field("problem") },
            "Unavailable" => {
                Kind::Unavailable { problem: field("problem"), cause: Box::new(Status::unavailable("x")), approved }
            }
            "RequestFailed" => Kind::failed(failed(&field("reason"), &field("message"))),
            "InvalidArguments" => Kind::InvalidArguments { path: edit().0, problem: edit().1 },
            "InvalidEdit" => Kind::InvalidEdit { path: edit().0, problem: edit().1 },
            other => panic!("a kind that this client does not know: {other}"),
        }
    }

    #[test]
    fn texts_of_the_conformance_list() {
        let list: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/conformance/refusals.json")).unwrap();
        let mut told = BTreeSet::new();
        for case in list["refusals"].as_array().unwrap() {
            let field = |name: &str| case["fields"][name].as_str().unwrap_or_default();
            let refusal = Refusal {
                tool_name: field("tool_name").to_owned(),
                approval_id: Some(field("approval_id").to_owned()).filter(|id| !id.is_empty()),
                kind: kind(case),
                address: field("address").into(),
            };
            told.insert(name(&refusal.kind));
            assert_eq!(refusal.to_string(), case["text"].as_str().unwrap());
            assert_eq!(refusal.developer_text(), case["developer_text"].as_str().unwrap());
        }
        assert_eq!(told.len(), KINDS, "every kind has its texts in the list: {told:?}");
    }
}
