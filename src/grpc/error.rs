//! Errors for the wire: the one place that gives each its code, its reason and its details.
//!
//! Every status carries exactly one google.rpc.ErrorInfo, and stays small enough for response headers (8 KiB), however
//! long the texts are that it quotes. Causes that are none of a caller's business are logged here and not sent.

use std::{collections::HashMap, time::Duration};

use chrono::SecondsFormat;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    approvals::Error,
    domain::{ApprovalId, Outcome, Refusal, Time},
    identity::{OutsideScope, Permission, Unrecognised},
    proto::v1::ErrorReason,
    store::StoreError,
    wire::{
        codes::Code as _,
        decode::{Violation, Violations},
    },
};

/// `domain` of every ErrorInfo.
pub const DOMAIN: &str = "signoff.v1";

/// When to reattach after the server ended a stream.
const REATTACH: Duration = Duration::from_secs(1);
/// When to try again to open a stream where there is no room: a guess, as nobody knows when another one ends.
const ROOM: Duration = Duration::from_secs(1);
/// When to try again where a later version of the server is needed.
const UPGRADE: Duration = Duration::from_secs(30);
/// Longest value in metadata, in characters.
const VALUE: usize = 256;
/// Longest message of a status, in bytes: the header escapes each byte that is not ASCII as three.
const MESSAGE: usize = 384;
/// Bytes of all violations of a BadRequest: base64 makes a third more of them.
const VIOLATIONS: usize = 3_584;
/// Longest description of one violation, and longest path of its field, in bytes.
const DESCRIPTION: usize = 512;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request breaks rules.
    Invalid(Violations),
    /// The message cannot be read at all: what is wrong with it.
    Malformed(String),
    /// The message is larger than may be.
    MessageTooLarge {
        /// Its size in bytes.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// There is no method at this path.
    NoSuchMethod(String),
    /// No message with this encoding can be read.
    NoSuchEncoding(String),
    /// No credentials, or none that are accepted.
    Unrecognised(Unrecognised),
    /// The caller calls too fast.
    RateLimited {
        /// Calls a second that are allowed.
        limit: u32,
        /// When the next one is.
        retry: Duration,
    },
    /// Too many open streams.
    TooManyStreams {
        /// Where they are counted.
        scope: Scope,
        /// How many are allowed.
        limit: u32,
    },
    /// Calls that are in flight take all the memory that they may.
    TooManyCalls {
        /// Where it is counted.
        scope: Scope,
        /// How many bytes are allowed.
        limit: usize,
    },
    /// The request's message did not arrive in time.
    MessageLate {
        /// How long it may take.
        limit: Duration,
    },
    /// A use-case failed.
    Failed {
        /// Why.
        error: Error,
        /// The approval that the call is about, if it names one.
        id: Option<ApprovalId>,
    },
}

/// Where open streams, and bytes in flight, are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On one connection.
    Connection,
    /// For one caller, on all connections.
    Caller,
    /// On the whole server.
    Server,
}

impl Scope {
    const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Caller => "caller",
            Self::Server => "server",
        }
    }
}

impl Failure {
    /// A use-case's failure on an approval.
    #[must_use]
    pub const fn on(id: ApprovalId, error: Error) -> Self {
        Self::Failed { error, id: Some(id) }
    }
}

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<Unrecognised> for Failure {
    fn from(cause: Unrecognised) -> Self {
        Self::Unrecognised(cause)
    }
}

/// For calls that name no approval.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed { error, id: None }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        Answer::of(failure).status()
    }
}

impl From<Violations> for Status {
    fn from(violations: Violations) -> Self {
        Failure::from(violations).into()
    }
}

/// What a status is made of.
struct Answer {
    code: Code,
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    violations: Vec<Violation>,
    retry: Option<Duration>,
}

