//! All errors, with their statuses.

use std::sync::Arc;

use tonic::Code;

use super::super::{Failure, Scope, Violation, Violations};
use crate::{
    admin, approvals,
    blocking_pool::PoolError,
    domain::{
        ActorKind, Assurance, BlockError, Claim, Decision, DeliveryId, Digest, ExecutionResult, FreezeError, Frozen,
        MinAssurance, OpenedError, Outcome, OutsideScope, Permission, Refusal, RepeatedField, ReplayError, Revocation,
        Status as Reached, TokenId,
        block_samples::{block_id, subject},
        freeze_samples::freeze_id,
        samples::{a_request, actor, agent, at, claim_id, id},
        session_samples::session_id,
    },
    identity::{AccessDenied, Unrecognised, oidc::Rejection},
    policies,
    proto::v1::ErrorReason,
    sessions,
    store::{PolicyFault, StoreError},
    tokens,
};

pub(super) fn digest() -> Digest {
    a_request("r").0.digest
}

pub(super) fn token_id() -> TokenId {
    TokenId::new(id(0, 9).uuid())
}

pub(super) fn decided(comment: &str) -> Refusal {
    Refusal::AlreadyDecided(Box::new(Decision {
        status: Reached::Rejected,
        actor: actor(ActorKind::Person, "bob"),
        via: None,
        comment: comment.into(),
        at: at(5),
        seen: 1,
        digest: digest(),
        revision: 2,
        provenance: None,
    }))
}

/// An error with its code, its reason, and the keys of its metadata.
pub(super) type Sample<E> = (E, Code, ErrorReason, &'static [&'static str]);

/// The same errors, wrapped in another one.
pub(super) fn within<E, F: From<E>>(samples: Vec<Sample<E>>) -> impl Iterator<Item = Sample<F>> {
    samples.into_iter().map(|(error, code, reason, keys)| (error.into(), code, reason, keys))
}

/// Every refusal with its code, reason and metadata beyond `approval_id`.
pub(super) fn refusals() -> Vec<Sample<Refusal>> {
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
    let reused = |field| Refusal::RequestIdReused { request_id: "r1".into(), approval: id(0, 7), field };
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
        (
            Refusal::AssuranceTooLow { assurance: Assurance::Chat, needed: MinAssurance::Credentials },
            PermissionDenied,
            Reason::AssuranceTooLow,
            &["approval_id", "assurance", "min_assurance"],
        ),
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
        (
            Refusal::Revoked(Box::new(Revocation { actor: agent(), at: at(8), reason: "r".into() })),
            FailedPrecondition,
            Reason::ApprovalRevoked,
            &["approval_id", "revoked_by", "revoke_time", "reason"],
        ),
        (
            Refusal::Frozen(Box::new(Frozen { id: freeze_id(1), actor: agent(), at: at(8), reason: "r".into() })),
            FailedPrecondition,
            Reason::Frozen,
            &["approval_id", "freeze_id", "frozen_by", "freeze_time", "reason"],
        ),
        (Refusal::NotClaimed, FailedPrecondition, Reason::NotClaimed, only_id),
        (
            Refusal::AlreadyReported(Box::new(outcome)),
            FailedPrecondition,
            Reason::AlreadyReported,
            &["approval_id", "result", "report_time", "message"],
        ),
        (reused(None), AlreadyExists, Reason::RequestIdReused, &["request_id", "approval_id"]),
        (
            reused(Some(RepeatedField::Arguments)),
            AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "approval_id", "field"],
        ),
        (
            Refusal::RequestForgotten { request_id: "r1".into(), until: at(9) },
            FailedPrecondition,
            Reason::RequestForgotten,
            &["request_id", "until"],
        ),
        (Refusal::TooManyPending { limit: 10 }, ResourceExhausted, Reason::TooManyPending, &["limit"]),
    ]
}

pub(super) fn freeze_errors() -> Vec<Sample<FreezeError>> {
    use ErrorReason as Reason;
    let (id, request_id) = (freeze_id(1), "r1".to_owned());
    vec![
        (FreezeError::NotFound(id), Code::NotFound, Reason::FreezeNotFound, &["freeze_id"] as &[&str]),
        (FreezeError::TooMany { limit: 9 }, Code::ResourceExhausted, Reason::TooManyFreezes, &["limit"]),
        (
            FreezeError::RequestIdReused { request_id, id },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "freeze_id"],
        ),
        (FreezeError::Conflict(id), Code::Internal, Reason::Internal, &[]),
        (FreezeError::Bad(id, "SECRET"), Code::Internal, Reason::Internal, &[]),
    ]
}

