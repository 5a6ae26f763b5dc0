use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Clock, WallClock};
use crate::domain::{Time, truncate};

/// A clock that stands still until it is moved. Wall time is server time until it is set.
#[derive(Debug)]
pub(crate) struct ManualClock {
    times: watch::Sender<Times>,
    sleeps: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    server: Time,
    wall: Time,
}

impl ManualClock {
    /// Starts at a moment.
    #[must_use]
    pub(crate) fn new(start: Time) -> Self {
        let start = truncate(start);
        Self { times: watch::Sender::new(Times { server: start, wall: start }), sleeps: AtomicUsize::new(0) }
    }

    /// Moves on.
    pub(crate) fn advance(&self, by: Duration) {
        self.times.send_modify(|times| {
            times.server += by;
            times.wall += by;
        });
    }

    /// Sets the machine's clock, which moves server time only forward.
    pub(crate) fn set_wall(&self, wall: Time) {
        self.times.send_modify(|times| *times = Times { server: times.server.max(wall), wall });
    }

    /// How often somebody has gone to sleep.
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
        self.sleep_until(self.now() + span).await;
    }
}
