//! Protects a receiver that does not work from the whole backlog of its channel.
//!
//! After some failures in a row the breaker opens. From then on one delivery at a time probes the receiver, with growing
//! delays. The others wait unleased in the outbox, and lose no attempt of theirs. The first success closes the breaker.

use std::time::Duration;

use super::schedule;
use crate::domain::{Time, after};

/// Number of failures in a row that open the breaker.
const FAILURES: u32 = 5;

/// Maximum delay between two probes, unless the receiver asks for more: after this time the channel has recovered.
const MAX_PROBE_DELAY: Duration = Duration::from_secs(60);

/// Maximum delay that a receiver can ask for on behalf of the whole channel.
const MAX_ASKED: Duration = Duration::from_secs(60 * 60);

/// The breaker of one channel.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures in a row: of all sends while it is closed, and of probes while it is open.
    failures: u32,
    /// While it is open: when the next probe may start.
    probe_at: Option<Time>,
    /// Whether a probe is under way.
    probing: bool,
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Everything.
    All,
    /// One delivery: the probe.
    Probe,
    /// Nothing before this time.
    NotBefore(Time),
    /// Nothing before the probe has ended.
    AfterProbe,
}

impl Breaker {
    /// What may be sent now.
    pub(super) fn allows(&self, now: Time) -> Allowed {
        match self.probe_at {
            None => Allowed::All,
            Some(_) if self.probing => Allowed::AfterProbe,
            Some(at) if at > now => Allowed::NotBefore(at),
            Some(_) => Allowed::Probe,
        }
    }

    /// A probe starts.
    pub(super) fn probe_starts(&mut self) {
        self.probing = true;
    }

    /// The probe was not sent after all.
    pub(super) fn probe_is_off(&mut self) {
        self.probing = false;
    }

    /// The receiver answered: it works. While the breaker is open, only a probe proves that: what was in flight before
    /// says nothing about now, and must not cut short a pause that the receiver asked for.
    pub(super) fn succeeded(&mut self, probe: bool) {
        if self.probe_at.is_none() || probe {
            *self = Self::default();
        }
    }

    /// A send failed. `asked`: the delay that the receiver asked for.
    pub(super) fn failed(&mut self, now: Time, probe: bool, asked: Option<Duration>, random: u64) {
        if probe {
            self.probing = false;
        }
        // What was in flight when the breaker opened says nothing new.
        if self.probe_at.is_none() || probe {
            self.failures = self.failures.saturating_add(1);
        }
        let asked = asked.map(|delay| after(now, delay.min(MAX_ASKED)));
        if self.failures >= FAILURES && (self.probe_at.is_none() || probe) {
            let delay = schedule::backoff(self.failures - FAILURES + 1, MAX_PROBE_DELAY, random);
            self.probe_at = Some(after(now, delay));
        }
        // A receiver that asks for a pause gets it at once, for the whole channel.
        self.probe_at = self.probe_at.max(asked);
    }

    /// Whether it is open.
    pub(super) const fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::at;

    /// A random number without effect: delays get 4/5 of their length.
    const SHORTEST: u64 = 0;

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.failed(at(0), false, None, SHORTEST));
        breaker
    }

    #[test]
    fn it_opens_after_some_failures_in_a_row() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| breaker.failed(at(0), false, None, SHORTEST));
            assert_eq!(breaker.allows(at(0)), Allowed::All);
            breaker.succeeded(false);
        }
        (1..=FAILURES).for_each(|_| breaker.failed(at(0), false, None, SHORTEST));
        assert_eq!(breaker.allows(at(0)), Allowed::NotBefore(at(4)));
        assert_eq!(breaker.allows(at(4)), Allowed::Probe);
    }

    #[test]
    fn probes_come_one_at_a_time_with_growing_delays() {
        let (mut breaker, mut now, mut delays) = (open(), at(0), Vec::new());
        for _ in 0..6 {
            let Allowed::NotBefore(next) = breaker.allows(now) else { panic!("{breaker:?}") };
            delays.push((next - now).num_seconds());
            now = next;
            assert_eq!(breaker.allows(now), Allowed::Probe);
            breaker.probe_starts();
            assert_eq!(breaker.allows(now), Allowed::AfterProbe);
            breaker.failed(now, true, None, SHORTEST);
        }
        assert_eq!(delays, [4, 8, 16, 32, 48, 48]);
        breaker.succeeded(false);
        assert!(breaker.is_open(), "a success of before");
        breaker.succeeded(true);
        assert_eq!(breaker.allows(now), Allowed::All);
    }

    #[test]
    fn sends_that_were_in_flight_do_not_delay_the_probe() {
        let mut breaker = open();
        (0..100).for_each(|_| breaker.failed(at(1), false, None, SHORTEST));
        assert_eq!(breaker.allows(at(1)), Allowed::NotBefore(at(4)));
    }

    #[test]
    fn a_receiver_that_asks_for_a_pause_gets_it() {
        let mut breaker = Breaker::default();
        breaker.failed(at(0), false, Some(Duration::from_secs(90)), SHORTEST);
        assert_eq!(breaker.allows(at(89)), Allowed::NotBefore(at(90)));
        assert_eq!(breaker.allows(at(90)), Allowed::Probe);
        breaker.failed(at(90), false, Some(Duration::MAX), SHORTEST);
        assert_eq!(breaker.allows(at(90)), Allowed::NotBefore(after(at(90), MAX_ASKED)));
    }
}
