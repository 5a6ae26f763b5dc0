use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::domain::{ActorKind, TokenId};
use crate::domain::{
    Claim, Decision, Digest, ExecutionResult, Outcome, ReplayError, Status as Reached,
    samples::{a_request, actor, agent, at, claim_id, id},
};
use crate::store::PolicyFault;
use crate::{
    domain::{OutsideScope, Permission},
    identity::oidc::Rejection,
};

const REFUSALS: usize = 21;
const STORE_ERRORS: usize = 14;
const ERRORS: usize = 10;
const POLICY_ERRORS: usize = 6;
const TOKEN_ERRORS: usize = 7;
const DENIALS: usize = 4;

/// Which of all refusals it is: a new variant must be added here, and to the samples.
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
        StoreError::Corrupt(_) => STORE_ERRORS - 1,
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
        AccessDenied::Revoked => DENIALS - 1,
    }
}

fn digest() -> Digest {
    a_request("r").0.digest
}

fn token_id() -> TokenId {
    TokenId::new(id(0, 9).uuid())
}

fn decided(comment: &str) -> Refusal {
    Refusal::AlreadyDecided(Box::new(Decision {
        status: Reached::Rejected,
        actor: actor(ActorKind::Person, "bob"),
        via: None,
        comment: comment.into(),
        at: at(5),
        seen: 1,
        digest: digest(),
        revision: 2,
    }))
}

/// An error with its code, its reason, and the keys of its metadata.
type Sample<E> = (E, Code, ErrorReason, &'static [&'static str]);

/// The same errors inside of another one.
fn within<E, F: From<E>>(samples: Vec<Sample<E>>) -> impl Iterator<Item = Sample<F>> {
    samples.into_iter().map(|(error, code, reason, keys)| (error.into(), code, reason, keys))
}

/// Every refusal with its code, reason and metadata beyond `approval_id`.
fn refusals() -> Vec<Sample<Refusal>> {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, PermissionDenied, ResourceExhausted};
    use ErrorReason as Reason;
    let outcome = Outcome { result: ExecutionResult::Failed, message: "m".into(), at: at(9) };
    let claim =
        |outcome| Refusal::AlreadyClaimed(Box::new(Claim { id: claim_id(1), actor: agent(), at: at(6), outcome }));
    let claimed: &[&str] = &["approval_id", "claim_id", "claimed_by", "claim_time"];
    let run: &[&str] = &["approval_id", "claim_id", "claimed_by", "claim_time", "result", "report_time", "message"];
    let winner: &[&str] = &["approval_id", "status", "decided_by", "decide_time", "revision", "comment"];
    let only_id: &[&str] = &["approval_id"];
    let forbidden = Refusal::EditForbidden { rule: "r".into(), message: "m".into() };
    let reused = Refusal::RequestIdReused { request_id: "r1".into(), approval: id(0, 7) };
    vec![
        (decided("no"), FailedPrecondition, Reason::AlreadyDecided, winner),
        (Refusal::SelfDecision, PermissionDenied, Reason::SelfDecision, &[]),
        (Refusal::NotRequester, PermissionDenied, Reason::NotRequester, only_id),
        (
            Refusal::Stale { revision: 3, digest: digest() },
            Aborted,
            Reason::StaleView,
            &["approval_id", "revision", "digest"],
        ),
        (Refusal::AlreadyVoted, FailedPrecondition, Reason::AlreadyVoted, only_id),
        (Refusal::NotEligible, PermissionDenied, Reason::NotEligible, only_id),
        (Refusal::NeedsOthers, PermissionDenied, Reason::PermissionRequired, &["approval_id", "permission"]),
        (Refusal::CommentRequired, FailedPrecondition, Reason::CommentRequired, only_id),
        (Refusal::EditsNotAllowed, FailedPrecondition, Reason::EditsNotAllowed, only_id),
        (forbidden, FailedPrecondition, Reason::EditForbidden, &["rule", "message"]),
        (Refusal::TooManyEdits { limit: 8 }, FailedPrecondition, Reason::TooManyEdits, &["limit"]),
        (Refusal::TooManyVotes { limit: 32 }, FailedPrecondition, Reason::TooManyVotes, &["limit"]),
        (Refusal::NotApproved(Reached::TimedOut), FailedPrecondition, Reason::NotApproved, &["approval_id", "status"]),
        (
            Refusal::DigestMismatch { approved: digest() },
            FailedPrecondition,
            Reason::DigestMismatch,
            &["approval_id", "digest"],
        ),
        (
            Refusal::ClaimWindowClosed { closed_at: at(1) },
            FailedPrecondition,
            Reason::ClaimWindowClosed,
            &["approval_id", "closed_at"],
        ),
        (claim(None), FailedPrecondition, Reason::AlreadyClaimed, claimed),
        (claim(Some(outcome.clone())), FailedPrecondition, Reason::AlreadyClaimed, run),
        (Refusal::NotClaimed, FailedPrecondition, Reason::NotClaimed, only_id),
        (
            Refusal::AlreadyReported(Box::new(outcome)),
            FailedPrecondition,
            Reason::AlreadyReported,
            &["approval_id", "result", "report_time", "message"],
        ),
        (reused, AlreadyExists, Reason::RequestIdReused, &["request_id", "approval_id"]),
        (
            Refusal::RequestForgotten { request_id: "r1".into(), until: at(9) },
            FailedPrecondition,
            Reason::RequestForgotten,
            &["request_id", "until"],
        ),
        (Refusal::TooManyPending { limit: 10 }, ResourceExhausted, Reason::TooManyPending, &["limit"]),
    ]
}

