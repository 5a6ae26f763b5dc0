//! When to retry, and after which delay.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Domain of the ErrorInfo that the server's own errors carry.
const DOMAIN: &str = "signoff.v1";

const FIRST: Duration = Duration::from_millis(250);
const GREATEST: Duration = Duration::from_secs(10);

/// Codes of a broken connection, or of a proxy before the server.
const BROKEN: &[Code] = &[
    Code::Unknown,
    Code::Internal,
    Code::Cancelled,
    Code::Aborted,
    Code::OutOfRange,
    Code::DataLoss,
    Code::DeadlineExceeded,
    Code::ResourceExhausted,
];

/// The server's own reason of a failure, such as `ALREADY_CLAIMED`: a value of [`ErrorReason`](crate::v1::ErrorReason)
/// without its prefix. `None` for failures of the connection or a proxy.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().filter(|info| info.domain == DOMAIN).map(|info| info.reason)
}

/// Whether the same call, with the same request_id, can succeed later: the server said so, or the failure is not the
/// server's own.
#[must_use]
pub fn is_passing(status: &Status) -> bool {
    status.code() == Code::Unavailable
        || status.get_details_retry_info().is_some()
        || (BROKEN.contains(&status.code()) && reason(status).is_none())
}

fn asked_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// Delays from 250 ms that double up to 10 s, with random jitter, so that callers that were disconnected together do
/// not return together.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Begins with the shortest delay.
    #[must_use]
    pub const fn new() -> Self {
        Self(FIRST)
    }

    /// The delay before the next try; at least that of the server's RetryInfo.
    pub fn delay(&mut self, status: &Status) -> Duration {
        let base = self.0;
        self.0 = (base * 2).min(GREATEST);
        let own = base.mul_f64(0.5 + random() / 2.0);
        let asked = asked_delay(status).unwrap_or_default();
        own.max(asked.saturating_add((asked / 4).min(FIRST).mul_f64(random())))
    }
}

/// From 0 to 1. Without randomness delays are merely less spread.
fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;
    use crate::code_name;

    fn own(code: Code) -> Status {
        let details = ErrorDetails::with_error_info("X", DOMAIN, HashMap::<String, String>::new());
        Status::with_error_details(code, "", details)
    }

    #[test]
    fn failures_of_the_conformance_list() {
        let list: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/conformance/failures.json")).unwrap();
        let cases = list["failures"].as_array().unwrap();
        assert!(cases.len() > 20);
        for case in cases {
            let name = case["code"].as_str().unwrap();
            let code = (0..=16).map(Code::from_i32).find(|code| code_name(*code) == name).expect(name);
            let mut details = ErrorDetails::new();
            if let Some(info) = case["error_info"].as_object() {
                let text = |key: &str| info[key].as_str().unwrap();
                details.set_error_info(text("reason"), text("domain"), HashMap::<String, String>::new());
            }
            if let Some(seconds) = case["retry_after_seconds"].as_u64() {
                details.set_retry_info(Some(Duration::from_secs(seconds)));
            }
            let status = Status::with_error_details(code, "", details);
            assert_eq!(is_passing(&status), case["passing"].as_bool().unwrap(), "{case}");
        }
    }

    #[test]
    fn an_empty_retry_info_asks_for_a_retry() {
        let empty = ErrorDetails::with_retry_info(None);
        assert!(is_passing(&Status::with_error_details(Code::FailedPrecondition, "", empty)));
    }

    #[test]
    fn a_reason_of_another_domain_is_not_the_servers() {
        let details = ErrorDetails::with_error_info("X", "proxy.example", HashMap::<String, String>::new());
        let status = Status::with_error_details(Code::ResourceExhausted, "", details);
        assert_eq!(reason(&status), None);
        assert!(is_passing(&status));
        assert_eq!(reason(&own(Code::Internal)).as_deref(), Some("X"));
    }

    #[test]
    fn delays_grow_to_a_limit_and_honour_the_server() {
        let mut backoff = Backoff::new();
        let broken = Status::unavailable("");
        let delays: Vec<_> = (0..20).map(|_| backoff.delay(&broken)).collect();
        assert!(delays[0] >= FIRST / 2 && delays[0] <= FIRST);
        assert!(delays[19] >= GREATEST / 2 && delays.iter().all(|delay| *delay <= GREATEST));
        let asked = Duration::from_secs(3);
        let details = ErrorDetails::with_retry_info(Some(asked));
        let delay = Backoff::new().delay(&Status::with_error_details(Code::Unavailable, "", details));
        assert!(delay >= asked && delay <= asked + FIRST);
        let at_once = ErrorDetails::with_retry_info(Some(Duration::ZERO));
        let delay = Backoff::new().delay(&Status::with_error_details(Code::Unavailable, "", at_once));
        assert!(delay >= FIRST / 2, "no server can make callers spin");
    }
}
