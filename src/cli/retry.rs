//! When to try again, and after how long.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::failure::is_servers_own;

const FIRST: Duration = Duration::from_millis(200);
const GREATEST: Duration = Duration::from_secs(10);
/// How often a call that changes something is made, at most; each time with the same request_id.
const CALLS: usize = 3;

/// Codes that a broken connection, or a proxy before the server, comes out as.
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

/// Whether the same call can succeed later: the server said so, or it was not the server that failed it.
pub(super) fn is_transient(status: &Status) -> bool {
    status.code() == Code::Unavailable
        || retry_delay(status).is_some()
        || (!is_servers_own(status) && BROKEN.contains(&status.code()))
}

fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// Delays that double, spread at random so that callers cut off together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The delay before the next try; never shorter than the server asked for.
    pub(super) fn delay(&mut self, status: &Status) -> Duration {
        let base = self.0;
        self.0 = (base * 2).min(GREATEST);
        match retry_delay(status) {
            Some(asked) => asked + (asked / 4).min(FIRST).mul_f64(random()),
            None => base.mul_f64(0.5 + random() / 2.0),
        }
    }
}

/// From 0 to 1. Without randomness delays are merely less spread.
fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

/// Makes a call that is idempotent by its request_id, again if it fails for a passing reason.
pub(super) async fn repeat<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    let mut backoff = Backoff::new();
    for _ in 1..CALLS {
        match call().await {
            Err(status) if is_transient(&status) => tokio::time::sleep(backoff.delay(&status)).await,
            done => return done,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn own(code: Code) -> Status {
        let metadata = std::collections::HashMap::<String, String>::new();
        Status::with_error_details(code, "", ErrorDetails::with_error_info("X", "signoff.v1", metadata))
    }

    #[test]
    fn broken_connections_pass_and_refusals_stay() {
        for code in BROKEN {
            assert!(is_transient(&Status::new(*code, "")), "{code:?}");
            assert!(!is_transient(&own(*code)), "{code:?}");
        }
        assert!(is_transient(&own(Code::Unavailable)));
        for code in [Code::Unauthenticated, Code::InvalidArgument, Code::NotFound, Code::Unimplemented] {
            assert!(!is_transient(&Status::new(code, "")), "{code:?}");
        }
        let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
        details.set_error_info("OVERLOADED", "signoff.v1", std::collections::HashMap::<String, String>::new());
        assert!(is_transient(&Status::with_error_details(Code::ResourceExhausted, "", details)));
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
    }
}