fn store_errors() -> Vec<Sample<StoreError>> {
    use ErrorReason as Reason;
    let internal = |error| (error, Code::Internal, Reason::Internal, &[] as &[&str]);
    let mut all = vec![
        (StoreError::NotFound, Code::NotFound, Reason::ApprovalNotFound, &["approval_id"] as &[&str]),
        internal(StoreError::Conflict(id(0, 1))),
        internal(StoreError::BadHistory(id(0, 1), ReplayError::NotARequest)),
        (StoreError::PolicyChanged { version: 3 }, Code::Aborted, Reason::PolicyChanged, &["version"]),
        (
            StoreError::PolicyRequestIdReused { request_id: "r1".into(), version: 3 },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "policy_version"],
        ),
        internal(StoreError::TokenConflict(token_id())),
        internal(StoreError::BadToken(token_id(), "SECRET")),
        internal(StoreError::BadForgotten("SECRET".into(), "SECRET")),
        internal(StoreError::PolicyConflict(3)),
        internal(StoreError::BadPolicy(3, PolicyFault::DocumentTooLong)),
        (StoreError::Unavailable("SECRET".into()), Code::Unavailable, Reason::StoreUnavailable, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")), Code::DataLoss, Reason::DataDamaged, &["approval_id"]),
        (StoreError::Newer(Arc::from("SECRET")), Code::Unavailable, Reason::RecordTooNew, &["approval_id"]),
    ];
    all.extend(within(refusals()));
    all
}

