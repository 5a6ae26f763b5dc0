//! Converts the store's errors and the domain's refusals.

use chrono::SecondsFormat;
use tonic::Code;

use super::{Answer, REATTACH, UPGRADE};
use crate::{
    domain::{ApprovalId, BlockError, FreezeError, Outcome, Permission, Refusal, Time},
    proto::v1::ErrorReason,
    store::StoreError,
    wire::enums::Code as _,
};

impl Answer {
    pub(super) fn store(error: StoreError, id: Option<ApprovalId>) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(id),
            StoreError::Refused(refusal) => Self::refused(refusal, id),
            StoreError::Unavailable(cause) => {
                tracing::debug!(%cause, "the store is unavailable"); // the store has logged its failure itself
                let message = "the store is unavailable; the call may or may not have been recorded; \
                               retry with the same request_id";
                Self::new(Code::Unavailable, ErrorReason::StoreUnavailable, message).retry(REATTACH)
            }
            StoreError::Outdated => {
                let message = "the caller's rights or the policy change all the time; nothing was recorded; try again";
                Self::new(Code::Unavailable, ErrorReason::StoreUnavailable, message).retry(REATTACH)
            }
            StoreError::PolicyFromFile => {
                let message = "another server of this store takes the policy from a file; change that file";
                Self::new(Code::FailedPrecondition, ErrorReason::PolicyFromFile, message)
            }
            StoreError::PolicyChanged { version } => {
                Self::new(Code::Aborted, ErrorReason::PolicyChanged, error.to_string()).with("version", version)
            }
            StoreError::PolicyRequestIdReused { ref request_id, version, field } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, error.to_string())
                    .with("request_id", request_id)
                    .with("policy_version", version)
                    .with("field", field)
            }
            StoreError::SnapshotOverrun { limit } => {
                Self::new(Code::Aborted, ErrorReason::BackupAborted, error.to_string()).with("limit", limit)
            }
            StoreError::Freeze(error) => Self::freeze(error),
            StoreError::Block(error) => Self::block(error),
            StoreError::Conflict(_)
            | StoreError::BadHistory(..)
            | StoreError::PolicyConflict(_)
            | StoreError::BadPolicy(..)
            | StoreError::TokenConflict(_)
            | StoreError::BadToken(..)
            | StoreError::SessionConflict(_)
            | StoreError::BadSession(..)
            | StoreError::BadForgotten(..)
            | StoreError::BadLane(..) => Self::internal(&error),
            StoreError::Corrupt(cause) => {
                tracing::error!(%cause, approval_id = id.map(tracing::field::display), "stored data is damaged");
                let message = "stored data is damaged; nothing was done; \
                               an operator of the server must run `signoff store check`";
                Self::new(Code::DataLoss, ErrorReason::DataDamaged, message).on(id)
            }
            StoreError::Newer(cause) => {
                tracing::error!(%cause, approval_id = id.map(tracing::field::display), "stored data is too new");
                let message = "stored data was written by a newer version of the server; nothing was done; \
                               an operator must start that version again";
                Self::new(Code::Unavailable, ErrorReason::RecordTooNew, message).on(id).retry(UPGRADE)
            }
        }
    }

    fn freeze(error: FreezeError) -> Self {
        let message = error.to_string();
        match error {
            FreezeError::NotFound(id) => {
                Self::new(Code::NotFound, ErrorReason::FreezeNotFound, message).with("freeze_id", id)
            }
            FreezeError::TooMany { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyFreezes, message).with("limit", limit)
            }
            FreezeError::RequestIdReused { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("freeze_id", id)
            }
            FreezeError::Conflict(_) | FreezeError::Bad(..) => Self::internal(&message),
        }
    }

    fn block(error: BlockError) -> Self {
        let message = error.to_string();
        match error {
            BlockError::NotBlocked(subject) => Self::new(Code::NotFound, ErrorReason::SubjectNotBlocked, message)
                .with("issuer", subject.issuer)
                .with("subject", subject.subject),
            BlockError::TooMany { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyBlockedSubjects, message).with("limit", limit)
            }
            BlockError::RequestIdReused { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("block_id", id)
            }
            BlockError::Conflict(_) | BlockError::Bad(..) => Self::internal(&message),
        }
    }

    pub(super) fn refused(refusal: Refusal, id: Option<ApprovalId>) -> Self {
        use Code::{Aborted, AlreadyExists, FailedPrecondition, PermissionDenied, ResourceExhausted};
        use ErrorReason as Reason;

        let message = refusal.to_string();
        let answer = |code, reason| Self::new(code, reason, message);
        match refusal {
            Refusal::AlreadyDecided(decision) => answer(FailedPrecondition, Reason::AlreadyDecided)
                .on(id)
                .with("status", decision.status.name())
                .with("decided_by", &decision.actor)
                .with("decide_time", rfc3339(decision.at))
                .with("revision", decision.revision)
                .with("comment", &decision.comment),
            Refusal::SelfDecision => answer(PermissionDenied, Reason::SelfDecision),
            Refusal::NotRequester => answer(PermissionDenied, Reason::NotRequester).on(id),
            Refusal::Stale { revision, digest } => {
                answer(Aborted, Reason::StaleView).on(id).with("revision", revision).with("digest", digest)
            }
            Refusal::AlreadyVoted => answer(FailedPrecondition, Reason::AlreadyVoted).on(id),
            Refusal::NotEligible => answer(PermissionDenied, Reason::NotEligible).on(id),
            Refusal::NeedsOthers => answer(PermissionDenied, Reason::PermissionRequired)
                .on(id)
                .with("permission", Permission::DecideAlone.name()),
            Refusal::AssuranceTooLow { assurance, needed } => answer(PermissionDenied, Reason::AssuranceTooLow)
                .on(id)
                .with("assurance", assurance.name())
                .with("min_assurance", needed.name()),
            Refusal::CommentRequired => answer(FailedPrecondition, Reason::CommentRequired).on(id),
            Refusal::EditsNotAllowed => answer(FailedPrecondition, Reason::EditsNotAllowed).on(id),
            Refusal::EditForbidden { rule, message } => {
                answer(FailedPrecondition, Reason::EditForbidden).with("rule", rule).with("message", message)
            }
            Refusal::TooManyEdits { limit } => answer(FailedPrecondition, Reason::TooManyEdits).with("limit", limit),
            Refusal::TooManyVotes { limit } => answer(FailedPrecondition, Reason::TooManyVotes).with("limit", limit),
            Refusal::NotApproved(status) => {
                answer(FailedPrecondition, Reason::NotApproved).on(id).with("status", status.name())
            }
            Refusal::DigestMismatch { approved } => {
                answer(FailedPrecondition, Reason::DigestMismatch).on(id).with("digest", approved)
            }
            Refusal::ClaimWindowClosed { closed_at } => {
                answer(FailedPrecondition, Reason::ClaimWindowClosed).on(id).with("closed_at", rfc3339(closed_at))
            }
            Refusal::AlreadyClaimed(claim) => {
                let claimed = answer(FailedPrecondition, Reason::AlreadyClaimed)
                    .on(id)
                    .with("claim_id", claim.id)
                    .with("claimed_by", &claim.actor)
                    .with("claim_time", rfc3339(claim.at));
                match &claim.outcome {
                    Some(outcome) => claimed
                        .with("result", result_name(outcome))
                        .with("report_time", rfc3339(outcome.at))
                        .with("message", &outcome.message),
                    None => claimed,
                }
            }
            Refusal::Revoked(revocation) => answer(FailedPrecondition, Reason::ApprovalRevoked)
                .on(id)
                .with("revoked_by", &revocation.actor)
                .with("revoke_time", rfc3339(revocation.at))
                .with("reason", &revocation.reason),
            Refusal::Frozen(frozen) => answer(FailedPrecondition, Reason::Frozen)
                .on(id)
                .with("freeze_id", frozen.id)
                .with("frozen_by", &frozen.actor)
                .with("freeze_time", rfc3339(frozen.at))
                .with("reason", &frozen.reason),
            Refusal::NotClaimed => answer(FailedPrecondition, Reason::NotClaimed).on(id),
            Refusal::AlreadyReported(outcome) => answer(FailedPrecondition, Reason::AlreadyReported)
                .on(id)
                .with("result", result_name(&outcome))
                .with("report_time", rfc3339(outcome.at))
                .with("message", &outcome.message),
            Refusal::RequestIdReused { request_id, approval, field } => {
                let reused = answer(AlreadyExists, Reason::RequestIdReused)
                    .with("request_id", request_id)
                    .with("approval_id", approval);
                match field {
                    Some(field) => reused.with("field", field.name()),
                    None => reused,
                }
            }
            Refusal::RequestForgotten { request_id, until } => answer(FailedPrecondition, Reason::RequestForgotten)
                .with("request_id", request_id)
                .with("until", rfc3339(until)),
            Refusal::TooManyPending { limit } => answer(ResourceExhausted, Reason::TooManyPending).with("limit", limit),
        }
    }
}

/// The name on the wire, without its prefix.
fn result_name(outcome: &Outcome) -> &'static str {
    let name = outcome.result.to_wire().as_str_name();
    name.strip_prefix("EXECUTION_RESULT_").unwrap_or(name)
}

fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
