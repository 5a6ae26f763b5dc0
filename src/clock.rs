//! Injected time. There are three kinds; nothing else reads the system clocks:
//!
//! - **server time** ([`Clock::now`]) is the time of records, deadlines and claim windows. It never runs backwards,
//!   neither while a server runs nor over restarts. When the system clock is set back, it advances by elapsed time: see
//!   [`ServerClock`].
//! - **wall time** ([`WallClock::wall`]) is the system clock. Credentials expire by it, because other systems date
//!   them. Code that checks credentials gets only a [`WallClock`], so that it cannot use server time.
//! - **monotonic time** ([`Clock::instant`]) measures durations, such as a stream's age. It cannot be set, and has no
//!   meaning in another process.

#[cfg(test)]
mod manual;
mod persisted_time;
mod server;
mod system;
mod timeline;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::domain::Time;

#[cfg(test)]
pub(crate) use manual::ManualClock;
pub use persisted_time::PersistedTime;
pub use server::{ReferenceClock, ServerClock};
pub use system::{OutOfRange, SystemWall, boot_time};
pub use timeline::{Direction, Jump};

/// Wall time.
pub trait WallClock: Send + Sync + 'static {
    /// The system clock, in whole microseconds, clamped to the years 1970 to 9999.
    fn wall(&self) -> Time;
}

/// A future that completes at a fixed moment.
pub type Timer = BoxFuture<'static, ()>;

/// Server time and monotonic time.
#[async_trait]
pub trait Clock: WallClock {
    /// Server time, in whole microseconds: never earlier than a previous result.
    fn now(&self) -> Time;

    /// Waits until a moment of server time, even if the system clock is set or the machine is suspended meanwhile.
    async fn sleep_until(&self, time: Time);

    /// Waits for a duration, which setting the system clock does not change.
    async fn sleep(&self, span: Duration);

    /// Monotonic time.
    fn instant(&self) -> Instant;

    /// A timer that completes at a moment of monotonic time. Unlike a sleep, it can be kept across other waits.
    fn timer(&self, at: Instant) -> Timer;
}

/// Waits for a future, at most for a duration of monotonic time.
///
/// # Errors
/// When the time elapsed first.
pub async fn timeout<F: Future>(clock: &dyn Clock, span: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::select! {
        biased; // a result that is ready counts, even after the timeout
        output = future => Ok(output),
        () = clock.sleep(span) => Err(Elapsed),
    }
}

/// A timeout elapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;
