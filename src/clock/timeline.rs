use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::{Time, after};

/// Minimum deviation of the system clock that counts as a jump. NTP services step the clock if it is off by more than
/// about a tenth of a second, and slew it otherwise.
pub(super) const JUMP: Duration = Duration::from_secs(1);

/// Simultaneous readings of the system clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The wall clock. Read first: a pause between the two readings must not move server time ahead.
    pub(super) wall: Time,
    /// Time since the machine started, including suspension. It cannot be set.
    pub(super) elapsed: Duration,
}

/// Server time: the maximum of the system clock, and of the newest result plus the time since then.
///
/// Pure, so that tests can run any sequence of jumps, suspensions and restarts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    /// The newest result.
    newest: Time,
    /// The readings of that result.
    last: Reading,
}

/// The system clock was set, or is behind the newest time on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Direction of the jump.
    pub direction: Direction,
    /// The time without the jump.
    pub expected: Time,
    /// The time of the clock.
    pub found: Time,
}

/// Direction of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The clock is earlier than expected.
    Backward = 0,
    /// The clock is later than expected.
    Forward = 1,
}

impl Jump {
    /// Distance of the jump.
    #[must_use]
    pub fn distance(&self) -> Duration {
        between(self.expected, self.found)
    }

    fn of(expected: Time, found: Time) -> Option<Self> {
        let direction = if found < expected { Direction::Backward } else { Direction::Forward };
        (between(expected, found) >= JUMP).then_some(Self { direction, expected, found })
    }
}

impl Timeline {
    /// Starts with the newest time on record. A system clock that is behind it was set back after the record.
    pub(super) fn start(on_record: Option<Time>, first: Reading) -> (Self, Option<Jump>) {
        let newest = on_record.map_or(first.wall, |recorded| recorded.max(first.wall));
        (Self { newest, last: first }, Jump::of(newest, first.wall))
    }

    /// Server time, and the jump of the system clock since the last reading, if any.
    pub(super) fn read(&mut self, reading: Reading) -> (Time, Option<Jump>) {
        let passed = reading.elapsed.saturating_sub(self.last.elapsed);
        let jump = Jump::of(after(self.last.wall, passed), reading.wall);
        self.newest = after(self.newest, passed).max(reading.wall);
        self.last = reading;
        (self.newest, jump)
    }

    /// The difference between server time and the system clock at the last reading.
    pub(super) fn ahead(&self) -> Duration {
        (self.newest - self.last.wall).to_std().unwrap_or_default()
    }
}

