//! Answers as the specification has them.

use signoff::proto::v1::{self as pb, ExecutionResult, VoteChoice};
use tonic::{Code, Status as Error};
use tonic_types::StatusExt as _;

use super::{
    clients::{NUMBER, Shared},
    spec::{Answer, REVIEWERS, Refusal, Status, View},
};

/// The owner of a reviewer's token.
pub(super) fn reviewer(number: usize) -> String {
    format!("reviewer-{number}")
}

/// An answer. `None`: the call may or may not have taken effect.
pub(super) fn answer(answer: Result<pb::Approval, Error>, shared: &Shared) -> Option<Answer> {
    match answer {
        Ok(approval) => Some(Answer::Shown(view(&approval, shared))),
        Err(error) => refusal(&error, shared).map(Answer::Refused),
    }
}

/// What an approval shows. What never changes must be the same in all answers.
fn view(approval: &pb::Approval, shared: &Shared) -> View {
    let arguments = number(approval);
    let mut votes = [None; REVIEWERS];
    for vote in &approval.votes {
        let by = &vote.decided_by.as_ref().expect("a vote has an author").subject;
        let place = (0..REVIEWERS).find(|number| *by == reviewer(*number)).expect("one of the reviewers");
        let earlier = votes[place].replace(vote.choice() == VoteChoice::Approve);
        assert_eq!(earlier, None, "{by} votes twice");
    }
    let outcome = approval.claim.as_ref().and_then(|claim| claim.outcome.as_ref());
    let view = View {
        revision: approval.revision,
        status: status(approval.status().as_str_name().trim_start_matches("APPROVAL_STATUS_")),
        arguments,
        votes,
        claimed: approval.claim.is_some(),
        succeeded: outcome.map(|outcome| outcome.result() == ExecutionResult::Succeeded),
        revoked: approval.revocation.is_some(),
    };
    assert_eq!(shared.arguments_of(&approval.digest), arguments, "the digest of other arguments");
    let mut known = shared.known();
    let id = known.id.get_or_insert_with(|| approval.id.clone());
    assert_eq!(*id, approval.id, "two approvals of one request");
    if let Some(claim) = &approval.claim {
        let first = known.claim.get_or_insert_with(|| claim.id.clone());
        assert_eq!(*first, claim.id, "two claims");
    }
    if known.newest.as_ref().is_none_or(|newest| newest.revision < view.revision) {
        known.newest = Some(view.clone());
    }
    shared.opened.send_replace(true);
    view
}

fn number(approval: &pb::Approval) -> u8 {
    let arguments = approval.arguments.as_ref().expect("arguments");
    match &arguments.fields[NUMBER].kind {
        Some(prost_types::value::Kind::StringValue(text)) => text.parse().expect("a small number"),
        other => panic!("{NUMBER} is {other:?}"),
    }
}

fn status(name: &str) -> Status {
    match name {
        "PENDING" => Status::Pending,
        "APPROVED" => Status::Approved,
        "REJECTED" => Status::Rejected,
        "TIMED_OUT" => Status::TimedOut,
        "CANCELLED" => Status::Cancelled,
        "AUTO_APPROVED" => Status::AutoApproved,
        other => panic!("the status {other}"),
    }
}

/// Why a call was refused.
fn refusal(error: &Error, shared: &Shared) -> Option<Refusal> {
    let info = error.get_details_error_info().unwrap_or_else(|| panic!("no reason: {error:?}"));
    let told = |key: &str| info.metadata.get(key).unwrap_or_else(|| panic!("no {key}: {error:?}")).as_str();
    let revision = || told("revision").parse().expect("a revision");
    let succeeded = |result: &str| match result {
        "SUCCEEDED" => true,
        "FAILED" => false,
        other => panic!("the result {other}"),
    };
    let arguments = || shared.arguments_of(told("digest"));
    Some(match info.reason.as_str() {
        "ALREADY_DECIDED" => Refusal::AlreadyDecided { status: status(told("status")), revision: revision() },
        "STALE_VIEW" => Refusal::StaleView { revision: revision(), arguments: arguments() },
        "ALREADY_VOTED" => Refusal::AlreadyVoted,
        "TOO_MANY_EDITS" => Refusal::TooManyEdits,
        "NOT_APPROVED" => Refusal::NotApproved(status(told("status"))),
        "DIGEST_MISMATCH" => Refusal::DigestMismatch(arguments()),
        "ALREADY_CLAIMED" => Refusal::AlreadyClaimed { succeeded: info.metadata.get("result").map(|it| succeeded(it)) },
        "NOT_CLAIMED" => Refusal::NotClaimed,
        "ALREADY_REPORTED" => Refusal::AlreadyReported { succeeded: succeeded(told("result")) },
        "APPROVAL_REVOKED" => Refusal::Revoked,
        "REQUEST_ID_REUSED" => Refusal::RequestIdReused,
        "STORE_UNAVAILABLE" => {
            assert_eq!(error.code(), Code::Unavailable);
            return None;
        }
        _ => panic!("an unexpected error: {error:?}"),
    })
}