pub(super) fn block_errors() -> Vec<Sample<BlockError>> {
    use ErrorReason as Reason;
    let (id, request_id) = (block_id(1), "r1".to_owned());
    vec![
        (
            BlockError::NotBlocked(subject(1)),
            Code::NotFound,
            Reason::SubjectNotBlocked,
            &["issuer", "subject"] as &[&str],
        ),
        (BlockError::TooMany { limit: 9 }, Code::ResourceExhausted, Reason::TooManyBlockedSubjects, &["limit"]),
        (
            BlockError::RequestIdReused { request_id, id },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "block_id"],
        ),
        (BlockError::Conflict(id), Code::Internal, Reason::Internal, &[]),
        (BlockError::Bad(id, "SECRET"), Code::Internal, Reason::Internal, &[]),
    ]
}

pub(super) fn session_errors() -> Vec<Sample<sessions::Error>> {
    use ErrorReason as Reason;
    use sessions::Error;
    let (id, request_id) = (session_id(1), "r1".to_owned());
    let internal = |error| (error, Code::Internal, Reason::Internal, &[] as &[&str]);
    let mut all = vec![
        (Error::NotFound(id), Code::NotFound, Reason::SessionNotFound, &["session_id"] as &[&str]),
        (
            Error::RequestIdReused { request_id, id },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "session_id"],
        ),
        (Error::OwnSubject, Code::FailedPrecondition, Reason::OwnSubject, &[]),
        (Error::Credentials(Unrecognised::TokenExpired), Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (Error::NoRole("dev/agent".into()), Code::PermissionDenied, Reason::RoleNotAllowed, &[]),
        (Error::NotASignIn, Code::PermissionDenied, Reason::RoleNotAllowed, &[]),
        (Error::TooMany { limit: 9 }, Code::ResourceExhausted, Reason::RateLimited, &["limit"]),
        internal(Error::Internal("SECRET".into())),
        (StoreError::Corrupt(Arc::from("SECRET")).into(), Code::DataLoss, Reason::DataDamaged, &[]),
    ];
    all.extend(within(denials()));
    all
}

pub(super) fn store_errors() -> Vec<Sample<StoreError>> {
    use ErrorReason as Reason;
    let internal = |error| (error, Code::Internal, Reason::Internal, &[] as &[&str]);
    let mut all = vec![
        (StoreError::NotFound, Code::NotFound, Reason::ApprovalNotFound, &["approval_id"] as &[&str]),
        internal(StoreError::Conflict(id(0, 1))),
        internal(StoreError::BadHistory(id(0, 1), ReplayError::NotARequest)),
        (StoreError::SnapshotOverrun { limit: 5 }, Code::Aborted, Reason::BackupAborted, &["limit"]),
        (StoreError::PolicyChanged { version: 3 }, Code::Aborted, Reason::PolicyChanged, &["version"]),
        (
            StoreError::PolicyRequestIdReused { request_id: "r1".into(), version: 3, field: "comment" },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "policy_version", "field"],
        ),
        internal(StoreError::TokenConflict(token_id())),
        internal(StoreError::BadToken(token_id(), "SECRET")),
        internal(StoreError::SessionConflict(session_id(1))),
        internal(StoreError::BadSession(session_id(1), "SECRET")),
        internal(StoreError::BadForgotten("SECRET".into(), "SECRET")),
        internal(StoreError::BadLane("a".parse().unwrap(), id(0, 1), "SECRET")),
        internal(StoreError::PolicyConflict(3)),
        internal(StoreError::BadPolicy(3, PolicyFault::DocumentTooLong)),
        (StoreError::Unavailable("SECRET".into()), Code::Unavailable, Reason::StoreUnavailable, &[]),
        (StoreError::Outdated, Code::Unavailable, Reason::StoreUnavailable, &[]),
        (StoreError::PolicyFromFile, Code::FailedPrecondition, Reason::PolicyFromFile, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")), Code::DataLoss, Reason::DataDamaged, &["approval_id"]),
        (StoreError::Newer(Arc::from("SECRET")), Code::Unavailable, Reason::RecordTooNew, &["approval_id"]),
    ];
    all.extend(within(refusals()));
    all.extend(within(freeze_errors()));
    all.extend(within(block_errors()));
    all
}

