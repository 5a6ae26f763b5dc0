//! Server time, and how the machine's clock shows from outside.

use std::{io, path::Path, sync::Arc, time::Duration};

use super::StartError;
use crate::{
    clock::{Clock as _, OutOfRange, PersistedTime, ServerClock},
    store::Lifecycle,
    telemetry::Metrics,
};

/// How often to look at the machine's clock when nobody else does, and to keep server time.
const EVERY: Duration = Duration::from_secs(1);

/// Begins with the newest time that the store or the data directory knows of.
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

/// Looks at the machine's clock, so that jumps are noticed on a server that has nothing to do, and keeps server time
/// for the next start. Ends when the clock says a time that certificates and HTTP have no name for: no call could be
/// answered.
pub(super) async fn watch(clock: Arc<ServerClock>, mut kept: PersistedTime, metrics: Metrics) -> OutOfRange {
    let mut broken = false;
    loop {
        match clock.ahead() {
            Ok(ahead) => metrics.clock_ahead(ahead),
            Err(error) => return error,
        }
        // The disk may hang, and with it a thread that everybody else needs.
        let now = clock.now();
        let outcome = match tokio::task::spawn_blocking(move || (kept.keep(now), kept)).await {
            Ok((outcome, same)) => {
                kept = same;
                outcome
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        match &outcome {
            Err(error) if !broken => tracing::warn!(%error, file = PersistedTime::FILE, "cannot keep the time"),
            _ => {}
        }
        broken = outcome.is_err();
        clock.sleep(EVERY).await;
    }
}
