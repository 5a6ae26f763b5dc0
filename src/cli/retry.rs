//! Calls that are made again when they fail for a passing reason.

use signoff_client::{Backoff, is_passing};
use tonic::Status;

/// How often a call that changes something is made, at most; each time with the same request_id.
const CALLS: usize = 3;

/// Makes a call that is idempotent by its request_id, again if it fails for a passing reason.
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
