//! Fails a store whose writer hangs.
//!
//! A disk may never answer a write, and after some failed writes sled waits without limit on a condition variable. A
//! hanging writer cannot detect that itself. So a second thread reads a monotonic clock: if the writer takes longer
//! than the limit for one group, or for closing, the store has failed. Nothing joins the hanging thread, and the
//! process ends.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::domain::duration_text;

/// Maximum time between two checks. The thread polls, so that the writer need not wake it for every group.
const TICK: Duration = Duration::from_secs(1);

/// Checks per limit, for short limits: a timeout is detected at most a tenth of the limit late.
const TICKS: u32 = 10;

/// Tracks how long the writer has been busy.
#[derive(Debug)]
pub(super) struct Watchdog {
    limit: Duration,
    watched: Mutex<Watched>,
    stopped: Condvar,
}

#[derive(Debug)]
struct Watched {
    state: State,
    /// When closing began. Many groups may still be queued then, each within its own limit.
    closing: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for jobs.
    Idle,
    /// In a group, or releasing the store.
    Busy { since: Instant },
    /// Timed out: a later result of the writer does not count.
    Expired,
    /// The writer has ended.
    Stopped,
}

impl Watchdog {
    /// Starts the watchdog. It calls `expired` at most once, on its own thread, which touches no file: it must not hang
    /// where the writer does.
    ///
    /// # Errors
    /// When the system does not allow another thread.
    pub(super) fn start(limit: Duration, expired: impl FnOnce(Arc<str>) + Send + 'static) -> io::Result<Arc<Self>> {
        let watchdog = Arc::new(Self {
            limit,
            watched: Mutex::new(Watched { state: State::Idle, closing: None }),
            stopped: Condvar::new(),
        });
        let watching = Arc::clone(&watchdog);
        let watch = move || {
            if let Err(reason) = watching.watch() {
                expired(reason);
            }
        };
        std::thread::Builder::new().name("signoff-watchdog".into()).spawn(watch)?;
        Ok(watchdog)
    }

    /// The writer starts work that must end within the limit.
    #[expect(clippy::disallowed_methods, reason = "the disk is timed on a thread of its own")]
    pub(super) fn begin(&self) {
        let mut watched = self.lock();
        if watched.state == State::Idle {
            watched.state = State::Busy { since: Instant::now() };
        }
    }

    /// The writer has finished in time, and may answer. Fails after a timeout, which has already failed the store.
    pub(super) fn end(&self) -> Result<(), Arc<str>> {
        let mut watched = self.lock();
        if watched.state == State::Expired {
            return Err(self.reason());
        }
        watched.state = State::Idle;
        Ok(())
    }

    /// The store is closing: all remaining work must end within the limit.
    #[expect(clippy::disallowed_methods, reason = "the disk is timed on a thread of its own")]
    pub(super) fn closing(&self) {
        self.lock().closing.get_or_insert_with(Instant::now);
    }

    /// The writer has ended; stops the watchdog.
    pub(super) fn stop(&self) {
        self.lock().state = State::Stopped;
        self.stopped.notify_all();
    }

    /// Waits for a timeout, or for the end of the writer.
    fn watch(&self) -> Result<(), Arc<str>> {
        let tick = TICK.min(self.limit / TICKS);
        let mut watched = self.lock();
        loop {
            let late = |since: &Instant| since.elapsed() >= self.limit;
            match watched.state {
                State::Stopped | State::Expired => return Ok(()),
                State::Busy { since } if late(&since) => break,
                State::Busy { .. } | State::Idle if watched.closing.as_ref().is_some_and(late) => break,
                State::Busy { .. } | State::Idle => {}
            }
            watched = self.stopped.wait_timeout(watched, tick).unwrap_or_else(PoisonError::into_inner).0;
        }
        watched.state = State::Expired;
        Err(self.reason())
    }

    fn reason(&self) -> Arc<str> {
        let limit = duration_text(self.limit);
        format!("a disk write did not finish within {limit} (write_timeout)").into()
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3_600);

    /// A watchdog, and its reports.
    fn watchdog(limit: Duration) -> (Arc<Watchdog>, mpsc::Receiver<Arc<str>>) {
        let (tell, told) = mpsc::sync_channel(1);
        (Watchdog::start(limit, move |reason| tell.send(reason).unwrap()).unwrap(), told)
    }

    #[test]
    fn a_writer_that_hangs_has_failed_and_cannot_succeed_later() {
        let (watchdog, told) = watchdog(LIMIT);
        watchdog.begin();
        let reason = told.recv().unwrap();
        assert_eq!(&*reason, "a disk write did not finish within 20ms (write_timeout)");
        assert_eq!(watchdog.end(), Err(reason.clone()));
        watchdog.begin();
        assert_eq!(watchdog.end(), Err(reason));
    }

    #[test]
    fn a_writer_that_finished_or_ended_does_not_time_out() {
        let (watchdog, told) = watchdog(LONG);
        watchdog.begin();
        assert_eq!(watchdog.end(), Ok(()));
        watchdog.begin();
        watchdog.stop();
        assert!(told.recv().is_err(), "the thread ends without a report");
    }

    #[test]
    fn closing_has_a_limit_of_its_own_however_many_groups_are_left() {
        let (watchdog, told) = watchdog(LIMIT);
        watchdog.closing();
        while told.try_recv().is_err() {
            watchdog.begin();
            if watchdog.end().is_err() {
                break;
            }
        }
        assert!(watchdog.end().is_err());
    }
}
