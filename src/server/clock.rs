//! Server time: starts it, saves it for the next start, and reports the machine's clock to metrics.

use std::{io, path::Path, sync::Arc, time::Duration};

use super::StartError;
use crate::{
    clock::{Clock as _, OutOfRange, PersistedTime, ServerClock},
    store::Lifecycle,
    telemetry::Metrics,
};

/// How often to check the machine's clock and save server time.
const EVERY: Duration = Duration::from_secs(1);

/// Starts at the newest time in the store or the data directory.
pub(super) fn start(
    store: &dyn Lifecycle,
    data_dir: &Path,
    metrics: &Metrics,
) -> Result<(Arc<ServerClock>, PersistedTime), StartError> {
    let failed = |source: io::Error| StartError::PersistedTime { path: data_dir.join(PersistedTime::FILE), source };
    let (kept, told) = PersistedTime::open(data_dir).map_err(failed)?;
    let metrics = metrics.clone();
    let clock = ServerClock::start(store.newest_time().max(told), move |jump| metrics.clock_jumped(jump.direction))?;
    kept.keep(clock.now()).map_err(failed)?;
    Ok((Arc::new(clock), kept))
}

/// Checks the machine's clock, so that an idle server also detects jumps, and saves server time for the next start.
/// Ends when the clock leaves the range that certificates and HTTP can express: the server could not answer any call.
pub(super) async fn watch(clock: Arc<ServerClock>, mut kept: PersistedTime, metrics: Metrics) -> OutOfRange {
    let mut broken = false;
    loop {
        match clock.ahead() {
            Ok(ahead) => metrics.clock_ahead(ahead),
            Err(error) => return error,
        }
        // On another thread: the disk may hang, and must not block a thread that serves.
        let now = clock.now();
        let outcome = match tokio::task::spawn_blocking(move || (kept.keep(now), kept)).await {
            Ok((outcome, same)) => {
                kept = same;
                outcome
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        match &outcome {
            Err(error) if !broken => tracing::warn!(%error, file = PersistedTime::FILE, "cannot save the server time"),
            _ => {}
        }
        broken = outcome.is_err();
        clock.sleep(EVERY).await;
    }
}
