//! Retries of calls that failed for a temporary reason.

use signoff_client::{Backoff, is_passing};
use tonic::Status;

/// Maximum number of attempts of a call that changes something. Every attempt has the same request_id.
const CALLS: usize = 3;

/// Makes a call that its request_id makes idempotent, and retries it after temporary failures.
#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
pub(super) async fn repeat<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    let mut backoff = Backoff::new();
    for _ in 1..CALLS {
        match call().await {
            Err(status) if is_passing(&status) => tokio::time::sleep(backoff.delay(&status)).await,
            done => return done,
        }
    }
    call().await
}
