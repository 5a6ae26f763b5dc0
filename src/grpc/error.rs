//! Errors on the wire: the one place that gives each error its code, reason and details.
//!
//! Every status carries exactly one google.rpc.ErrorInfo, and fits into response headers (8 KiB) even if it quotes long
//! texts. Internal causes are logged here, and not sent.

mod store;
mod use_cases;

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    admin, approvals,
    blocking_pool::PoolError,
    domain::{ApprovalId, duration_text},
    identity::{AccessDenied, Unrecognised},
    policies,
    proto::v1::ErrorReason,
    sessions, tokens,
    wire::decode::{Violation, Violations},
};

/// `domain` of every ErrorInfo.
pub const DOMAIN: &str = "signoff.v1";

/// Delay before a client reconnects after the server ended its stream.
const REATTACH: Duration = Duration::from_secs(1);
/// Delay before a client retries to open a stream at the limit. A guess: nobody knows when another stream ends.
const ROOM: Duration = Duration::from_secs(1);
/// Delay before a client retries while another backup is running. A guess, as above.
const BACKUP: Duration = Duration::from_secs(30);
/// Delay before a client retries if a newer version of the server is needed.
const UPGRADE: Duration = Duration::from_secs(30);
/// Longest value in metadata, in characters.
const VALUE: usize = 256;
/// Longest message of a status, in bytes. The header escapes each byte that is not ASCII to three.
const MESSAGE: usize = 384;
/// Maximum bytes of all violations in a BadRequest. Base64 adds a third.
const VIOLATIONS: usize = 3_584;
/// Longest description of one violation, and longest path of its field, in bytes.
const DESCRIPTION: usize = 512;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request breaks rules.
    Invalid(Violations),
    /// The message cannot be decoded.
    Malformed(String),
    /// The message exceeds the size limit.
    MessageTooLarge {
        /// Its size in bytes.
        found: usize,
        /// The maximum.
        limit: usize,
    },
    /// No method has this path.
    NoSuchMethod(String),
    /// The encoding of messages is not supported.
    NoSuchEncoding(String),
    /// No credentials, or invalid ones.
    Unrecognised(Unrecognised),
    /// The caller may not do this.
    Access(AccessDenied),
    /// The pool rejected slow work.
    Pool(PoolError),
    /// The caller exceeds its rate limit.
    RateLimited {
        /// Allowed calls per second.
        limit: u32,
        /// Delay before the next allowed call.
        retry: Duration,
    },
    /// Too many open streams.
    TooManyStreams {
        /// Where the limit applies.
        scope: Scope,
        /// The maximum.
        limit: u32,
    },
    /// Calls in flight use all the memory that they may.
    TooManyCalls {
        /// Where the limit applies.
        scope: Scope,
        /// The maximum, in bytes.
        limit: usize,
    },
    /// The request's message did not arrive in time.
    MessageLate {
        /// The maximum time.
        limit: Duration,
    },
    /// A use-case of the policy failed.
    Policy(policies::Error),
    /// A use-case of tokens failed.
    Token(tokens::Error),
    /// An operation on the server as a whole failed.
    Admin(admin::Error),
    /// A use-case of sessions failed.
    Session(sessions::Error),
    /// A use-case of approvals failed.
    Approval {
        /// Why.
        error: approvals::Error,
        /// The approval of the call, if it has one.
        id: Option<ApprovalId>,
    },
}

/// Where a limit on streams or on bytes in flight applies.
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
    pub const fn on(id: ApprovalId, error: approvals::Error) -> Self {
        Self::Approval { error, id: Some(id) }
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

impl From<AccessDenied> for Failure {
    fn from(denied: AccessDenied) -> Self {
        Self::Access(denied)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<policies::Error> for Failure {
    fn from(error: policies::Error) -> Self {
        Self::Policy(error)
    }
}

impl From<tokens::Error> for Failure {
    fn from(error: tokens::Error) -> Self {
        Self::Token(error)
    }
}

impl From<admin::Error> for Failure {
    fn from(error: admin::Error) -> Self {
        Self::Admin(error)
    }
}

impl From<sessions::Error> for Failure {
    fn from(error: sessions::Error) -> Self {
        Self::Session(error)
    }
}

/// For calls without an approval.
impl From<approvals::Error> for Failure {
    fn from(error: approvals::Error) -> Self {
        Self::Approval { error, id: None }
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

/// The parts of a status.
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
            Failure::Access(denied) => Self::denied(denied),
            Failure::Pool(error) => Self::pool(error),
            Failure::RateLimited { limit, retry } => {
                let message = format!("rate limit exceeded: at most {limit} calls per second are allowed per caller");
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
                let message = format!("unknown method {path}");
                Self::new(Code::Unimplemented, ErrorReason::NotImplemented, message).with("method", path)
            }
            Failure::NoSuchEncoding(encoding) => {
                let encoding = characters(&encoding, VALUE);
                let message = format!("grpc-encoding {encoding} is not supported; send messages without compression");
                Self::new(Code::Unimplemented, ErrorReason::NotImplemented, message).with("encoding", encoding)
            }
            Failure::TooManyCalls { scope, limit } => {
                let scope = scope.name();
                let message = format!(
                    "calls in flight use all {limit} bytes that are allowed per {scope}; read replies and streams \
                     promptly, and make fewer calls at the same time"
                );
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyCalls, message)
                    .with("scope", scope)
                    .with("limit", limit)
                    .retry(ROOM)
            }
            Failure::TooManyStreams { scope, limit } => {
                let scope = scope.name();
                let message = format!("too many open streams: at most {limit} are allowed per {scope}");
                Self::new(Code::ResourceExhausted, ErrorReason::TooManyStreams, message)
                    .with("scope", scope)
                    .with("limit", limit)
                    .retry(ROOM)
            }
            Failure::MessageLate { limit } => {
                let limit = duration_text(limit);
                let message = format!("the request's message did not arrive within {limit} after its headers; retry");
                Self::new(Code::Unavailable, ErrorReason::MessageLate, message).with("limit", limit).retry(ROOM)
            }
            Failure::Policy(error) => Self::policy(error),
            Failure::Token(error) => Self::token(error),
            Failure::Admin(error) => Self::admin(error),
            Failure::Session(error) => Self::session(error),
            Failure::Approval { error, id } => Self::approval(error, id),
        }
    }

    fn not_found(id: Option<ApprovalId>) -> Self {
        let message = match id {
            Some(id) => format!("approval {id} does not exist, or the caller may not read it"),
            None => "the approval does not exist, or the caller may not read it".to_owned(),
        };
        Self::new(Code::NotFound, ErrorReason::ApprovalNotFound, message).on(id)
    }

    fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, ErrorReason::Internal, "internal error; the server's log has the cause")
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

/// As many violations as fit, then one with the number of omitted ones. It says "at least", because the last violation
/// may itself be such a count.
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

fn characters(text: &str, most: usize) -> String {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]).to_owned()
}

/// Shortens a text to `most` bytes, at a character boundary.
fn bytes(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(most)]) }
}

#[cfg(test)]
mod tests;
