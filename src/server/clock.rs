//! Server time: starts it, saves it for the next start, and reports the machine's clock to metrics.
//!
//! With a store in a directory, server time follows the clock of this machine, and its newest value is a file of the data
//! directory. With a database that several servers use, it follows the clock of the database, and nothing is saved: the
//! machine that serves tomorrow may be another one.

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::StartError;
use crate::{
    clock::{Clock as _, OutOfRange, PersistedTime, ReferenceClock, ServerClock},
    store::{ControlPoll, Store},
    telemetry::Metrics,
};

/// How often to check the machine's clock and save server time.
const EVERY: Duration = Duration::from_secs(1);

/// What keeps server time right while the server runs.
pub(super) enum Keeper {
    /// Saves it for the next start.
    File(PersistedTime),
    /// Follows the clock of the database.
    Database(ReferenceClock, watch::Receiver<ControlPoll>),
}

/// Starts at the newest time in the store or the data directory.
pub(super) fn start(
    store: &dyn Store,
    data_dir: &Path,
    metrics: &Metrics,
) -> Result<(Arc<ServerClock>, Keeper), StartError> {
    let counted = metrics.clone();
    let on_jump = move |jump: crate::clock::Jump| counted.clock_jumped(jump.direction);
    let polls = store.control_polls();
    if let Some((polls, sample)) = polls.and_then(|polls| {
        let sample = polls.borrow().clock?;
        Some((polls, sample))
    }) {
        let reference = ReferenceClock::new(sample.time, sample.arrived);
        let clock = ServerClock::follow(reference.clone(), store.newest_time(), on_jump)?;
        return Ok((Arc::new(clock), Keeper::Database(reference, polls)));
    }
    let failed = |source: io::Error| StartError::PersistedTime { path: data_dir.join(PersistedTime::FILE), source };
    let (kept, saved) = PersistedTime::open(data_dir).map_err(failed)?;
    let clock = ServerClock::start(store.newest_time().max(saved), on_jump)?;
    kept.keep(clock.now()).map_err(failed)?;
    Ok((Arc::new(clock), Keeper::File(kept)))
}

/// Checks the machine's clock, so that an idle server also detects jumps, and keeps server time right. Ends when the clock
/// leaves the range that certificates and HTTP can express: the server could not answer any call.
pub(super) async fn watch(clock: Arc<ServerClock>, keeper: Keeper, metrics: Metrics) -> OutOfRange {
    match keeper {
        Keeper::File(kept) => save(clock, kept, metrics).await,
        Keeper::Database(reference, polls) => {
            tokio::select! {
                error = check(&clock, &metrics) => error,
                () = follow(&reference, polls) => std::future::pending().await,
            }
        }
    }
}

/// Follows the clock of the database. Ends with the store.
async fn follow(reference: &ReferenceClock, mut polls: watch::Receiver<ControlPoll>) {
    while polls.changed().await.is_ok() {
        if let Some(sample) = polls.borrow_and_update().clock {
            reference.adjust(sample.time, sample.arrived);
        }
    }
}

async fn check(clock: &ServerClock, metrics: &Metrics) -> OutOfRange {
    loop {
        match clock.ahead() {
            Ok(ahead) => metrics.clock_ahead(ahead),
            Err(error) => return error,
        }
        clock.sleep(EVERY).await;
    }
}

async fn save(clock: Arc<ServerClock>, mut kept: PersistedTime, metrics: Metrics) -> OutOfRange {
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