fn between(one: Time, other: Time) -> Duration {
    (one - other).max(TimeDelta::zero()).max(other - one).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::samples::at;

    fn reading(wall: i64, elapsed: u64) -> Reading {
        Reading { wall: at(wall), elapsed: Duration::from_secs(elapsed) }
    }

    #[test]
    fn a_clock_set_back_does_not_stop_time() {
        let (mut timeline, jump) = Timeline::start(None, reading(0, 50));
        assert_eq!(jump, None);
        assert_eq!(timeline.read(reading(10, 60)), (at(10), None));
        let back = Jump { direction: Direction::Backward, expected: at(20), found: at(-3_580) };
        assert_eq!(timeline.read(reading(-3_580, 70)), (at(20), Some(back)));
        assert_eq!((back.distance(), timeline.ahead()), (Duration::from_secs(3_600), Duration::from_secs(3_600)));
        assert_eq!(timeline.read(reading(-3_570, 80)), (at(30), None), "once per jump");
        let forward = Jump { direction: Direction::Forward, expected: at(-3_560), found: at(40) };
        assert_eq!(timeline.read(reading(40, 90)), (at(40), Some(forward)));
        assert_eq!(timeline.ahead(), Duration::ZERO);
    }

    #[test]
    fn time_stays_ahead_and_advances_after_a_wrong_jump_forward() {
        let (mut timeline, _) = Timeline::start(None, reading(0, 0));
        assert_eq!(timeline.read(reading(86_400, 1)).0, at(86_400));
        assert_eq!(timeline.read(reading(11, 11)).0, at(86_410), "ten seconds later");
        assert_eq!(timeline.read(reading(71, 71)).0, at(86_470));
    }

    #[test]
    fn a_start_continues_from_the_newest_time_on_record() {
        let (mut timeline, jump) = Timeline::start(Some(at(1_000)), reading(-500, 7));
        assert_eq!(jump, Some(Jump { direction: Direction::Backward, expected: at(1_000), found: at(-500) }));
        assert_eq!(timeline.read(reading(-490, 17)), (at(1_010), None));
        let (_, jump) = Timeline::start(Some(at(1_000)), reading(90_000, 7));
        assert_eq!(jump, None, "the server may have been down that long");
        let (_, jump) = Timeline::start(Some(at(1_000)), Reading { wall: at(999), elapsed: Duration::ZERO });
        assert!(jump.is_some(), "a second is a jump");
        let nearly = at(999) + TimeDelta::microseconds(1);
        let (_, jump) = Timeline::start(Some(at(1_000)), Reading { wall: nearly, elapsed: Duration::ZERO });
        assert_eq!(jump, None, "less is not");
    }

    #[test]
    fn a_pause_between_the_readings_does_not_move_time_ahead() {
        let (mut timeline, _) = Timeline::start(None, reading(0, 0));
        for paused in 1..100_i64 {
            // The wall clock was read at `paused`, the other one half a second later.
            let elapsed = Duration::from_secs(paused.unsigned_abs()) + Duration::from_millis(500);
            timeline.read(Reading { wall: at(paused), elapsed });
        }
        assert!(timeline.ahead() <= Duration::from_millis(500), "{:?}", timeline.ahead());
    }

    #[test]
    fn time_ends_with_the_last_year() {
        let last = after(at(0), Duration::MAX);
        let (mut timeline, _) = Timeline::start(Some(last), reading(0, 0));
        assert_eq!(timeline.read(reading(5, 5)).0, last);
    }

    /// An event between two readings.
    #[derive(Clone, Copy, Debug)]
    enum Happening {
        /// Time passes, in milliseconds.
        Pass(u64),
        /// The clock is set, by this number of seconds.
        Set(i64),
        /// The server restarts after this number of milliseconds, with or without a reboot.
        Restart(u64, bool),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let century = 100 * 366 * 86_400_i64;
        prop_oneof![
            4 => (0..100_000_u64).prop_map(Happening::Pass),
            1 => (0..10_000_000_000_u64).prop_map(Happening::Pass), // suspended
            2 => (-10..10_i64).prop_map(Happening::Set),
            2 => (-century..century).prop_map(Happening::Set),
            1 => (0..1_000_000_u64, any::<bool>()).prop_map(|(down, rebooted)| Happening::Restart(down, rebooted)),
        ]
    }

    proptest! {
        #[test]
        fn time_never_runs_backwards_and_counts_elapsed_time(happenings in prop::collection::vec(happening(), 1..60)) {
            let millis = Duration::from_millis;
            let (epoch, last) = (Time::UNIX_EPOCH, after(Time::UNIX_EPOCH, Duration::MAX));
            let mut now = Reading { wall: at(0), elapsed: millis(5_000) };
            let (mut timeline, _) = Timeline::start(None, now);
            let mut told = timeline.read(now).0;
            for happening in happenings {
                let (mut passed, mut set) = (Duration::ZERO, false);
                match happening {
                    Happening::Pass(span) => {
                        passed = millis(span);
                        now = Reading { wall: after(now.wall, passed), elapsed: now.elapsed + passed };
                    }
                    Happening::Set(seconds) => {
                        set = seconds != 0;
                        now.wall = now.wall.checked_add_signed(TimeDelta::seconds(seconds)).unwrap().clamp(epoch, last);
                    }
                    Happening::Restart(down, rebooted) => {
                        now.wall = after(now.wall, millis(down));
                        now.elapsed = if rebooted { millis(3) } else { now.elapsed + millis(down) };
                        timeline = Timeline::start(Some(told), now).0;
                    }
                }
                let (time, jump) = timeline.read(now);
                prop_assert!(time >= after(told, passed), "{time} after {told} and {passed:?}");
                prop_assert!(time >= now.wall);
                prop_assert!(time == now.wall || time == after(told, passed), "{time} is neither");
                prop_assert!(jump.is_none() || set, "{jump:?} without a change of the clock");
                prop_assert_eq!(timeline.read(now).1, None, "told twice");
                told = time;
            }
        }
    }
}
