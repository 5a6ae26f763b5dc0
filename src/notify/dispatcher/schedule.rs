//! When a failed delivery is tried again, and when it is given up.

use std::time::Duration;

use crate::domain::{Time, after};

/// Delay before the second attempt. It doubles with every further one.
const FIRST_DELAY: Duration = Duration::from_secs(5);

/// Maximum delay between two attempts, unless the receiver asks for more.
const MAX_DELAY: Duration = Duration::from_secs(30 * 60);

/// A delivery whose next attempt would be later than this after its event is dead.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A delay varies by this fraction in both directions, so that deliveries that failed together do not all return
/// together.
const JITTER_PERCENT: u64 = 20;

/// The delay before the next attempt, after `failures` failed ones. `random` is any number.
pub(super) fn backoff(failures: u32, max: Duration, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(max);
    let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
    let spread = micros / 100 * JITTER_PERCENT;
    Duration::from_micros(micros - spread + random % (2 * spread + 1))
}

/// When a delivery is tried again after its attempt number `attempts` failed at `now`. `None`: never. `since` is when the
/// delivery could first be sent, and `asked` the minimum delay that the receiver asked for.
pub(super) fn retry_at(since: Time, attempts: u32, now: Time, asked: Option<Duration>, random: u64) -> Option<Time> {
    let delay = backoff(attempts, MAX_DELAY, random).max(asked.unwrap_or_default());
    let at = after(now, delay);
    (at <= after(since, GIVE_UP_AFTER)).then_some(at)
}

/// A random number for [`backoff`]. Jitter needs no secret: without randomness from the system it is merely absent.
pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::samples::at;

    /// The random number that gives a delay without jitter.
    fn middle(failures: u32) -> u64 {
        let delay = backoff(failures, MAX_DELAY, 0).as_micros() * 100 / u128::from(100 - JITTER_PERCENT);
        u64::try_from(delay / 100).unwrap() * JITTER_PERCENT
    }

    #[test]
    fn delays_double_from_5_seconds_to_half_an_hour() {
        let delays = [1, 2, 3, 4, 9, 10, 100, u32::MAX].map(|n| backoff(n, MAX_DELAY, middle(n)).as_secs());
        assert_eq!(delays, [5, 10, 20, 40, 1_280, 1_800, 1_800, 1_800]);
    }

    #[test]
    fn a_receiver_can_ask_for_a_longer_delay_but_not_for_a_shorter_one() {
        let asked = |seconds| retry_at(at(0), 1, at(0), Some(Duration::from_secs(seconds)), middle(1));
        assert_eq!(asked(1), Some(at(5)));
        assert_eq!(asked(7_200), Some(at(7_200)));
        assert_eq!(asked(24 * 3_600), Some(at(24 * 3_600)));
        assert_eq!(asked(24 * 3_600 + 1), None);
        assert_eq!(asked(u64::MAX), None);
    }

    #[test]
    fn a_delivery_is_given_up_after_a_day() {
        let (mut now, mut attempts) = (at(0), 0);
        loop {
            attempts += 1;
            match retry_at(at(0), attempts, now, None, random()) {
                Some(next) => now = next,
                None => break,
            }
        }
        let hours = (now - at(0)).num_minutes();
        assert!((23 * 60 + 20..=24 * 60).contains(&hours), "given up after {hours} minutes");
        assert!((45..80).contains(&attempts), "{attempts} attempts");
    }

    proptest! {
        #[test]
        fn jitter_is_at_most_a_fifth(failures: u32, random: u64) {
            let (delay, middle) = (backoff(failures, MAX_DELAY, random), backoff(failures, MAX_DELAY, middle(failures)));
            prop_assert!(delay >= middle * 4 / 5 && delay <= middle * 6 / 5, "{delay:?} of {middle:?}");
        }
    }
}
