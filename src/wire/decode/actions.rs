//! Decodes calls on one approval.

use std::time::Duration;

use super::{Checker, Violations};
use crate::{
    domain::{
        ApprovalId, Cancellation, Choice, ExecutionResult, NewClaim, NewDecision, NewReport, NewRevocation, Revision,
        Seen, Surface,
        limits::{RequestLimits, WAIT_MAX},
    },
    proto::v1,
    wire::enums::Code as _,
};

/// A valid WaitApproval request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The approval.
    pub id: ApprovalId,
    /// Return at a newer revision than this. 0: only when terminal.
    pub after: Revision,
    /// Maximum time to wait.
    pub timeout: Duration,
}

/// Decodes WaitApproval.
///
/// # Errors
/// Every rule that it breaks.
pub fn wait(message: &v1::WaitApprovalRequest) -> Result<Wait, Violations> {
    let mut check = Checker::default();
    let id = check.id("approval_id", &message.approval_id);
    let timeout = match &message.timeout {
        Some(timeout) => check.span("timeout", timeout, Duration::ZERO, WAIT_MAX),
        None => Some(WAIT_MAX),
    };
    check.finish(|| Some(Wait { id: id?, after: message.after_revision, timeout: timeout? }))
}

/// Decodes Decide.
///
/// # Errors
/// Every rule that it breaks.
pub fn decision(message: v1::DecideRequest, limits: &RequestLimits) -> Result<NewDecision, Violations> {
    let mut check = Checker::default();
    let v1::DecideRequest { approval_id, request_id, choice, seen, comment, edited_arguments, on_behalf_of } = message;
    let id = check.id("approval_id", &approval_id);
    let request_id = check.request_id(request_id);
    let choice = check.choice("choice", choice, "VOTE_CHOICE_APPROVE or VOTE_CHOICE_REJECT", Choice::from_wire);
    let seen = check.seen(seen);
    check.text("comment", &comment, limits.text_bytes);
    if edited_arguments.is_some() && choice == Some(Choice::Reject) {
        check.refuse("edited_arguments", "is only allowed with VOTE_CHOICE_APPROVE");
    }
    let edit = edited_arguments.and_then(|edit| check.arguments("edited_arguments", edit, limits));
    let on_behalf_of = on_behalf_of.map(|person| check.person("on_behalf_of", person));
    check.finish(|| {
        let (id, choice, seen) = (id?, choice?, seen?);
        let (surface, opened) = (Surface::Grpc, Vec::new());
        Some(NewDecision { id, request_id, choice, seen, comment, edit, on_behalf_of, surface, opened })
    })
}

/// Decodes CancelApproval.
///
/// # Errors
/// Every rule that it breaks.
pub fn cancellation(message: v1::CancelApprovalRequest, limits: &RequestLimits) -> Result<Cancellation, Violations> {
    let mut check = Checker::default();
    let id = check.id("approval_id", &message.approval_id);
    let request_id = check.request_id(message.request_id);
    check.text("reason", &message.reason, limits.text_bytes);
    check.finish(|| Some(Cancellation { id: id?, request_id, reason: message.reason }))
}

/// Decodes RevokeApproval.
///
/// # Errors
/// Every rule that it breaks.
pub fn revocation(message: v1::RevokeApprovalRequest, limits: &RequestLimits) -> Result<NewRevocation, Violations> {
    let mut check = Checker::default();
    let id = check.id("approval_id", &message.approval_id);
    let request_id = check.request_id(message.request_id);
    check.text("reason", &message.reason, limits.text_bytes);
    let (reason, surface, opened) = (message.reason, Surface::Grpc, Vec::new());
    check.finish(|| Some(NewRevocation { id: id?, request_id, reason, surface, opened }))
}

/// Decodes ClaimExecution.
///
/// # Errors
/// Every rule that it breaks.
pub fn claim(message: v1::ClaimExecutionRequest) -> Result<NewClaim, Violations> {
    let mut check = Checker::default();
    let id = check.id("approval_id", &message.approval_id);
    let request_id = check.request_id(message.request_id);
    let digest = check.digest("digest", &message.digest);
    check.finish(|| Some(NewClaim { id: id?, request_id, digest: digest? }))
}

/// Decodes ReportExecution.
///
/// # Errors
/// Every rule that it breaks.
pub fn report(message: v1::ReportExecutionRequest, limits: &RequestLimits) -> Result<NewReport, Violations> {
    let mut check = Checker::default();
    let v1::ReportExecutionRequest { approval_id, request_id, claim_id, result, message } = message;
    let id = check.id("approval_id", &approval_id);
    let request_id = check.request_id(request_id);
    let claim_id = check.id("claim_id", &claim_id);
    let allowed = "EXECUTION_RESULT_SUCCEEDED or EXECUTION_RESULT_FAILED";
    let result = check.choice("result", result, allowed, ExecutionResult::from_wire);
    check.text("message", &message, limits.text_bytes);
    check.finish(|| Some(NewReport { id: id?, request_id, claim_id: claim_id?, result: result?, message }))
}

impl Checker {
    fn seen(&mut self, seen: Option<v1::decide_request::Seen>) -> Option<Seen> {
        match seen {
            Some(v1::decide_request::Seen::Digest(digest)) => self.digest("digest", &digest).map(Seen::Digest),
            Some(v1::decide_request::Seen::Revision(0)) => {
                self.refuse("revision", "is 0; revisions start at 1");
                None
            }
            Some(v1::decide_request::Seen::Revision(revision)) => Some(Seen::Revision(revision)),
            None => {
                self.refuse("seen", "is required; set the `revision` or the `digest` that the reviewer saw");
                None
            }
        }
    }
}
