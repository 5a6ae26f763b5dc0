mod samples;

use std::collections::BTreeSet;

use self::samples::{
    admin_errors, block_errors, decided, denials, errors, failures, freeze_errors, policy_errors, refusals,
    session_errors, store_errors, token_errors,
};
use super::*;
use crate::{
    domain::{
        BlockError, Claim, ExecutionResult, FreezeError, Outcome, Refusal,
        samples::{agent, at, claim_id, id},
    },
    store::StoreError,
};

const REFUSALS: usize = 23;
const STORE_ERRORS: usize = 22;
const FREEZE_ERRORS: usize = 5;
const BLOCK_ERRORS: usize = 5;
const SESSION_ERRORS: usize = 10;
const ADMIN_ERRORS: usize = 12;
const ERRORS: usize = 13;
const POLICY_ERRORS: usize = 6;
const TOKEN_ERRORS: usize = 7;
const DENIALS: usize = 5;

/// The index of a refusal. Add new variants here and to the samples.
fn nth_refusal(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::AlreadyDecided(_) => 0,
        Refusal::SelfDecision => 1,
        Refusal::NotRequester => 2,
        Refusal::Stale { .. } => 3,
        Refusal::AlreadyVoted => 4,
        Refusal::EditForbidden { .. } => 5,
        Refusal::TooManyEdits { .. } => 6,
        Refusal::TooManyVotes { .. } => 7,
        Refusal::NotApproved(_) => 8,
        Refusal::DigestMismatch { .. } => 9,
        Refusal::ClaimWindowClosed { .. } => 10,
        Refusal::AlreadyClaimed(_) => 11,
        Refusal::NotClaimed => 12,
        Refusal::AlreadyReported(_) => 13,
        Refusal::RequestIdReused { .. } => 14,
        Refusal::NotEligible => 15,
        Refusal::CommentRequired => 16,
        Refusal::EditsNotAllowed => 17,
        Refusal::RequestForgotten { .. } => 18,
        Refusal::NeedsOthers => 19,
        Refusal::Revoked(_) => 20,
        Refusal::Frozen(_) => 21,
        Refusal::AssuranceTooLow { .. } => 22,
        Refusal::TooManyPending { .. } => REFUSALS - 1,
    }
}

fn nth_store_error(error: &StoreError) -> usize {
    match error {
        StoreError::NotFound => 0,
        StoreError::Refused(_) => 1,
        StoreError::Conflict(_) => 2,
        StoreError::BadHistory(..) => 3,
        StoreError::Unavailable(_) => 4,
        StoreError::PolicyChanged { .. } => 5,
        StoreError::PolicyRequestIdReused { .. } => 6,
        StoreError::PolicyConflict(_) => 7,
        StoreError::BadPolicy(..) => 8,
        StoreError::TokenConflict(_) => 9,
        StoreError::BadToken(..) => 10,
        StoreError::Newer(_) => 11,
        StoreError::BadForgotten(..) => 12,
        StoreError::Freeze(_) => 13,
        StoreError::SessionConflict(_) => 14,
        StoreError::BadSession(..) => 15,
        StoreError::Block(_) => 16,
        StoreError::BadLane(..) => 17,
        StoreError::SnapshotOverrun { .. } => 18,
        StoreError::Outdated => 19,
        StoreError::PolicyFromFile => 20,
        StoreError::Corrupt(_) => STORE_ERRORS - 1,
    }
}

fn nth_freeze_error(error: &FreezeError) -> usize {
    match error {
        FreezeError::NotFound(_) => 0,
        FreezeError::TooMany { .. } => 1,
        FreezeError::RequestIdReused { .. } => 2,
        FreezeError::Conflict(_) => 3,
        FreezeError::Bad(..) => FREEZE_ERRORS - 1,
    }
}

fn nth_block_error(error: &BlockError) -> usize {
    match error {
        BlockError::NotBlocked(_) => 0,
        BlockError::TooMany { .. } => 1,
        BlockError::RequestIdReused { .. } => 2,
        BlockError::Conflict(_) => 3,
        BlockError::Bad(..) => BLOCK_ERRORS - 1,
    }
}

fn nth_session_error(error: &sessions::Error) -> usize {
    use sessions::Error;
    match error {
        Error::Access(_) => 0,
        Error::Credentials(_) => 1,
        Error::NoRole(_) => 2,
        Error::NotASignIn => 3,
        Error::NotFound(_) => 4,
        Error::TooMany { .. } => 5,
        Error::RequestIdReused { .. } => 6,
        Error::OwnSubject => 7,
        Error::Internal(_) => 8,
        Error::Store(_) => SESSION_ERRORS - 1,
    }
}

