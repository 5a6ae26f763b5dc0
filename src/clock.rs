//! Time, injected: decisions about deadlines use this clock and no other.

use std::time::Duration;

use async_trait::async_trait;
#[cfg(test)]
use {
    std::sync::atomic::{AtomicUsize, Ordering},
    tokio::sync::watch,
};

use crate::domain::{Time, truncate};

/// Tells the time.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time, in whole microseconds.
    fn now(&self) -> Time;

    /// Waits until a moment.
    async fn sleep_until(&self, time: Time);

    /// Waits for a while: as long when somebody sets the clock meanwhile.
    async fn sleep(&self, span: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Longest nap: the machine's clock may be set while somebody sleeps.
const NAP: Duration = Duration::from_secs(1);

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        truncate(chrono::Utc::now())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps by the machine's clock")]
    async fn sleep_until(&self, time: Time) {
        while let Ok(left) = (time - self.now()).to_std()
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(NAP)).await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps for a while")]
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// A clock that stands still until it is moved.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct ManualClock(watch::Sender<Time>, AtomicUsize);

#[cfg(test)]
impl ManualClock {
    /// Starts at a moment.
    #[must_use]
    pub(crate) fn new(start: Time) -> Self {
        Self(watch::Sender::new(truncate(start)), AtomicUsize::new(0))
    }

    /// Moves on.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    /// How often somebody has gone to sleep.
    pub(crate) fn sleeps(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.borrow()
    }

    async fn sleep_until(&self, time: Time) {
        let mut moving = self.0.subscribe();
        self.1.fetch_add(1, Ordering::SeqCst);
        let _ = moving.wait_for(|now| *now >= time).await;
    }

    async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now() + span).await;
    }
}
