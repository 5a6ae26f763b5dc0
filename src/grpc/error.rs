//! stand-in until the wire layer lands
use super::decode::Violations;
use crate::{
    approvals::Error,
    domain::{ApprovalId, Refusal},
    store::StoreError,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
fn with(code: Code, reason: &str, message: String) -> Status {
    let mut details =
        ErrorDetails::with_error_info(reason, "signoff.v1", std::collections::HashMap::<String, String>::new());
    if code == Code::Unavailable {
        details.set_retry_info(Some(std::time::Duration::from_millis(100)));
    }
    Status::with_error_details(code, message, details)
}
pub(super) fn unauthenticated() -> Status {
    with(Code::Unauthenticated, "UNAUTHENTICATED", "send a bearer token".into())
}
pub(super) fn too_many_streams(scope: &str, limit: u32) -> Status {
    with(Code::ResourceExhausted, "TOO_MANY_STREAMS", format!("{scope} {limit}"))
}
pub(super) fn violations(v: Violations) -> Status {
    with(Code::InvalidArgument, "INVALID_REQUEST", v.0)
}
pub(super) fn status_of(_: ApprovalId, e: Error) -> Status {
    status(e)
}
pub(super) fn status(e: Error) -> Status {
    let m = e.to_string();
    match e {
        Error::NotFound(_) => with(Code::NotFound, "APPROVAL_NOT_FOUND", m),
        Error::RoleNotAllowed { .. } => with(Code::PermissionDenied, "ROLE_NOT_ALLOWED", m),
        Error::RevisionOutOfRange { .. } => with(Code::OutOfRange, "REVISION_OUT_OF_RANGE", m),
        Error::EditViolatesSchema(_) => with(Code::InvalidArgument, "INVALID_REQUEST", m),
        Error::Draining => with(Code::Unavailable, "DRAINING", m),
        Error::StreamAged => with(Code::Unavailable, "STREAM_AGED", m),
        Error::Internal(_) => with(Code::Internal, "INTERNAL", m),
        Error::Store(StoreError::Refused(r)) => match r {
            Refusal::AlreadyDecided(_) => with(Code::FailedPrecondition, "ALREADY_DECIDED", m),
            Refusal::Stale { .. } => with(Code::Aborted, "STALE_VIEW", m),
            Refusal::AlreadyClaimed(_) => with(Code::FailedPrecondition, "ALREADY_CLAIMED", m),
            Refusal::TooManyPending { .. } => with(Code::ResourceExhausted, "TOO_MANY_PENDING", m),
            Refusal::RequestIdReused { .. } => with(Code::AlreadyExists, "REQUEST_ID_REUSED", m),
            _ => with(Code::FailedPrecondition, "OTHER", m),
        },
        Error::Store(StoreError::Unavailable(_)) => with(Code::Unavailable, "STORE_UNAVAILABLE", m),
        Error::Store(_) => with(Code::Internal, "INTERNAL", m),
    }
}
