//! Time, injected: decisions about deadlines use this clock and no other.

use std::time::Duration;

use async_trait::async_trait;
#[cfg(test)]
use tokio::sync::watch;

use crate::domain::{Time, truncate};

/// Tells the time.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time, in whole microseconds.
    fn now(&self) -> Time;

    /// Waits until a moment.
    async fn sleep_until(&self, time: Time);
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
}

/// A clock that stands still until it is moved.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct ManualClock(watch::Sender<Time>);

#[cfg(test)]
impl ManualClock {
    /// Starts at a moment.
    #[must_use]
    pub(crate) fn new(start: Time) -> Self {
        Self(watch::Sender::new(truncate(start)))
    }

    /// Moves on.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    /// How many sleep until some moment.
    pub(crate) fn sleepers(&self) -> usize {
        self.0.receiver_count()
    }
}

#[cfg(test)]
#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.borrow()
    }

    async fn sleep_until(&self, time: Time) {
        let _ = self.0.subscribe().wait_for(|now| *now >= time).await;
    }
}
