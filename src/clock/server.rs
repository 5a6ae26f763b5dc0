use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{
    Clock, OutOfRange, Timer, WallClock, boot_time, system,
    timeline::{Direction, Jump, Reading, Timeline},
};
use crate::domain::{Time, after};

/// Maximum sleep while waiting for a moment: the machine may be suspended, or its clock set, meanwhile.
const NAP: Duration = Duration::from_secs(1);

/// Server time on this machine: the maximum of a clock (its own, or that of the database if several servers use one), and of the newest time on record plus the time since the
/// start by `CLOCK_BOOTTIME`.
///
/// Setting the system clock back extends no deadline: server time advances from where it was. Setting it forward by
/// mistake moves server time forward. After the correction, server time stays ahead and advances by elapsed time, so
/// that deadlines still fire.
pub struct ServerClock {
    timeline: Mutex<Timeline>,
    source: Source,
    on_jump: Box<dyn Fn(Jump) + Send + Sync>,
}

/// The clock that server time follows.
#[derive(Clone, Debug, Default)]
enum Source {
    /// That of this machine.
    #[default]
    Machine,
    /// That of a database which several servers use. The server follows it by the time since the machine started, so that
    /// setting the clock of this machine changes nothing.
    Reference(ReferenceClock),
}

impl Source {
    fn read(&self) -> Reading {
        match self {
            Self::Machine => system::read(),
            Self::Reference(reference) => {
                let elapsed = boot_time();
                Reading { wall: reference.at(elapsed), elapsed }
            }
        }
    }
}

/// The clock of another machine, as this one last learned it. Clones share the state.
#[derive(Clone, Debug)]
pub struct ReferenceClock(Arc<AtomicI64>);

impl ReferenceClock {
    /// The other clock showed `time`, or a later time, when `arrived` had passed since this machine started
    /// ([`boot_time`]).
    #[must_use]
    pub fn new(time: Time, arrived: Duration) -> Self {
        Self(Arc::new(AtomicI64::new(Self::offset(time, arrived))))
    }

    /// Takes over a later reading.
    pub fn adjust(&self, time: Time, arrived: Duration) {
        self.0.store(Self::offset(time, arrived), Ordering::Release);
    }

    /// Microseconds from the start of this machine to the time 0 of the other clock, negative.
    fn offset(time: Time, arrived: Duration) -> i64 {
        time.timestamp_micros().saturating_sub(i64::try_from(arrived.as_micros()).unwrap_or(i64::MAX))
    }

    fn at(&self, elapsed: Duration) -> Time {
        let micros =
            self.0.load(Ordering::Acquire).saturating_add(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX));
        after(Time::UNIX_EPOCH, Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
    }
}

impl std::fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerClock").field("timeline", &self.timeline).finish_non_exhaustive()
    }
}

impl ServerClock {
    /// Starts with the newest time on record. Calls `on_jump`, which must not block, once for each jump of the system
    /// clock; also logs it.
    ///
    /// # Errors
    /// When the system clock is before 1970 or after 9999.
    pub fn start(on_record: Option<Time>, on_jump: impl Fn(Jump) + Send + Sync + 'static) -> Result<Self, OutOfRange> {
        Self::start_by(Source::Machine, on_record, on_jump)
    }

    /// As [`start`](Self::start), but server time follows the clock of another machine. Wall time, by which credentials
    /// expire, stays that of this machine.
    ///
    /// # Errors
    /// When the system clock is before 1970 or after 9999.
    pub fn follow(
        reference: ReferenceClock,
        on_record: Option<Time>,
        on_jump: impl Fn(Jump) + Send + Sync + 'static,
    ) -> Result<Self, OutOfRange> {
        Self::start_by(Source::Reference(reference), on_record, on_jump)
    }