fn nth_admin_error(error: &admin::Error) -> usize {
    use admin::Error;
    match error {
        Error::Access(_) => 0,
        Error::OtherOperatorRequired { .. } => 1,
        Error::Internal(_) => 2,
        Error::NoSuchChannel { .. } => 3,
        Error::NoSuchDelivery(_) => 4,
        Error::RequestIdReused { .. } => 5,
        Error::BackupRunning => 6,
        Error::BackupReaderSlow { .. } => 7,
        Error::BackupTooLong { .. } => 8,
        Error::BackupReaderLeft => 9,
        Error::Draining => 10,
        Error::Store(_) => ADMIN_ERRORS - 1,
    }
}

fn nth_error(error: &approvals::Error) -> usize {
    use approvals::Error;
    match error {
        Error::NotFound(_) => 0,
        Error::Access(_) => 1,
        Error::RevisionOutOfRange { .. } => 2,
        Error::EditViolatesSchema(_) => 3,
        Error::Draining => 4,
        Error::StreamAged => 5,
        Error::Internal(_) => 6,
        Error::NothingToResume => 7,
        Error::Pool(_) => 8,
        Error::NotRevocable { .. } => 9,
        Error::Opened(_) => 10,
        Error::SearchTextTooLong { .. } => 11,
        Error::Store(_) => ERRORS - 1,
    }
}

fn nth_policy_error(error: &policies::Error) -> usize {
    use policies::Error;
    match error {
        Error::VersionNotFound(_) => 0,
        Error::FromFile(_) => 1,
        Error::Access(_) => 2,
        Error::Pool(_) => 3,
        Error::Internal(_) => 4,
        Error::Store(_) => POLICY_ERRORS - 1,
    }
}

fn nth_token_error(error: &tokens::Error) -> usize {
    use tokens::Error;
    match error {
        Error::NotFound(_) => 0,
        Error::TooMany { .. } => 1,
        Error::AlreadyCreated { .. } => 2,
        Error::RequestIdReused { .. } => 3,
        Error::Access(_) => 4,
        Error::Internal(_) => 5,
        Error::Store(_) => TOKEN_ERRORS - 1,
    }
}

fn nth_denial(denied: &AccessDenied) -> usize {
    match denied {
        AccessDenied::RoleNotAllowed { .. } => 0,
        AccessDenied::PermissionRequired(_) => 1,
        AccessDenied::OutsideScope(_) => 2,
        AccessDenied::SubjectBlocked(_) => 3,
        AccessDenied::Revoked => DENIALS - 1,
    }
}

#[test]
fn every_failure_has_its_code_reason_and_metadata() {
    use ErrorReason as Reason;
    for (failure, code, reason, keys) in failures() {
        let status = Status::from(failure.clone());
        assert_eq!(status.code(), code, "{failure:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(format!("ERROR_REASON_{}", info.reason), reason.as_str_name(), "{failure:?}");
        assert_eq!(info.domain, "signoff.v1");
        let found: BTreeSet<_> = info.metadata.keys().map(String::as_str).collect();
        assert_eq!(found, keys.iter().copied().collect(), "{failure:?}");
        assert_eq!(details.bad_request().is_some(), code == Code::InvalidArgument, "{failure:?}");
        let retry = code == Code::Unavailable
            || matches!(
                reason,
                Reason::RateLimited | Reason::TooManyStreams | Reason::TooManyCalls | Reason::BackupRunning
            );
        assert_eq!(details.retry_info().is_some_and(|info| info.retry_delay.is_some()), retry, "{failure:?}");
        assert!(!status.message().is_empty() && !format!("{status:?}{details:?}").contains("SECRET"), "{failure:?}");
        assert_eq!(status.get_error_details_vec().len(), 1 + usize::from(retry || code == Code::InvalidArgument));
    }
}

#[test]
fn every_variant_is_among_the_samples() {
    let count = |found: BTreeSet<usize>, all: usize| assert_eq!(found, (0..all).collect());
    count(refusals().iter().map(|sample| nth_refusal(&sample.0)).collect(), REFUSALS);
    count(store_errors().iter().map(|sample| nth_store_error(&sample.0)).collect(), STORE_ERRORS);
    count(denials().iter().map(|sample| nth_denial(&sample.0)).collect(), DENIALS);
    count(policy_errors().iter().map(|sample| nth_policy_error(&sample.0)).collect(), POLICY_ERRORS);
    count(token_errors().iter().map(|sample| nth_token_error(&sample.0)).collect(), TOKEN_ERRORS);
    count(freeze_errors().iter().map(|sample| nth_freeze_error(&sample.0)).collect(), FREEZE_ERRORS);
    count(block_errors().iter().map(|sample| nth_block_error(&sample.0)).collect(), BLOCK_ERRORS);
    count(session_errors().iter().map(|sample| nth_session_error(&sample.0)).collect(), SESSION_ERRORS);
    count(admin_errors().iter().map(|sample| nth_admin_error(&sample.0)).collect(), ADMIN_ERRORS);
    count(errors().iter().map(|sample| nth_error(&sample.0)).collect(), ERRORS);
}

/// Operators search for the reason that they see.
#[test]
fn every_reason_has_a_section_in_troubleshooting() {
    let page = include_str!("../../../docs/troubleshooting.md");
    let sections: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for reason in (0..1_000).filter_map(|number| ErrorReason::try_from(number).ok()) {
        let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        assert!(sections.contains(name), "{name}");
    }
}

#[test]
fn every_reason_of_the_api_is_given_by_something() {
    let given: BTreeSet<_> = failures().into_iter().map(|(_, _, reason, _)| i32::from(reason)).collect();
    let reasons: BTreeSet<_> = (1..1_000).filter(|number| ErrorReason::try_from(*number).is_ok()).collect();
    assert_eq!(given, reasons);
    assert_eq!(reasons.last(), Some(&81));
}

#[test]
fn the_winning_decision_is_told() {
    let status = Status::from(Failure::on(id(0, 7), StoreError::from(decided("not today")).into()));
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["approval_id"], id(0, 7).to_string());
    assert_eq!(metadata["status"], "REJECTED");
    assert_eq!(metadata["decided_by"], "test/bob");
    assert_eq!(metadata["decide_time"], "2027-01-15T08:00:05Z");
    assert_eq!(metadata["revision"], "2");
    assert_eq!(metadata["comment"], "not today");
}

