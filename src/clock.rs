//! Time, injected. There are two kinds, and nothing reads the machine's clock beside them:
//!
//! - **server time** ([`Clock::now`]) dates what is recorded and decides about deadlines and claim windows. It never runs
//!   backwards, neither while a server runs nor over restarts, and goes on by the time that really passes when the
//!   machine's clock is set back: see [`ServerClock`].
//! - **wall time** ([`WallClock::wall`]) is what the machine's clock says. Credentials end by it, since others have dated
//!   them. What judges credentials is given a [`WallClock`], and so cannot ask for server time.

mod kept;
#[cfg(test)]
mod manual;
mod server;
mod system;
mod timeline;

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Time;

pub use kept::KeptTime;
#[cfg(test)]
pub(crate) use manual::ManualClock;
pub use server::ServerClock;
pub use system::{OutOfRange, SystemWall};
pub use timeline::{Direction, Jump};

/// Tells what the machine's clock says.
pub trait WallClock: Send + Sync + 'static {
    /// The machine's time, in whole microseconds; within the years 1970 to 9999, whatever the machine says.
    fn wall(&self) -> Time;
}

/// Tells server time.
#[async_trait]
pub trait Clock: WallClock {
    /// The time, in whole microseconds: never before one that was told earlier.
    fn now(&self) -> Time;

    /// Waits until a moment of server time, however the machine's clock is set meanwhile, and however long it was suspended.
    async fn sleep_until(&self, time: Time);

    /// Waits for a while, as long when somebody sets the machine's clock meanwhile.
    async fn sleep(&self, span: Duration);
}