    fn start_by(
        source: Source,
        on_record: Option<Time>,
        on_jump: impl Fn(Jump) + Send + Sync + 'static,
    ) -> Result<Self, OutOfRange> {
        system::in_range()?;
        let (timeline, jump) = Timeline::start(on_record, source.read());
        let clock = Self { timeline: Mutex::new(timeline), source, on_jump: Box::new(on_jump) };
        if let Some(jump) = jump {
            let Jump { expected: recorded, found: wall, .. } = jump;
            tracing::warn!(
                %wall, %recorded, distance_s = jump.distance().as_secs_f64(),
                "the system clock is behind the newest time on record; server time continues from the record"
            );
            (clock.on_jump)(jump);
        }
        Ok(clock)
    }

    /// The difference between server time and the system clock.
    ///
    /// # Errors
    /// When the system clock is before 1970 or after 9999.
    pub fn ahead(&self) -> Result<Duration, OutOfRange> {
        system::in_range()?;
        self.now();
        Ok(self.timeline().ahead())
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jumped(&self, jump: Jump, now: Time) {
        let Jump { direction, expected, found: wall } = jump;
        let distance = jump.distance();
        match direction {
            Direction::Backward => tracing::warn!(
                %wall, %expected, distance_s = distance.as_secs_f64(), server_time = %now,
                "the system clock was set back; server time does not go back, and extends no deadline or claim window"
            ),
            Direction::Forward => tracing::warn!(
                %wall, %expected, distance_s = distance.as_secs_f64(), server_time = %now,
                "the system clock was set forward; deadlines and claim windows before its time have expired"
            ),
        }
        (self.on_jump)(jump);
    }
}

impl WallClock for ServerClock {
    fn wall(&self) -> Time {
        system::SystemWall.wall()
    }
}

#[async_trait]
impl Clock for ServerClock {
    fn now(&self) -> Time {
        let (now, jump) = {
            // Read under the lock, so that readings are processed in order.
            let mut timeline = self.timeline();
            timeline.read(self.source.read())
        };
        if let Some(jump) = jump {
            self.jumped(jump, now);
        }
        now
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

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std() // the runtime's, which its timers go by
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that makes timers")]
    fn timer(&self, at: Instant) -> Timer {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as StdMutex};

    use super::*;

    #[test]
    fn time_follows_another_machine() {
        let hour = Duration::from_secs(3_600);
        let there = after(system::SystemWall.wall(), 24 * hour);
        let reference = ReferenceClock::new(there, boot_time());
        let clock = ServerClock::follow(reference.clone(), None, |_| ()).unwrap();
        let first = clock.now();
        assert!(first >= there && first < after(there, hour));
        reference.adjust(after(there, 2 * hour), boot_time());
        let second = clock.now();
        assert!(second >= after(there, 2 * hour) && second < after(there, 3 * hour));
        // A failover may lead to a machine whose clock is behind.
        reference.adjust(there, boot_time());
        assert!(clock.now() >= second && clock.now() < after(there, 3 * hour));
        assert!(clock.wall() < there);
    }

    #[tokio::test]
    async fn time_continues_from_a_record_ahead_of_the_clock() {
        let jumps = Arc::new(StdMutex::new(Vec::new()));
        let told = Arc::clone(&jumps);
        let recorded = after(system::SystemWall.wall(), Duration::from_secs(3_600));
        let clock = ServerClock::start(Some(recorded), move |jump| told.lock().unwrap().push(jump)).unwrap();
        let first = clock.now();
        assert!(first >= recorded && first < after(recorded, Duration::from_secs(600)));
        clock.sleep_until(first).await; // already past
        let second = clock.now();
        assert!(second >= first && clock.wall() < recorded);
        assert!(clock.ahead().unwrap() > Duration::from_secs(3_000));
        let jumps = jumps.lock().unwrap();
        assert_eq!(jumps.len(), 1);
        assert_eq!((jumps[0].direction, jumps[0].expected), (Direction::Backward, recorded));
    }
}
