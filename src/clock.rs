//! Time, injected. There are three kinds, and nothing reads the machine's clocks beside them:
//!
//! - **server time** ([`Clock::now`]) dates what is recorded and decides about deadlines and claim windows. It never
//!   runs backwards, neither while a server runs nor over restarts, and goes on by the time that really passes when the
//!   machine's clock is set back: see [`ServerClock`].
//! - **wall time** ([`WallClock::wall`]) is what the machine's clock says. Credentials end by it, since others have
//!   dated them. What judges credentials is given a [`WallClock`], and so cannot ask for server time.
//! - **monotonic time** ([`Clock::instant`]) measures how long something takes or may take, such as a stream's age.
//!   Nobody can set it, and it means nothing to another process.

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
pub use server::ServerClock;
pub use system::{OutOfRange, SystemWall};
pub use timeline::{Direction, Jump};

/// Tells what the machine's clock says.
pub trait WallClock: Send + Sync + 'static {
    /// The machine's time, in whole microseconds; within the years 1970 to 9999, whatever the machine says.
    fn wall(&self) -> Time;
}

/// Ends at the moment that it was made for.
pub type Timer = BoxFuture<'static, ()>;

/// Tells server time.
#[async_trait]
pub trait Clock: WallClock {
    /// The time, in whole microseconds: never before one that was told earlier.
    fn now(&self) -> Time;

    /// Waits until a moment of server time, however the machine's clock is set meanwhile, and however long it was
    /// suspended.
    async fn sleep_until(&self, time: Time);

    /// Waits for a while, as long when somebody sets the machine's clock meanwhile.
    async fn sleep(&self, span: Duration);

    /// Monotonic time.
    fn instant(&self) -> Instant;

    /// A timer that ends at a moment of monotonic time. It can be kept, unlike a sleep, while other things are waited
    /// for.
    fn timer(&self, at: Instant) -> Timer;
}

/// Waits for a future, but not beyond a span of monotonic time.
///
/// # Errors
/// When the time was over first.
pub async fn timeout<F: Future>(clock: &dyn Clock, span: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::select! {
        biased; // what is there counts, however late it is looked at
        output = future => Ok(output),
        () = clock.sleep(span) => Err(Elapsed),
    }
}

/// The time for something was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;