#[test]
fn what_became_of_a_claimed_call_is_told() {
    let outcome = Outcome { result: ExecutionResult::Failed, message: "no route".into(), at: at(9) };
    let claim = Claim { id: claim_id(1), actor: agent(), at: at(6), outcome: Some(outcome) };
    let refusal = Refusal::AlreadyClaimed(Box::new(claim));
    let status = Status::from(Failure::on(id(0, 7), StoreError::from(refusal).into()));
    assert!(status.message().ends_with("; reported at 2027-01-15 08:00:09 UTC: it failed"), "{status:?}");
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["claim_id"], claim_id(1).to_string());
    assert_eq!(metadata["claim_time"], "2027-01-15T08:00:06Z");
    assert_eq!((metadata["result"].as_str(), metadata["message"].as_str()), ("FAILED", "no route"));
    assert_eq!(metadata["report_time"], "2027-01-15T08:00:09Z");
}

#[test]
fn an_edit_that_breaks_the_schema_names_its_field() {
    let status =
        Status::from(Failure::from(approvals::Error::EditViolatesSchema(vec!["/a: no".into(), "/b: no".into()])));
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 2);
    assert_eq!(violations[1].field, "edited_arguments");
    assert!(violations[1].description.ends_with("/b: no"));
}

/// Bytes of the headers of a status.
fn header_bytes(status: Status) -> usize {
    let (parts, ()) = status.into_http::<()>().into_parts();
    parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

#[test]
fn statuses_fit_into_headers() {
    let long = "💥".repeat(5_000);
    let rule = Refusal::EditForbidden { rule: long.clone(), message: long.clone() };
    let mut decision = decided(&long);
    if let Refusal::AlreadyDecided(decision) = &mut decision {
        decision.actor.subject.clone_from(&long);
    }
    for refusal in [rule, decision] {
        let status = Status::from(Failure::from(approvals::Error::from(StoreError::from(refusal))));
        let details = status.get_error_details();
        assert!(details.error_info().unwrap().metadata.values().all(|value| value.chars().count() <= 256));
        let size = header_bytes(status);
        assert!((4_000..8 * 1024).contains(&size), "{size}");
    }
    for (count, description) in [(51, long.as_str()), (51, "short"), (51, &"x".repeat(70)), (1, &long)] {
        let violation = Violation { field: long.clone(), description: description.to_owned() };
        let status = Status::from(Violations(vec![violation; count]));
        let size = header_bytes(status);
        assert!(size < 8 * 1024, "{size}");
    }
    let violation = Violation { field: "arguments.a".into(), description: "x".repeat(60) };
    let status = Status::from(Violations(vec![violation; 51]));
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let (last, rest) = violations.split_last().unwrap();
    assert_eq!(last.description, format!("… and at least {} more", 51 - rest.len()));
    assert!(rest.len() > 35 && header_bytes(status) < 8 * 1024);
}
