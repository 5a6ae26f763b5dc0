use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta};
use rustix::time::{ClockId, clock_gettime};

use super::{WallClock, timeline::Reading};
use crate::domain::{LAST_TIME, Time, after};

/// Maximum time between two readings that count as simultaneous.
const MOMENT: Duration = Duration::from_millis(1);

/// Maximum number of attempts to read both clocks simultaneously.
const TRIES: usize = 4;

/// The system clock is outside the range that protocols support.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system clock says {0}; set it to the right time, between the years 1970 and 9999, and start again")]
pub struct OutOfRange(String);

/// Wall time from the system clock, without server time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWall;

impl SystemWall {
    /// Checks the range of the system clock. Call it first: sled, HTTP and certificates panic outside of it.
    ///
    /// # Errors
    /// When the system clock is before 1970 or after 9999.
    pub fn check() -> Result<(), OutOfRange> {
        in_range()
    }
}

impl WallClock for SystemWall {
    fn wall(&self) -> Time {
        wall()
    }
}

/// The system clock, clamped to the years 1970 to 9999, so that nothing panics.
fn wall() -> Time {
    match raw() {
        Ok(since_1970) => after(Time::UNIX_EPOCH, whole_micros(since_1970)),
        Err(_) => Time::UNIX_EPOCH,
    }
}

/// Time since 1970, or before it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn raw() -> Result<Duration, Duration> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|before| before.duration())
}

fn whole_micros(span: Duration) -> Duration {
    Duration::new(span.as_secs(), span.subsec_micros() * 1_000)
}

/// Fails when the system clock is before 1970 or after 9999: certificates, HTTP and UUIDs cannot represent such times.
pub(super) fn in_range() -> Result<(), OutOfRange> {
    check(raw())
}

fn check(raw: Result<Duration, Duration>) -> Result<(), OutOfRange> {
    let time = match raw {
        Ok(since_1970) if since_1970 <= (LAST_TIME - Time::UNIX_EPOCH).to_std().unwrap_or_default() => return Ok(()),
        Ok(since_1970) => TimeDelta::from_std(since_1970).ok(),
        Err(before_1970) => TimeDelta::from_std(before_1970).ok().map(|span| -span),
    };
    let time = time.and_then(|since_1970| DateTime::UNIX_EPOCH.checked_add_signed(since_1970));
    Err(OutOfRange(time.map_or_else(|| "a time that is out of range".to_owned(), |time| time.to_string())))
}

/// Reads both clocks. Reads them again if the thread was paused in between, which would look like a jump.
pub(super) fn read() -> Reading {
    let mut before = boot_time();
    for _ in 1..TRIES {
        let (wall, elapsed) = (wall(), boot_time());
        if elapsed.saturating_sub(before) <= MOMENT {
            return Reading { wall, elapsed };
        }
        before = elapsed;
    }
    Reading { wall: wall(), elapsed: boot_time() }
}

/// Time since the machine started (`CLOCK_BOOTTIME`), in whole microseconds, including suspension. It cannot be set.
#[must_use]
pub fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    whole_micros(Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_advance() {
        let first = read();
        let second = read();
        assert!(first.elapsed > Duration::ZERO && second.elapsed >= first.elapsed);
        assert!(first.wall > Time::UNIX_EPOCH && in_range().is_ok());
        assert_eq!((first.wall.timestamp_subsec_nanos() % 1_000, first.elapsed.subsec_nanos() % 1_000), (0, 0));
    }

    #[test]
    fn a_time_out_of_range_is_in_the_error() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(check(Ok(Duration::ZERO)), Ok(()));
        assert_eq!(check(Ok(days(2_932_896))), Ok(()));
        for (raw, says) in [
            (Err(Duration::from_secs(1)), "1969-12-31 23:59:59 UTC"),
            (Err(days(25_000)), "1901-07-22 00:00:00 UTC"),
            (Ok(days(2_932_897)), "+10000-01-01 00:00:00 UTC"),
            (Ok(Duration::MAX), "a time that is out of range"),
            (Err(Duration::MAX), "a time that is out of range"),
        ] {
            let error = check(raw).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