impl Answer {
    fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        let (metadata, violations) = (HashMap::new(), Vec::new());
        Self { code, reason, message: message.into(), metadata, violations, retry: None }
    }

    fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), characters(&value.to_string(), VALUE));
        self
    }

    fn on(self, id: Option<ApprovalId>) -> Self {
        match id {
            Some(id) => self.with("approval_id", id),
            None => self,
        }
    }

    fn retry(mut self, after: Duration) -> Self {
        self.retry = Some(after);
        self
    }

    fn invalid(violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [] => "invalid request".to_owned(),
            [Violation { field, description }] => format!("invalid request: {field}: {description}"),
            [Violation { field, description }, others @ ..] => {
                format!("invalid request: {field}: {description}; and {} more, see the details", others.len())
            }
        };
        Self { violations, ..Self::new(Code::InvalidArgument, ErrorReason::InvalidRequest, message) }
    }

    fn of(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(violations) => Self::invalid(violations.0),
            Failure::Unrecognised(Unrecognised::Unavailable) => {
                let message = Unrecognised::Unavailable.to_string();
                Self::new(Code::Unavailable, ErrorReason::IdentityProviderUnavailable, message).retry(REATTACH)
            }
            Failure::Unrecognised(cause) => {
                Self::new(Code::Unauthenticated, ErrorReason::Unauthenticated, cause.to_string())
            }
            Failure::RateLimited { limit, retry } => {
                let message = format!("at most {limit} calls a second are allowed per caller");
                Self::new(Code::ResourceExhausted, ErrorReason::RateLimited, message).with("limit", limit).retry(retry)
            }
            Failure::Malformed(what) => {
                let violations = vec![Violation { field: String::new(), description: what.clone() }];
                let message = format!("invalid request: {what}");
                Self { violations, ..Self::new(Code::InvalidArgument, ErrorReason::InvalidRequest, message) }
            }
            Failure::MessageTooLarge { found, limit } => {
                let message = format!("the message has {found} bytes; at most {limit} are allowed");
                Self::new(Code::ResourceExhausted, ErrorReason::MessageTooLarge, message).with("limit", limit)
            }
            Failure::NoSuchMethod(path) => {
                let path = characters(&path, VALUE);
                let message = format!("there is no method {path}");
                Self::new(Code::Unimplemented, ErrorReason::NotImplemented, message).with("method", path)
            }
            Failure::NoSuchEncoding(encoding) => {
                let encoding = characters(&encoding, VALUE);
                let message = format!("messages with grpc-encoding {encoding} cannot be read; send them without one");
                Self::new(Code::Unimplemented, ErrorReason::NotImplemented, message).with("encoding", encoding)
            }
            Failure::TooManyCalls { scope, limit } => {
                let scope = scope.name();
                let message = format!(
                    "calls in flight hold all of the {limit} bytes that are allowed per {scope}; read replies and streams \
                     as they come, and make fewer calls at once"
                );
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyCalls, message)
                    .with("scope", scope)
                    .with("limit", limit)
                    .retry(ROOM)
            }
            Failure::TooManyStreams { scope, limit } => {
                let scope = scope.name();
                let message = format!("at most {limit} streams may be open per {scope}");
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyStreams, message)
                    .with("scope", scope)
                    .with("limit", limit)
                    .retry(ROOM)
            }
            Failure::MessageLate { limit } => {
                let limit = humantime::format_duration(limit);
                let message =
                    format!("the request's message did not arrive within {limit} of its headers; send it again");
                Self::new(Code::Unavailable, ErrorReason::MessageLate, message).with("limit", limit).retry(ROOM)
            }
            Failure::Failed { error, id } => Self::failed(error, id),
        }
    }

    fn failed(error: Error, id: Option<ApprovalId>) -> Self {
        let message = error.to_string();
        match error {
            Error::NotFound(id) => Self::not_found(Some(id)),
            Error::TokenNotFound(id) => {
                Self::new(Code::NotFound, ErrorReason::TokenNotFound, message).with("token_id", id)
            }
            Error::TooManyTokens { limit } => {
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyTokens, message).with("limit", limit)
            }
            Error::TokenAlreadyCreated { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::TokenAlreadyCreated, message)
                    .with("request_id", request_id)
                    .with("token_id", id)
            }
            Error::TokenRequestIdReused { request_id, id } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message)
                    .with("request_id", request_id)
                    .with("token_id", id)
            }
            Error::TooMuchWork { limit } => Self::new(Code::ResourceExhausted, ErrorReason::TooManyCalls, message)
                .with("scope", Scope::Caller.name())
                .with("limit", limit)
                .retry(ROOM),
            Error::Revoked => Self::new(Code::Unauthenticated, ErrorReason::Unauthenticated, message),
            Error::RoleNotAllowed { role, method } => {
                Self::new(Code::PermissionDenied, ErrorReason::RoleNotAllowed, message)
                    .with("role", role)
                    .with("method", method)
            }
            Error::PermissionRequired(permission) => {
                Self::new(Code::PermissionDenied, ErrorReason::PermissionRequired, message)
                    .with("permission", permission.name())
            }
            Error::OutsideScope(outside) => {
                let answer = Self::new(Code::PermissionDenied, ErrorReason::PermissionRequired, message)
                    .with("permission", Permission::DecideForOthers.name());
                match outside {
                    OutsideScope::Anybody => answer,
                    OutsideScope::Issuer(issuer) => answer.with("issuer", issuer),
                    OutsideScope::Group(group) => answer.with("group", group),
                }
            }
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
                    description: format!("do not satisfy the request's arguments_schema: {text}"),
                };
                Self::invalid(violations.into_iter().map(violation).collect())
            }
            Error::PolicyNotFound(version) => {
                Self::new(Code::NotFound, ErrorReason::PolicyNotFound, message).with("version", version)
            }
            Error::PolicyFromFile(path) => {
                Self::new(Code::FailedPrecondition, ErrorReason::PolicyFromFile, message).with("path", path)
            }
            Error::Draining => Self::new(Code::Unavailable, ErrorReason::Draining, message).retry(REATTACH),
            Error::StreamAged => Self::new(Code::Unavailable, ErrorReason::StreamAged, message).retry(REATTACH),
            Error::Internal(cause) => Self::internal(&cause),
            Error::Store(error) => Self::store(error, id),
        }
    }

    fn not_found(id: Option<ApprovalId>) -> Self {
        let message = id.map_or("there is no such approval".to_owned(), |id| format!("there is no approval {id}"));
        Self::new(Code::NotFound, ErrorReason::ApprovalNotFound, message).on(id)
    }

    fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, ErrorReason::Internal, "internal error; the server's log has the cause")
    }

    fn store(error: StoreError, id: Option<ApprovalId>) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(id),
            StoreError::Refused(refusal) => Self::refused(refusal, id),
            StoreError::Unavailable(cause) => {
                tracing::debug!(%cause, "the store is unavailable"); // it has told of its failure itself
                let message = "the store is unavailable; a call that changes something may or may not have been \
                               recorded: repeat it with the same request_id";
                Self::new(Code::Unavailable, ErrorReason::StoreUnavailable, message).retry(REATTACH)
            }
            StoreError::PolicyChanged { version } => {
                Self::new(Code::Aborted, ErrorReason::PolicyChanged, error.to_string()).with("version", version)
            }
            StoreError::PolicyRequestIdReused { ref request_id, version } => {
                Self::new(Code::AlreadyExists, ErrorReason::RequestIdReused, error.to_string())
                    .with("request_id", request_id)
                    .with("policy_version", version)
            }
            StoreError::Conflict(_)
            | StoreError::BadHistory(..)
            | StoreError::PolicyConflict(_)
            | StoreError::BadPolicy(..)
            | StoreError::TokenConflict(_)
            | StoreError::BadToken(..)
            | StoreError::BadForgotten(..) => Self::internal(&error),
            StoreError::Corrupt(cause) => {
                tracing::error!(%cause, approval_id = id.map(tracing::field::display), "stored data is damaged");
                let message = "stored data is damaged, so that nothing was done; \
                               the server's operator must run `signoff store check`";
                Self::new(Code::DataLoss, ErrorReason::DataDamaged, message).on(id)
            }
            StoreError::Newer(cause) => {
                tracing::error!(%cause, approval_id = id.map(tracing::field::display), "stored data is too new");
                let message = "stored data was written by a later version of the server, so that nothing was done; \
                               the server's operator must start that version again";
                Self::new(Code::Unavailable, ErrorReason::RecordTooNew, message).on(id).retry(UPGRADE)
            }
        }
    }

    fn refused(refusal: Refusal, id: Option<ApprovalId>) -> Self {
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
            Refusal::NotClaimed => answer(FailedPrecondition, Reason::NotClaimed).on(id),
            Refusal::AlreadyReported(outcome) => answer(FailedPrecondition, Reason::AlreadyReported)
                .on(id)
                .with("result", result_name(&outcome))
                .with("report_time", rfc3339(outcome.at))
                .with("message", &outcome.message),
            Refusal::RequestIdReused { request_id, approval } => answer(AlreadyExists, Reason::RequestIdReused)
                .with("request_id", request_id)
                .with("approval_id", approval),
            Refusal::RequestForgotten { request_id, until } => answer(FailedPrecondition, Reason::RequestForgotten)
                .with("request_id", request_id)
                .with("until", rfc3339(until)),
            Refusal::TooManyPending { limit } => answer(ResourceExhausted, Reason::TooManyPending).with("limit", limit),
        }
    }

    fn status(self) -> Status {
        let mut details = ErrorDetails::new();
        let name = self.reason.as_str_name();
        details.set_error_info(name.strip_prefix("ERROR_REASON_").unwrap_or(name), DOMAIN, self.metadata);
        if self.reason == ErrorReason::InvalidRequest {
            details.set_bad_request(fitting(self.violations));
        }
        if self.retry.is_some() {
            details.set_retry_info(self.retry);
        }
        Status::with_error_details(self.code, bytes(&self.message, MESSAGE), details)
    }
}

/// As many violations as there is room for, then one that tells how many are left out; "at least", as the
/// last of them may stand for several.
fn fitting(violations: Vec<Violation>) -> Vec<FieldViolation> {
    let (mut room, all) = (VIOLATIONS, violations.len());
    let mut sent = Vec::new();
    for Violation { field, description } in violations {
        let (field, description) = (bytes(&field, DESCRIPTION), bytes(&description, DESCRIPTION));
        let size = field.len() + description.len() + 16;
        if size > room {
            sent.push(FieldViolation::new("", format!("… and at least {} more", all - sent.len())));
            break;
        }
        room -= size;
        sent.push(FieldViolation::new(field, description));
    }
    sent
}

/// The name on the wire, without its prefix.
fn result_name(outcome: &Outcome) -> &'static str {
    let name = outcome.result.to_wire().as_str_name();
    name.strip_prefix("EXECUTION_RESULT_").unwrap_or(name)
}

fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn characters(text: &str, most: usize) -> String {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]).to_owned()
}

/// Cut to `most` bytes, on a character's boundary.
fn bytes(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(most)]) }
}

#[cfg(test)]
mod tests;
