//! A limit on how often a channel interrupts people: after too many messages, everything is muted.

use std::collections::VecDeque;

use crate::{
    domain::{Time, after},
    notify::INTERRUPTIONS_WINDOW,
};

/// The interruptions of one channel in the last quarter of an hour.
#[derive(Debug)]
pub(super) struct Interruptions {
    limit: usize,
    /// At most `limit`, in order.
    sent: VecDeque<Time>,
}

impl Interruptions {
    /// At most `limit` in a period, and at least one: a limit of 0 would hold requests forever.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1) as usize, sent: VecDeque::new() }
    }

    /// Counts an interruption, unless it must wait until the returned time.
    pub(super) fn take(&mut self, now: Time) -> Result<(), Time> {
        while self.sent.front().is_some_and(|first| after(*first, INTERRUPTIONS_WINDOW) <= now) {
            self.sent.pop_front();
        }
        match self.sent.front() {
            Some(first) if self.sent.len() >= self.limit => Err(after(*first, INTERRUPTIONS_WINDOW)),
            _ => {
                self.sent.push_back(now);
                Ok(())
            }
        }
    }

    /// Takes the newest interruption back: its message did not arrive.
    pub(super) fn give_back(&mut self) {
        self.sent.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::samples::at;

    #[test]
    fn the_limit_is_for_any_quarter_of_an_hour() {
        let mut interruptions = Interruptions::new(2);
        assert_eq!(interruptions.take(at(0)), Ok(()));
        assert_eq!(interruptions.take(at(100)), Ok(()));
        assert_eq!(interruptions.take(at(200)), Err(at(900)));
        assert_eq!(interruptions.take(at(900)), Ok(()));
        assert_eq!(interruptions.take(at(901)), Err(at(1_000)));
        interruptions.give_back();
        assert_eq!(interruptions.take(at(901)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_one() {
        let mut interruptions = Interruptions::new(0);
        assert_eq!(interruptions.take(at(0)), Ok(()));
        assert_eq!(interruptions.take(at(0)), Err(at(900)));
    }

    proptest! {
        #[test]
        fn no_period_has_more(limit in 1u32..5, gaps in prop::collection::vec(0i64..300, 0..200)) {
            let (mut interruptions, mut now, mut taken) = (Interruptions::new(limit), 0, Vec::new());
            for gap in gaps {
                now += gap;
                if interruptions.take(at(now)).is_ok() {
                    taken.push(now);
                }
            }
            for start in &taken {
                let within = taken.iter().filter(|time| (*start..start + 900).contains(time)).count();
                prop_assert!(within <= limit as usize);
            }
        }
    }
}
