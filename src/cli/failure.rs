//! Failures of commands, and how they are printed.

use std::{collections::BTreeMap, fmt, io};

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{cause, json, text::escape};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// No connection to the server.
    #[error("cannot reach {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// The server's certificate is not trusted.
    #[error("cannot trust the certificate of {address}: {cause}")]
    Untrusted { address: String, cause: String },
    /// The server ended the TLS handshake because of the client's certificate.
    #[error("cannot connect to {address}: {problem}")]
    Certificate { address: String, problem: &'static str },
    /// Others on the network could read the token.
    #[error("the token would be sent without TLS to {address}; others on the network could read it")]
    Exposed { address: String },
    /// The server rejected the call, or the connection failed.
    #[error("{}", .0.message())]
    Call(Box<Status>),
    /// A wait reached its deadline, or the server did not answer in time.
    #[error("{problem}")]
    Lost { problem: String, hint: String },
    /// The user answered no, or there is nothing to decide.
    #[error("{0}")]
    Stopped(String),
    /// The response violates the protocol.
    #[error("invalid response from the server: {0}")]
    Protocol(&'static str),
    /// An id matches several candidates: a line for each.
    #[error("{problem}")]
    Ambiguous { problem: String, candidates: Vec<String> },
    /// Files cannot be read, or their contents are invalid: a line for each problem, which begins with its place.
    #[error("cannot use the file")]
    Files(Vec<String>),
    /// stdout, stderr or stdin failed.
    #[error("input or output failed: {0}")]
    Output(#[from] io::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// Hints by the `reason` of the server's error.
const HINTS: &[(&str, &str)] = &[
    ("STALE_VIEW", "the arguments have changed; read them again with `signoff show`, then decide"),
    ("SELF_DECISION", "another reviewer must decide"),
    ("POLICY_CHANGED", "another operator set the policy; compare with `signoff policy diff FILE`"),
    ("TOO_MANY_PENDING", "cancel some with `signoff cancel`, or wait for decisions"),
    ("STORE_UNAVAILABLE", "the server may have recorded the call; check with `signoff show` or `signoff history`"),
];

/// Hint when no token is set.
const TOKEN_HINT: &str = "set SIGNOFF_TOKEN or --token-file; `signoff serve --dev` prints which file to source";

/// Hint when a connection without TLS fails before a response: a server with TLS ends it that way.
const TLS_HINT: &str = "if the server uses TLS, use an https:// address";

/// Hint when the server requires a client certificate, and none is set.
const CERTIFICATE_HINT: &str = "set --certificate and --key (SIGNOFF_CERTIFICATE, SIGNOFF_KEY)";

/// Hint when a connection with TLS fails before a response. The alert that names the cause can be lost.
const MAYBE_CERTIFICATE_HINT: &str = "if the server requires a client certificate, set --certificate and --key";

/// Texts of tonic and hyper for a failed connection that do not name the cause.
const CONNECTION_FAILED: [&str; 2] = ["transport error", "operation was canceled"];

/// What a command identifies itself with; decides which hints apply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credentials {
    /// A token is set.
    pub(super) token: bool,
    /// A client certificate is set.
    pub(super) certificate: bool,
    /// The address begins with https://.
    pub(super) tls: bool,
}

impl Failure {
    /// The server cannot be reached, for this cause.
    pub(super) fn unreachable(address: &str, cause: &(dyn std::error::Error + 'static)) -> Self {
        let (address, text) = (address.to_owned(), cause::words(cause));
        if let Some(problem) = cause::certificate_problem(cause) {
            return Self::Certificate { address, problem };
        }
        // An io::Error contains the error of rustls.
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

    pub(super) fn report(&self, credentials: Credentials) -> Report {
        let mut report = Report { message: self.to_string(), ..Report::default() };
        match self {
            Self::Unreachable { .. } => {
                report
                    .hints
                    .push("check that the server is running (`signoff serve --dev` starts one), or set --address");
            }
            Self::Untrusted { .. } => {
                report.hints.push("if a private CA issued the certificate, set --ca to the PEM file of the CA");
            }
            Self::Certificate { .. } if credentials.certificate => {}
            Self::Certificate { .. } => report.hints.push(CERTIFICATE_HINT),
            Self::Exposed { .. } => {
                report.hints.push("use an https:// address, or set --insecure on a trusted network");
            }
            Self::Lost { hint, .. } if hint.is_empty() => {}
            Self::Lost { hint, .. } => report.message = format!("{}; {hint}", report.message),
            Self::Call(status) => report.add(status, credentials),
            Self::Files(problems) => report.problems.clone_from(problems),
            Self::Ambiguous { candidates, .. } => {
                report.problems = candidates.iter().map(|candidate| format!("  {candidate}")).collect();
            }
            Self::Usage(_) | Self::Stopped(_) | Self::Protocol(_) | Self::Output(_) => {}
        }
        report
    }
}

/// A failure, ready to print.
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
    fn add(&mut self, status: &Status, credentials: Credentials) {
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
        if status.code() == Code::Unauthenticated && !credentials.token {
            self.hints.push(TOKEN_HINT);
        }
        if matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Internal | Code::Unavailable)
            && signoff_client::reason(status).is_none()
        {
            self.explain_connection(status, credentials);
        }
        self.hints.extend(HINTS.iter().filter(|(reason, _)| self.reason.as_deref() == Some(reason)).map(|(_, h)| h));
    }

    /// Names the cause of a failed connection, and what to set.
    fn explain_connection(&mut self, status: &Status, credentials: Credentials) {
        let cause = std::error::Error::source(status);
        let problem = cause.and_then(cause::certificate_problem);
        if let Some(problem) = problem {
            problem.clone_into(&mut self.message);
        } else if let Some(cause) = cause.filter(|_| CONNECTION_FAILED.contains(&status.message())) {
            self.message = format!("the connection to the server failed: {}", cause::words(cause));
        }
        self.hints.extend(match (credentials, problem) {
            (Credentials { tls: false, .. }, _) => Some(TLS_HINT),
            (Credentials { certificate: true, .. }, _) => None,
            (_, Some(_)) => Some(CERTIFICATE_HINT),
            (_, None) => Some(MAYBE_CERTIFICATE_HINT),
        });
    }

    /// The message for people, without the first of the violations that follow.
    fn headline(&self) -> &str {
        let repeated = |first: &Violation| self.message.find(&format!(": {}: {}", first.field, first.description));
        let at = self.violations.first().and_then(repeated);
        at.map_or(self.message.as_str(), |at| &self.message[..at])
    }

    /// The decision that came first, if the call failed for that.
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
            // Skips values that the message already contains.
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

    const WITH_TOKEN: Credentials = Credentials { token: true, certificate: false, tls: false };

    fn failed(code: Code, message: &str, details: ErrorDetails) -> Failure {
        Status::with_error_details(code, message, details).into()
    }

    fn info(reason: &str, metadata: &[(&str, &str)]) -> ErrorDetails {
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ErrorDetails::with_error_info(reason, "signoff.v1", metadata.collect::<std::collections::HashMap<_, _>>())
    }

    #[test]
    fn every_violation_is_printed() {
        let mut details = info("INVALID_REQUEST", &[]);
        details.add_bad_request_violation("tool_name", "is missing");
        details.add_bad_request_violation("timeout", "is over 7 days");
        let failure = failed(Code::InvalidArgument, "2 fields are wrong", details);
        assert_eq!(
            failure.report(WITH_TOKEN).to_string(),
            "error: 2 fields are wrong\n  tool_name: is missing\n  timeout: is over 7 days\n  reason: INVALID_REQUEST"
        );
        assert_eq!(
            failure.report(WITH_TOKEN).to_json(),
            r#"{"error":{"code":"INVALID_ARGUMENT","message":"2 fields are wrong","reason":"INVALID_REQUEST","violations":[{"description":"is missing","field":"tool_name"},{"description":"is over 7 days","field":"timeout"}]}}"#
        );
    }

    #[test]
    fn each_problem_is_printed_once() {
        let mut details = info("INVALID_REQUEST", &[]);
        details.add_bad_request_violation("tool_name", "is missing");
        details.add_bad_request_violation("timeout", "is over 7 days");
        let message = "invalid request: tool_name: is missing; and 1 more, see the details";
        assert_eq!(
            failed(Code::InvalidArgument, message, details).report(WITH_TOKEN).to_string(),
            "error: invalid request\n  tool_name: is missing\n  timeout: is over 7 days\n  reason: INVALID_REQUEST"
        );
        let details = info("APPROVAL_NOT_FOUND", &[("approval_id", "a1"), ("hint", "other")]);
        assert_eq!(
            failed(Code::NotFound, "there is no approval a1", details).report(WITH_TOKEN).to_string(),
            "error: there is no approval a1\n  hint: other\n  reason: APPROVAL_NOT_FOUND"
        );
    }

    #[test]
    fn a_late_decision_names_the_first_one() {
        let metadata = [
            ("approval_id", "a1"),
            ("status", "REJECTED"),
            ("decided_by", "dev/alice"),
            ("decide_time", "2026-01-01T00:00:00Z"),
            ("comment", "no\u{202e}"),
        ];
        let failure = failed(Code::FailedPrecondition, "decided", info("ALREADY_DECIDED", &metadata));
        let text = failure.report(WITH_TOKEN).to_string();
        assert!(text.contains("already REJECTED by dev/alice at 2026-01-01T00:00:00Z: no\\u{202e}\n"), "{text}");
    }

    #[test]
    fn only_a_missing_token_gets_the_token_hint() {
        let failure = failed(Code::Unauthenticated, "no token", info("UNAUTHENTICATED", &[]));
        assert!(failure.report(Credentials::default()).to_string().contains("SIGNOFF_TOKEN"));
        assert!(!failure.report(WITH_TOKEN).to_string().contains("SIGNOFF_TOKEN"));
    }

    #[test]
    fn a_broken_connection_may_lack_tls() {
        let broken = Failure::from(Status::unknown("h2 protocol error: http2 error"));
        assert!(broken.report(WITH_TOKEN).to_string().contains("https://"));
        let own = failed(Code::Unavailable, "draining", info("DRAINING", &[]));
        assert!(!own.report(WITH_TOKEN).to_string().contains("https://"));
    }

    /// With TLS, a hint to use TLS would be wrong.
    #[test]
    fn a_server_may_require_a_client_certificate() {
        let tls = Credentials { tls: true, ..WITH_TOKEN };
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let required = Failure::from(Status::from_error(Box::new(io::Error::other(alert.to_string()))));
        let text = required.report(tls).to_string();
        assert_eq!(text, format!("error: the server requires a client certificate\nhint: {CERTIFICATE_HINT}"));
        assert!(CERTIFICATE_HINT.contains("--certificate and --key"));
        let shown = Credentials { certificate: true, ..tls };
        assert!(!required.report(shown).to_string().contains("hint"), "a certificate is set");
        let lost = Failure::from(Status::cancelled("operation was canceled")).report(tls).to_string();
        assert!(lost.contains(MAYBE_CERTIFICATE_HINT) && !lost.contains("https://"), "{lost}");

        let refused = Failure::unreachable("https://host:1", &io::Error::other(alert));
        let text = refused.report(tls).to_string();
        let expected = "error: cannot connect to https://host:1: the server requires a client certificate\nhint: ";
        assert_eq!(text, format!("{expected}{CERTIFICATE_HINT}"));
    }

    #[test]
    fn exit_codes() {
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::Exposed { address: String::new() }.exit_code(), 2);
        assert_eq!(Failure::from(Status::not_found("")).exit_code(), 1);
        assert_eq!(Failure::Stopped(String::new()).exit_code(), 1);
    }
}
