//! Converts the use-cases' errors.

use tonic::Code;

use super::{Answer, BACKUP, REATTACH, ROOM, Scope};
use crate::{
    admin, approvals,
    blocking_pool::PoolError,
    domain::{ApprovalId, OutsideScope, Permission, duration_text},
    identity::AccessDenied,
    policies,
    proto::v1::ErrorReason,
    sessions, tokens,
    wire::decode::Violation,
};

impl Answer {
    pub(super) fn approval(error: approvals::Error, id: Option<ApprovalId>) -> Self {
        use approvals::Error;
        let message = error.to_string();
        match error {
            Error::NotFound(id) => Self::not_found(Some(id)),
            Error::Access(denied) => Self::denied(denied),
            Error::RevisionOutOfRange { id, after: _, revision } => {
                Self::new(Code::OutOfRange, ErrorReason::RevisionOutOfRange, message)
                    .on(Some(id))
                    .with("revision", revision)
            }
            Error::NothingToResume => {
                Self::new(Code::OutOfRange, ErrorReason::RevisionOutOfRange, message).with("revision", 0)
            }
            Error::EditViolatesSchema(violations) => {
                let field = "edited_arguments".to_owned();
                let violation = |text| Violation {
                    field: field.clone(),
                    description: format!("do not satisfy arguments_schema: {text}"),
                };
                Self::invalid(violations.into_iter().map(violation).collect())
            }
            // Only pages send opened parts and search for texts.
            Error::Opened(_) => Self::invalid(vec![Violation { field: "opened".to_owned(), description: message }]),
            Error::SearchTextTooLong { .. } => {
                Self::invalid(vec![Violation { field: "text".to_owned(), description: message }])
            }
            Error::NotRevocable { id, claimed } => {
                let reason = if claimed { ErrorReason::AlreadyClaimed } else { ErrorReason::ClaimWindowClosed };
                Self::new(Code::FailedPrecondition, reason, message).on(Some(id))
            }
            Error::Pool(error) => Self::pool(error),
            Error::Draining => Self::new(Code::Unavailable, ErrorReason::Draining, message).retry(REATTACH),
            Error::StreamAged => Self::new(Code::Unavailable, ErrorReason::StreamAged, message).retry(REATTACH),
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, id),
        }
    }

    pub(super) fn policy(error: policies::Error) -> Self {
        use policies::Error;
        let message = error.to_string();
        match error {
            Error::Access(denied) => Self::denied(denied),
            Error::VersionNotFound(version) => {
                Self::new(Code::NotFound, ErrorReason::PolicyNotFound, message).with("version", version)
            }
            Error::FromFile(path) => {
                Self::new(Code::FailedPrecondition, ErrorReason::PolicyFromFile, message).with("path", path)
            }
            Error::Pool(error) => Self::pool(error),
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, None),
        }
    }

    pub(super) fn token(error: tokens::Error) -> Self {
        use tokens::Error;
        let message = error.to_string();
        match error {
            Error::Access(denied) => Self::denied(denied),
            Error::NotFound(id) => Self::new(Code::NotFound, ErrorReason::TokenNotFound, message).with("token_id", id),
            Error::TooMany { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyTokens, message).with("limit", limit)
            }
            Error::AlreadyCreated { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::TokenAlreadyCreated, message)
                    .with("request_id", request_id)
                    .with("token_id", id)
            }
            Error::RequestIdReused { request_id, id, field } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("token_id", id)
                    .with("field", field)
            }
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, None),
        }
    }

    pub(super) fn admin(error: admin::Error) -> Self {
        use admin::Error;
        let message = error.to_string();
        match error {
            Error::Access(denied) => Self::denied(denied),
            Error::OtherOperatorRequired { id, frozen_by } => {
                Self::new(Code::PermissionDenied, ErrorReason::OtherOperatorRequired, message)
                    .with("freeze_id", id)
                    .with("frozen_by", frozen_by)
            }
            Error::NoSuchChannel { name, configured: _ } => {
                Self::new(Code::NotFound, ErrorReason::ChannelNotFound, message).with("channel", name)
            }
            Error::NoSuchDelivery(id) => {
                Self::new(Code::NotFound, ErrorReason::DeliveryNotFound, message).with("delivery_id", id)
            }
            Error::RequestIdReused { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("delivery_id", id)
            }
            Error::BackupRunning => {
                Self::new(Code::ResourceExhausted, ErrorReason::BackupRunning, message).retry(BACKUP)
            }
            Error::BackupReaderSlow { limit } | Error::BackupTooLong { limit } => {
                Self::new(Code::Aborted, ErrorReason::BackupAborted, message).with("limit", duration_text(limit))
            }
            // No client can receive it.
            Error::BackupReaderLeft => Self::internal(&message),
            Error::Draining => Self::new(Code::Unavailable, ErrorReason::Draining, message).retry(REATTACH),
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, None),
        }
    }

    pub(super) fn session(error: sessions::Error) -> Self {
        use sessions::Error;
        let message = error.to_string();
        match error {
            Error::Access(denied) => Self::denied(denied),
            Error::NotFound(id) => {
                Self::new(Code::NotFound, ErrorReason::SessionNotFound, message).with("session_id", id)
            }
            Error::RequestIdReused { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("session_id", id)
            }
            Error::OwnSubject => Self::new(Code::FailedPrecondition, ErrorReason::OwnSubject, message),
            Error::Credentials(cause) => Self::of(cause.into()),
            // People sign in at the desk, which shows the code and the message.
            Error::NoRole(_) | Error::NotASignIn => {
                Self::new(Code::PermissionDenied, ErrorReason::RoleNotAllowed, message)
            }
            Error::TooMany { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::RateLimited, message).with("limit", limit).retry(ROOM)
            }
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, None),
        }
    }

    pub(super) fn denied(denied: AccessDenied) -> Self {
        let message = denied.to_string();
        let permission = |permission: Permission| {
            Self::new(Code::PermissionDenied, ErrorReason::PermissionRequired, message.clone())
                .with("permission", permission.name())
        };
        match denied {
            AccessDenied::RoleNotAllowed { role, method } => {
                Self::new(Code::PermissionDenied, ErrorReason::RoleNotAllowed, message)
                    .with("role", role)
                    .with("method", method)
            }
            AccessDenied::PermissionRequired(required) => permission(required),
            AccessDenied::OutsideScope(outside) => {
                let answer = permission(Permission::DecideForOthers);
                match outside {
                    OutsideScope::Anybody => answer,
                    OutsideScope::Issuer(issuer) => answer.with("issuer", issuer),
                    OutsideScope::Group(group) => answer.with("group", group),
                }
            }
            AccessDenied::SubjectBlocked(person) => {
                Self::new(Code::PermissionDenied, ErrorReason::SubjectBlocked, message)
                    .with("issuer", person.issuer)
                    .with("subject", person.subject)
            }
            AccessDenied::Revoked => Self::new(Code::Unauthenticated, ErrorReason::Unauthenticated, message),
        }
    }

    pub(super) fn pool(error: PoolError) -> Self {
        match error {
            PoolError::TooMuchWork { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyCalls, error.to_string())
                    .with("scope", Scope::Caller.name())
                    .with("limit", limit)
                    .retry(ROOM)
            }
            PoolError::Ending => Self::new(Code::Unavailable, ErrorReason::Draining, error.to_string()).retry(REATTACH),
            PoolError::Panicked(cause) => Self::internal(&cause),
        }
    }
}
