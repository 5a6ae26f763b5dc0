use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Levels count millionths of a token, so that no fraction of a refill is lost.
const PARTS: i64 = 1_000_000;

/// Maximum time of one refill: every bucket is full long before.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A token bucket that can be overdrawn, because a cost is often known only afterwards.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Tokens per second.
    rate: i64,
    /// Maximum number of tokens, and maximum debt.
    burst: i64,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    parts: i64,
    at: Instant,
}

impl Bucket {
    /// A full bucket with this rate and burst.
    pub(super) fn full((rate, burst): (u32, u32), now: Instant) -> Self {
        let (rate, burst) = (i64::from(rate), i64::from(burst));
        Self { rate, burst, level: Mutex::new(Level { parts: burst * PARTS, at: now }) }
    }

    /// Takes tokens, going into debt if needed. The maximum debt is the burst.
    pub(super) fn charge(&self, tokens: u32, now: Instant) {
        self.with(now, |parts| *parts = (*parts - i64::from(tokens) * PARTS).max(-self.burst * PARTS));
    }

    /// Takes tokens if there are enough.
    pub(super) fn take(&self, tokens: u32, now: Instant) -> bool {
        let wanted = i64::from(tokens) * PARTS;
        self.with(now, |parts| {
            let there = *parts >= wanted;
            if there {
                *parts -= wanted;
            }
            there
        })
    }

    /// Time until there is a token.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let missing = self.with(now, |parts| (PARTS - *parts).max(0));
        let micros = missing.div_euclid(self.rate) + i64::from(missing.rem_euclid(self.rate) > 0);
        Duration::from_micros(micros.unsigned_abs())
    }

    /// Whether it is full, and equal to a new bucket.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.with(now, |parts| *parts == self.burst * PARTS)
    }

    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut i64) -> T) -> T {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        // Callers read the time before they take the lock, so it may be slightly earlier than the last one.
        if let Some(passed) = now.checked_duration_since(level.at) {
            let micros = i64::try_from(passed.min(LONGEST).as_micros()).unwrap_or(i64::MAX);
            level.parts = (level.parts + micros * self.rate).min(self.burst * PARTS);
            level.at = now;
        }
        act(&mut level.parts)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "buckets start at an instant")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn tokens_are_refilled() {
        let start = Instant::now();
        let bucket = Bucket::full((10, 100), start);
        assert!(bucket.is_full(start) && bucket.take(100, start) && !bucket.take(1, start));
        assert_eq!(bucket.wait(start), SECOND / 10);
        assert!(bucket.take(10, start + SECOND) && !bucket.take(1, start + SECOND));
        assert!(!bucket.is_full(start + 10 * SECOND));
        assert!(bucket.is_full(start + 11 * SECOND));
        assert!(bucket.take(100, start + 1_000_000 * SECOND) && !bucket.take(1, start + 1_000_000 * SECOND));
    }

    #[test]
    fn debt_makes_callers_wait_and_is_limited() {
        let start = Instant::now();
        let bucket = Bucket::full((10, 100), start);
        bucket.charge(150, start);
        assert_eq!(bucket.wait(start), 5 * SECOND + SECOND / 10);
        assert_eq!(bucket.wait(start + 5 * SECOND + SECOND / 10), Duration::ZERO);
        bucket.charge(u32::MAX, start);
        bucket.charge(u32::MAX, start);
        assert_eq!(bucket.wait(start + 5 * SECOND + SECOND / 10), 10 * SECOND + SECOND / 10);
    }

    #[test]
    fn fractions_add_up() {
        let start = Instant::now();
        let bucket = Bucket::full((1, 1), start);
        assert!(bucket.take(1, start));
        let tenths = (1..=10).map(|n| bucket.take(1, start + n * (SECOND / 10))).collect::<Vec<_>>();
        assert_eq!(tenths.iter().filter(|taken| **taken).count(), 1);
        assert!(tenths[9]);
    }
}
