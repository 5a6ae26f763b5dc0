//! Ends a server that cannot stop by itself.
//!
//! A thread that hangs in a disk access or in sled cannot be stopped. If it is a thread of the runtime, the runtime's
//! timers stop firing, and dropping the runtime blocks. So a separate thread, which needs neither, ends the process.

use std::{
    io,
    process::ExitCode,
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::watch};
use tokio_util::sync::CancellationToken;

use super::reporter::Reporter;
use crate::store::Health;

/// Extra time beyond the sum of the shutdown timeouts.
const MARGIN: Duration = Duration::from_secs(5);

/// Maximum time to write the last line.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The time limits for the end of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// After the signal to stop.
    pub(super) stopping: Duration,
    /// After a failure of the store.
    pub(super) failed: Duration,
}

/// Ends the process with code 1 if the server exceeds a limit after the signal to stop or a failure of its store.
///
/// # Errors
/// A thread cannot be started.
pub(super) fn watch(
    runtime: Handle,
    stopping: CancellationToken,
    mut health: watch::Receiver<Health>,
    patience: Patience,
    reporter: Reporter,
) -> io::Result<()> {
    // Writing to standard error can hang: it may be a file on the same disk, or a pipe without a reader. So another
    // thread writes the last line. It starts now, because a process that hangs may be unable to start a thread.
    let (speak, spoken) = mpsc::sync_channel::<()>(1);
    let last_words = move || {
        if spoken.recv().is_ok() {
            reporter.error("The server did not stop in time: a disk or network call hangs. Exiting.");
        }
    };
    std::thread::Builder::new().name("signoff-last-words".into()).spawn(last_words)?;
    let wait = move || {
        // Neither future needs the runtime's workers: a separate thread receives the signals.
        let limit = runtime.block_on(async {
            tokio::select! {
                () = stopping.cancelled() => patience.stopping,
                failed = async { health.wait_for(|health| matches!(health, Health::Failed(_))).await.is_ok() } => {
                    // An error means that the store has closed.
                    if failed { patience.failed } else { patience.stopping }
                }
            }
        });
        park(limit + MARGIN);
        let _ = speak.try_send(());
        std::thread::park_timeout(LAST_WORDS);
        end_process(1)
    };
    std::thread::Builder::new().name("signoff-last-resort".into()).spawn(wait).map(drop)
}

/// Parks the thread for the whole duration, despite early wake-ups.
#[expect(clippy::disallowed_methods, reason = "the injected clock may belong to a runtime that hangs")]
fn park(span: Duration) {
    let end = Instant::now() + span;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Ends the process without waiting for threads that hang.
#[expect(clippy::disallowed_methods, reason = "the runtime and sled would wait for their threads, which may hang")]
fn end_process(code: i32) -> ! {
    std::process::exit(code)
}

/// Ends the process immediately, without waiting for anything that hangs or has failed.
pub(super) fn end(code: i32) -> ExitCode {
    end_process(code)
}