fn denials() -> Vec<Sample<AccessDenied>> {
    use ErrorReason as Reason;
    let role = AccessDenied::RoleNotAllowed { role: "agent".into(), method: "Decide" };
    let outside = AccessDenied::OutsideScope;
    vec![
        (role, Code::PermissionDenied, Reason::RoleNotAllowed, &["role", "method"] as &[&str]),
        (AccessDenied::Revoked, Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (outside(OutsideScope::Anybody), Code::PermissionDenied, Reason::PermissionRequired, &["permission"]),
        (
            outside(OutsideScope::Issuer("https://idp".into())),
            Code::PermissionDenied,
            Reason::PermissionRequired,
            &["permission", "issuer"],
        ),
        (
            outside(OutsideScope::Group("root".into())),
            Code::PermissionDenied,
            Reason::PermissionRequired,
            &["permission", "group"],
        ),
        (
            AccessDenied::PermissionRequired(Permission::AskForOthers),
            Code::PermissionDenied,
            Reason::PermissionRequired,
            &["permission"],
        ),
    ]
}

fn pool_errors() -> Vec<Sample<PoolError>> {
    use ErrorReason as Reason;
    vec![
        (
            PoolError::TooMuchWork { limit: 3 },
            Code::ResourceExhausted,
            Reason::TooManyCalls,
            &["scope", "limit"] as &[&str],
        ),
        (PoolError::Panicked("SECRET".into()), Code::Internal, Reason::Internal, &[]),
    ]
}

fn errors() -> Vec<Sample<approvals::Error>> {
    use ErrorReason as Reason;
    use approvals::Error;
    let range = Error::RevisionOutOfRange { id: id(0, 7), after: 9, revision: 2 };
    let mut all = vec![
        (Error::NotFound(id(0, 7)), Code::NotFound, Reason::ApprovalNotFound, &["approval_id"] as &[&str]),
        (range, Code::OutOfRange, Reason::RevisionOutOfRange, &["approval_id", "revision"]),
        (Error::EditViolatesSchema(vec!["/a: no".into()]), Code::InvalidArgument, Reason::InvalidRequest, &[]),
        (Error::Draining, Code::Unavailable, Reason::Draining, &[]),
        (Error::StreamAged, Code::Unavailable, Reason::StreamAged, &[]),
        (Error::NothingToResume, Code::OutOfRange, Reason::RevisionOutOfRange, &["revision"]),
        (Error::Internal("SECRET".into()), Code::Internal, Reason::Internal, &[]),
    ];
    all.extend(within(denials()));
    all.extend(within(pool_errors()));
    all.extend(within(store_errors()));
    all
}

/// What is about no approval names none: nor do the errors of the store, then.
fn policy_errors() -> Vec<Sample<policies::Error>> {
    use ErrorReason as Reason;
    use policies::Error;
    let mut all = vec![
        (Error::VersionNotFound(9), Code::NotFound, Reason::PolicyNotFound, &["version"] as &[&str]),
        (Error::FromFile("/p.yaml".into()), Code::FailedPrecondition, Reason::PolicyFromFile, &["path"]),
        (Error::Internal("SECRET".into()), Code::Internal, Reason::Internal, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")).into(), Code::DataLoss, Reason::DataDamaged, &[]),
    ];
    all.extend(within(denials()));
    all.extend(within(pool_errors()));
    all
}

fn token_errors() -> Vec<Sample<tokens::Error>> {
    use ErrorReason as Reason;
    use tokens::Error;
    let (created, reused) = ("r1".to_owned(), "r1".to_owned());
    let mut all = vec![
        (Error::NotFound(token_id()), Code::NotFound, Reason::TokenNotFound, &["token_id"] as &[&str]),
        (Error::TooMany { limit: 9 }, Code::ResourceExhausted, Reason::TooManyTokens, &["limit"]),
        (
            Error::AlreadyCreated { request_id: created, id: token_id() },
            Code::AlreadyExists,
            Reason::TokenAlreadyCreated,
            &["request_id", "token_id"],
        ),
        (
            Error::RequestIdReused { request_id: reused, id: token_id() },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "token_id"],
        ),
        (Error::Internal("SECRET".into()), Code::Internal, Reason::Internal, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")).into(), Code::DataLoss, Reason::DataDamaged, &[]),
    ];
    all.extend(within(denials()));
    all
}

fn failures() -> Vec<Sample<Failure>> {
    use ErrorReason as Reason;
    let violation = Violation { field: "tool_name".into(), description: "must not be empty".into() };
    let streams = |scope| Failure::TooManyStreams { scope, limit: 10 };
    let calls = |scope| Failure::TooManyCalls { scope, limit: 10 };
    let keys: &[&str] = &["scope", "limit"];
    let mut all = vec![
        (Violations(vec![violation]).into(), Code::InvalidArgument, Reason::InvalidRequest, &[] as &[&str]),
        (Unrecognised::Unknown.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::Rejected(Rejection::Expired).into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::SeveralCredentials.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::NoBearer.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::CertificateUnknown.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::CertificateExpired.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Unrecognised::Unavailable.into(), Code::Unavailable, Reason::IdentityProviderUnavailable, &[]),
        (
            Failure::RateLimited { limit: 9, retry: std::time::Duration::from_millis(20) },
            Code::ResourceExhausted,
            Reason::RateLimited,
            &["limit"],
        ),
        (Failure::Malformed("it ends early".into()), Code::InvalidArgument, Reason::InvalidRequest, &[]),
        (
            Failure::MessageTooLarge { found: 11, limit: 10 },
            Code::ResourceExhausted,
            Reason::MessageTooLarge,
            &["limit"],
        ),
        (Failure::NoSuchMethod("/x/Y".into()), Code::Unimplemented, Reason::NotImplemented, &["method"]),
        (Failure::NoSuchEncoding("br".into()), Code::Unimplemented, Reason::NotImplemented, &["encoding"]),
        (calls(Scope::Connection), Code::ResourceExhausted, Reason::TooManyCalls, keys),
        (calls(Scope::Caller), Code::ResourceExhausted, Reason::TooManyCalls, keys),
        (calls(Scope::Server), Code::ResourceExhausted, Reason::TooManyCalls, keys),
        (streams(Scope::Connection), Code::ResourceExhausted, Reason::TooManyStreams, keys),
        (streams(Scope::Caller), Code::ResourceExhausted, Reason::TooManyStreams, keys),
        (streams(Scope::Server), Code::ResourceExhausted, Reason::TooManyStreams, keys),
        (
            Failure::MessageLate { limit: std::time::Duration::from_secs(15) },
            Code::Unavailable,
            Reason::MessageLate,
            &["limit"],
        ),
    ];
    all.extend(within(denials()));
    all.extend(within(pool_errors()));
    all.extend(within(policy_errors()));
    all.extend(within(token_errors()));
    all.extend(
        errors().into_iter().map(|(error, code, reason, keys)| (Failure::on(id(0, 7), error), code, reason, keys)),
    );
    all
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
            || matches!(reason, Reason::RateLimited | Reason::TooManyStreams | Reason::TooManyCalls);
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
    count(errors().iter().map(|sample| nth_error(&sample.0)).collect(), ERRORS);
}

#[test]
fn every_reason_of_the_api_is_given_by_something() {
    let given: BTreeSet<_> = failures().into_iter().map(|(_, _, reason, _)| i32::from(reason)).collect();
    let reasons: BTreeSet<_> = (1..1_000).filter(|number| ErrorReason::try_from(*number).is_ok()).collect();
    assert_eq!(given, reasons);
    assert_eq!(reasons.last(), Some(&55));
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
    assert!(status.message().ends_with("; the call was reported at 2027-01-15 08:00:09 UTC: it failed"), "{status:?}");
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

/// Bytes of the headers that a status becomes.
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