pub(super) fn denials() -> Vec<Sample<AccessDenied>> {
    use ErrorReason as Reason;
    let role = AccessDenied::RoleNotAllowed { role: "agent".into(), method: "Decide" };
    let outside = AccessDenied::OutsideScope;
    vec![
        (role, Code::PermissionDenied, Reason::RoleNotAllowed, &["role", "method"] as &[&str]),
        (AccessDenied::Revoked, Code::Unauthenticated, Reason::Unauthenticated, &[]),
        (AccessDenied::SubjectBlocked(agent()), Code::PermissionDenied, Reason::SubjectBlocked, &["issuer", "subject"]),
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

pub(super) fn pool_errors() -> Vec<Sample<PoolError>> {
    use ErrorReason as Reason;
    vec![
        (
            PoolError::TooMuchWork { limit: 3 },
            Code::ResourceExhausted,
            Reason::TooManyCalls,
            &["scope", "limit"] as &[&str],
        ),
        (PoolError::Ending, Code::Unavailable, Reason::Draining, &[]),
        (PoolError::Panicked("SECRET".into()), Code::Internal, Reason::Internal, &[]),
    ]
}

pub(super) fn errors() -> Vec<Sample<approvals::Error>> {
    use ErrorReason as Reason;
    use approvals::Error;
    let range = Error::RevisionOutOfRange { id: id(0, 7), after: 9, revision: 2 };
    let mut all = vec![
        (Error::NotFound(id(0, 7)), Code::NotFound, Reason::ApprovalNotFound, &["approval_id"] as &[&str]),
        (range, Code::OutOfRange, Reason::RevisionOutOfRange, &["approval_id", "revision"]),
        (OpenedError::TooMany { found: 65 }.into(), Code::InvalidArgument, Reason::InvalidRequest, &[]),
        (Error::SearchTextTooLong { found: 257 }, Code::InvalidArgument, Reason::InvalidRequest, &[]),
        (Error::EditViolatesSchema(vec!["/a: no".into()]), Code::InvalidArgument, Reason::InvalidRequest, &[]),
        (
            Error::NotRevocable { id: id(0, 7), claimed: true },
            Code::FailedPrecondition,
            Reason::AlreadyClaimed,
            &["approval_id"],
        ),
        (
            Error::NotRevocable { id: id(0, 7), claimed: false },
            Code::FailedPrecondition,
            Reason::ClaimWindowClosed,
            &["approval_id"],
        ),
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

/// Errors of calls without an approval have no `approval_id`, also those of the store.
pub(super) fn policy_errors() -> Vec<Sample<policies::Error>> {
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

pub(super) fn token_errors() -> Vec<Sample<tokens::Error>> {
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
            Error::RequestIdReused { request_id: reused, id: token_id(), field: "ttl" },
            Code::AlreadyExists,
            Reason::RequestIdReused,
            &["request_id", "token_id", "field"],
        ),
        (Error::Internal("SECRET".into()), Code::Internal, Reason::Internal, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")).into(), Code::DataLoss, Reason::DataDamaged, &[]),
    ];
    all.extend(within(denials()));
    all
}

pub(super) fn admin_errors() -> Vec<Sample<admin::Error>> {
    use ErrorReason as Reason;
    use admin::Error;
    let required = Error::OtherOperatorRequired { id: freeze_id(1), frozen_by: agent() };
    let delivery = || DeliveryId { approval: id(0, 1), revision: 1, channel: "a".parse().unwrap() };
    let reused = Error::RequestIdReused { request_id: "r1".into(), id: delivery() };
    let limit = std::time::Duration::from_secs(60);
    let unknown = Error::NoSuchChannel { name: "a".parse().unwrap(), configured: Vec::new() };
    let mut all = vec![
        (unknown, Code::NotFound, Reason::ChannelNotFound, &["channel"] as &[&str]),
        (Error::NoSuchDelivery(delivery()), Code::NotFound, Reason::DeliveryNotFound, &["delivery_id"]),
        (reused, Code::AlreadyExists, Reason::RequestIdReused, &["request_id", "delivery_id"]),
        (required, Code::PermissionDenied, Reason::OtherOperatorRequired, &["freeze_id", "frozen_by"] as &[&str]),
        (Error::BackupRunning, Code::ResourceExhausted, Reason::BackupRunning, &[]),
        (Error::BackupReaderSlow { limit }, Code::Aborted, Reason::BackupAborted, &["limit"]),
        (Error::BackupTooLong { limit }, Code::Aborted, Reason::BackupAborted, &["limit"]),
        (Error::BackupReaderLeft, Code::Internal, Reason::Internal, &[]),
        (Error::Draining, Code::Unavailable, Reason::Draining, &[]),
        (Error::Internal("SECRET".into()), Code::Internal, Reason::Internal, &[]),
        (StoreError::Corrupt(Arc::from("SECRET")).into(), Code::DataLoss, Reason::DataDamaged, &[]),
    ];
    all.extend(within(denials()));
    all
}

pub(super) fn failures() -> Vec<Sample<Failure>> {
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
        (Unrecognised::SubjectBlocked.into(), Code::Unauthenticated, Reason::Unauthenticated, &[]),
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
    all.extend(within(admin_errors()));
    all.extend(within(session_errors()));
    all.extend(
        errors().into_iter().map(|(error, code, reason, keys)| (Failure::on(id(0, 7), error), code, reason, keys)),
    );
    all
}
