use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Clock, Timer, WallClock};
use crate::domain::{Time, truncate};

/// A clock that only tests advance. Wall time equals server time until it is set.
#[derive(Debug)]
pub(crate) struct ManualClock {
    times: watch::Sender<Times>,
    /// Start of monotonic time.
    start: Instant,
    sleeps: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    server: Time,
    wall: Time,
    /// Elapsed time since the start, independent of settings.
    passed: Duration,
}

impl ManualClock {
    /// Starts at this time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
    pub(crate) fn new(start: Time) -> Self {
        let time = truncate(start);
        let times = watch::Sender::new(Times { server: time, wall: time, passed: Duration::ZERO });
        Self { times, start: Instant::now(), sleeps: AtomicUsize::new(0) }
    }

    /// Advances all times.
    pub(crate) fn advance(&self, by: Duration) {
        self.times.send_modify(|times| {
            times.server += by;
            times.wall += by;
            times.passed += by;
        });
    }

    /// Sets wall time. Server time only moves forward.
    pub(crate) fn set_wall(&self, wall: Time) {
        self.times.send_modify(|times| *times = Times { server: times.server.max(wall), wall, ..*times });
    }

    /// Number of sleeps that started.
    pub(crate) fn sleeps(&self) -> usize {
        self.sleeps.load(Ordering::SeqCst)
    }
}

impl WallClock for ManualClock {
    fn wall(&self) -> Time {
        self.times.borrow().wall
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Time {
        self.times.borrow().server
    }

    async fn sleep_until(&self, time: Time) {
        let mut moving = self.times.subscribe();
        self.sleeps.fetch_add(1, Ordering::SeqCst);
        let _ = moving.wait_for(|times| times.server >= time).await;
    }

    async fn sleep(&self, span: Duration) {
        let timer = self.timer(self.instant() + span);
        self.sleeps.fetch_add(1, Ordering::SeqCst); // after creating the timer, as tests then advance the clock
        timer.await;
    }

    fn instant(&self) -> Instant {
        self.start + self.times.borrow().passed
    }

    fn timer(&self, at: Instant) -> Timer {
        let (start, mut moving) = (self.start, self.times.subscribe());
        Box::pin(async move {
            let _ = moving.wait_for(|times| start + times.passed >= at).await;
        })
    }
}
