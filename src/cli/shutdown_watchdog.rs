//! The end of a server that cannot end by itself.
//!
//! Threads that hang in the disk or in sled cannot be stopped. They may be the runtime's own, so that no timer of the
//! runtime fires any more, and whoever drops the runtime waits for them. A thread that needs none of that ends the
//! process.

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

/// How much longer than its parts allow the end of a server may take.
const MARGIN: Duration = Duration::from_secs(5);

/// How long the last line may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// When a server should have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// After it was told to stop.
    pub(super) stopping: Duration,
    /// After its store failed.
    pub(super) failed: Duration,
}

/// Ends the process with code 1 when a server is still there too long after it was told to stop, or its store failed.
///
/// # Errors
/// When there can be no further thread.
pub(super) fn watch(
    runtime: Handle,
    stopping: CancellationToken,
    mut health: watch::Receiver<Health>,
    patience: Patience,
    reporter: Reporter,
) -> io::Result<()> {
    // Writing to standard error can hang: it may be a file on the same disk, or a pipe that nobody reads. So another
    // thread writes the last line. It starts now, because a process that hangs may be unable to start one.
    let (speak, spoken) = mpsc::sync_channel::<()>(1);
    let last_words = move || {
        if spoken.recv().is_ok() {
            reporter.error("The server did not stop in time: a disk or network call hangs. Exiting.");
        }
    };
    std::thread::Builder::new().name("signoff-last-words".into()).spawn(last_words)?;
    let wait = move || {
        // Neither of the two needs the runtime's workers to wake up: signals are heard on a thread of their own.
        let limit = runtime.block_on(async {
            tokio::select! {
                () = stopping.cancelled() => patience.stopping,
                failed = async { health.wait_for(|health| *health != Health::Working).await.is_ok() } => {
                    // Otherwise the store has closed.
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

/// Rests for all of a span, whatever wakes the thread meanwhile.
#[expect(clippy::disallowed_methods, reason = "the injected clock may belong to a runtime that hangs")]
fn park(span: Duration) {
    let end = Instant::now() + span;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Ends the process without waiting for threads that hang.
#[expect(
    clippy::disallowed_methods,
    reason = "the runtime and sled would wait for their threads, for ever if these hang"
)]
fn end_process(code: i32) -> ! {
    std::process::exit(code)
}

/// Ends the process with a code, at once: what hangs or has failed is neither written nor waited for again.
pub(super) fn end(code: i32) -> ExitCode {
    end_process(code)
}
