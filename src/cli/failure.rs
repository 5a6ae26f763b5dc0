//! Why a command failed, and how that is told.

use std::{collections::BTreeMap, fmt, io};

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{cause, json, text::escape};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// No connection to the server.
    #[error("cannot reach {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// The server's certificate is not trusted.
    #[error("the server at {address} cannot be trusted: {cause}")]
    Untrusted { address: String, cause: String },
    /// Others on the way to the server would read the token.
    #[error("the token would be sent without TLS to {address}, where others could read it")]
    Exposed { address: String },
    /// The server refused, or the connection to it broke.
    #[error("{}", .0.message())]
    Call(Box<Status>),
    /// A wait outlived its deadline, or the patience for a first answer.
    #[error("{problem}")]
    Lost { problem: String, hint: String },
    /// The person at the terminal said no, or there was nothing left to decide.
    #[error("{0}")]
    Stopped(String),
    /// The server sent what the protocol does not allow.
    #[error("the server sent {0}")]
    Protocol(&'static str),
    /// What was given stands for several: a line for each.
    #[error("{problem}")]
    Ambiguous { problem: String, candidates: Vec<String> },
    /// Files cannot be read, or hold what cannot be used: a line for each problem, led by its place.
    #[error("the file cannot be used")]
    Files(Vec<String>),
    /// stdout, stderr or stdin failed.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// Hints by the reason that the server gave.
const HINTS: &[(&str, &str)] = &[
    ("STALE_VIEW", "it changed since you looked; read it again with `signoff show` and decide on what you see"),
    ("SELF_DECISION", "ask somebody else to decide"),
    ("POLICY_CHANGED", "somebody else set the policy; look with `signoff policy diff FILE`"),
    ("TOO_MANY_PENDING", "withdraw some with `signoff cancel`, or wait until they are decided"),
    ("STORE_UNAVAILABLE", "it may or may not have been recorded; look with `signoff show` or `signoff history`"),
];

/// What `signoff` says when no token was given.
const TOKEN_HINT: &str =
    "set SIGNOFF_TOKEN, or give --token; `signoff serve --dev` writes `agent.env` and `reviewer.env` to source";

/// What `signoff` says when a connection broke before there was an answer, as one without TLS does where TLS is spoken.
const TLS_HINT: &str = "if the server has TLS, its address begins with https://";

impl Failure {
    /// No connection, because of this.
    pub(super) fn unreachable(address: &str, cause: &(dyn std::error::Error + 'static)) -> Self {
        let (address, text) = (address.to_owned(), cause::words(cause));
        // What rustls says comes inside of an io::Error.
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inside.and_then(|inside| inside.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Self::Untrusted { address, cause: text },
            _ => Self::Unreachable { address, cause: text },
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Exposed { .. } | Self::Ambiguous { .. } => 2,
            _ => 1,
        }
    }

    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(super) fn report(&self, has_token: bool) -> Report {
        let mut report = Report { message: self.to_string(), ..Report::default() };
        match self {
            Self::Unreachable { .. } => {
                report.hints.push("is the server running? start one with `signoff serve --dev`, or set --address");
            }
            Self::Untrusted { .. } => {
                report.hints.push("name the file with its authority with --ca, if it is not one of the system's");
            }
            Self::Exposed { .. } => {
                report.hints.push("give an address with https://, or --insecure on a network that is trusted");
            }
            Self::Lost { hint, .. } if hint.is_empty() => {}
            Self::Lost { hint, .. } => report.message = format!("{}; {hint}", report.message),
            Self::Call(status) => report.add(status, has_token),
            Self::Files(problems) => report.problems.clone_from(problems),
            Self::Ambiguous { candidates, .. } => {
                report.problems = candidates.iter().map(|candidate| format!("  {candidate}")).collect();
            }
            Self::Usage(_) | Self::Stopped(_) | Self::Protocol(_) | Self::Output(_) => {}
        }
        report
    }
}

/// A failure, ready to be told.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(skip)]
    hints: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Violation {
    field: String,
    description: String,
}

impl Report {
    fn add(&mut self, status: &Status, has_token: bool) {
        let details = status.get_error_details();
        self.code = Some(signoff_client::code_name(status.code()));
        if self.message.is_empty() {
            self.message = status.code().description().to_owned();
        }
        if let Some(info) = details.error_info() {
            self.reason = Some(info.reason.clone());
            self.metadata = info.metadata.clone().into_iter().collect();
        }
        let violations = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
        self.violations = violations
            .map(|found| Violation { field: found.field.clone(), description: found.description.clone() })
            .collect();
        if status.code() == Code::Unauthenticated && !has_token {
            self.hints.push(TOKEN_HINT);
        }
        if matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Internal | Code::Unavailable)
            && signoff_client::reason(status).is_none()
        {
            self.hints.push(TLS_HINT);
        }
        self.hints.extend(HINTS.iter().filter(|(reason, _)| self.reason.as_deref() == Some(reason)).map(|(_, h)| h));
    }

    /// The message for people, without the first of the violations that follow.
    fn headline(&self) -> &str {
        let repeated = |first: &Violation| self.message.find(&format!(": {}: {}", first.field, first.description));
        let at = self.violations.first().and_then(repeated);
        at.map_or(self.message.as_str(), |at| &self.message[..at])
    }

    /// Who was first, in a sentence, when that is what went wrong.
    fn winner(&self) -> Option<String> {
        let value = |key: &str| self.metadata.get(key).filter(|value| !value.is_empty()).map(|value| escape(value));
        if self.reason.as_deref() != Some("ALREADY_DECIDED") {
            return None;
        }
        let mut text = format!("already {} by {}", value("status")?, value("decided_by")?);
        for (before, key) in [(" at ", "decide_time"), (": ", "comment")] {
            text.extend(value(key).map(|value| format!("{before}{value}")));
        }
        Some(text)
    }

    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        json::text(&serde_json::json!({ "error": self })).expect("a report is strings and maps")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", escape(self.headline()))?;
        for problem in &self.problems {
            write!(f, "\n{}", escape(problem))?;
        }
        for Violation { field, description } in &self.violations {
            write!(f, "\n  {}: {}", escape(field), escape(description))?;
        }
        if let Some(winner) = self.winner() {
            write!(f, "\n  {winner}")?;
        } else {
            // What the message says already is not said again.
            for (key, value) in self.metadata.iter().filter(|(_, value)| !self.message.contains(value.as_str())) {
                write!(f, "\n  {}: {}", escape(key), escape(value))?;
            }
        }
        if let Some(reason) = &self.reason {
            write!(f, "\n  reason: {}", escape(reason))?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn failed(code: Code, message: &str, details: ErrorDetails) -> Failure {
        Status::with_error_details(code, message, details).into()
    }

    fn info(reason: &str, metadata: &[(&str, &str)]) -> ErrorDetails {
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ErrorDetails::with_error_info(reason, "signoff.v1", metadata.collect::<std::collections::HashMap<_, _>>())
    }

    #[test]
    fn every_violation_is_told() {
        let mut details = info("INVALID_REQUEST", &[]);
        details.add_bad_request_violation("tool_name", "is missing");
        details.add_bad_request_violation("timeout", "is over 7 days");
        let failure = failed(Code::InvalidArgument, "2 fields are wrong", details);
        assert_eq!(
            failure.report(true).to_string(),
            "error: 2 fields are wrong\n  tool_name: is missing\n  timeout: is over 7 days\n  reason: INVALID_REQUEST"
        );
        assert_eq!(
            failure.report(true).to_json(),
            r#"{"error":{"code":"INVALID_ARGUMENT","message":"2 fields are wrong","reason":"INVALID_REQUEST","violations":[{"description":"is missing","field":"tool_name"},{"description":"is over 7 days","field":"timeout"}]}}"#
        );
    }

    #[test]
    fn each_problem_is_told_once() {
        let mut details = info("INVALID_REQUEST", &[]);
        details.add_bad_request_violation("tool_name", "is missing");
        details.add_bad_request_violation("timeout", "is over 7 days");
        let message = "invalid request: tool_name: is missing; and 1 more, see the details";
        assert_eq!(
            failed(Code::InvalidArgument, message, details).report(true).to_string(),
            "error: invalid request\n  tool_name: is missing\n  timeout: is over 7 days\n  reason: INVALID_REQUEST"
        );
        let details = info("APPROVAL_NOT_FOUND", &[("approval_id", "a1"), ("hint", "other")]);
        assert_eq!(
            failed(Code::NotFound, "there is no approval a1", details).report(true).to_string(),
            "error: there is no approval a1\n  hint: other\n  reason: APPROVAL_NOT_FOUND"
        );
    }

    #[test]
    fn a_loser_is_told_who_won() {
        let metadata = [
            ("approval_id", "a1"),
            ("status", "REJECTED"),
            ("decided_by", "dev/alice"),
            ("decide_time", "2026-01-01T00:00:00Z"),
            ("comment", "no\u{202e}"),
        ];
        let failure = failed(Code::FailedPrecondition, "decided", info("ALREADY_DECIDED", &metadata));
        let text = failure.report(true).to_string();
        assert!(text.contains("already REJECTED by dev/alice at 2026-01-01T00:00:00Z: no\\u{202e}\n"), "{text}");
    }

    #[test]
    fn a_missing_token_is_explained_and_a_wrong_one_is_not_called_missing() {
        let failure = failed(Code::Unauthenticated, "no token", info("UNAUTHENTICATED", &[]));
        assert!(failure.report(false).to_string().contains("SIGNOFF_TOKEN"));
        assert!(!failure.report(true).to_string().contains("SIGNOFF_TOKEN"));
    }

    #[test]
    fn a_broken_connection_may_lack_tls() {
        let broken = Failure::from(Status::unknown("h2 protocol error: http2 error"));
        assert!(broken.report(true).to_string().contains("https://"));
        let own = failed(Code::Unavailable, "draining", info("DRAINING", &[]));
        assert!(!own.report(true).to_string().contains("https://"));
    }

    #[test]
    fn exit_codes() {
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::Exposed { address: String::new() }.exit_code(), 2);
        assert_eq!(Failure::from(Status::not_found("")).exit_code(), 1);
        assert_eq!(Failure::Stopped(String::new()).exit_code(), 1);
    }
}
