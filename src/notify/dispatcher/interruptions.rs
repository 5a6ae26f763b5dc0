//! A limit on how often a channel interrupts people: after too many messages, people mute everything.
//!
//! The first message about a caller within the period is always sent, so that one caller cannot use up the attention
//! that the others need.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    domain::{Time, after},
    notify::INTERRUPTIONS_WINDOW,
};

/// The interruptions of one channel in the last quarter of an hour. `K` names a caller.
#[derive(Debug)]
pub(super) struct Interruptions<K> {
    limit: usize,
    /// In order, each with its callers. At most `limit`, and one more for each caller.
    sent: VecDeque<(Time, BTreeSet<K>)>,
}

impl<K: Ord> Interruptions<K> {
    /// At most `limit` in a period, and at least one: a limit of 0 would hold requests forever.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1) as usize, sent: VecDeque::new() }
    }

    /// Counts a message about these callers, unless it must wait until the returned time.
    pub(super) fn take(&mut self, callers: BTreeSet<K>, now: Time) -> Result<(), Time> {
        while self.sent.front().is_some_and(|(first, _)| after(*first, INTERRUPTIONS_WINDOW) <= now) {
            self.sent.pop_front();
        }
        let is_first = self.sent.iter().all(|(_, sent)| sent.is_disjoint(&callers));
        // The one whose end makes room.
        match self.sent.len().checked_sub(self.limit).and_then(|excess| self.sent.get(excess)) {
            Some((first, _)) if !is_first => Err(after(*first, INTERRUPTIONS_WINDOW)),
            _ => {
                self.sent.push_back((now, callers));
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

    /// A message about callers with names of one letter.
    fn take(interruptions: &mut Interruptions<char>, callers: &str, now: i64) -> Result<(), Time> {
        interruptions.take(callers.chars().collect(), at(now))
    }

    #[test]
    fn the_limit_is_for_any_quarter_of_an_hour() {
        let mut interruptions = Interruptions::new(2);
        assert_eq!(take(&mut interruptions, "a", 0), Ok(()));
        assert_eq!(take(&mut interruptions, "a", 100), Ok(()));
        assert_eq!(take(&mut interruptions, "a", 200), Err(at(900)));
        assert_eq!(take(&mut interruptions, "a", 900), Ok(()));
        assert_eq!(take(&mut interruptions, "a", 901), Err(at(1_000)));
        interruptions.give_back();
        assert_eq!(take(&mut interruptions, "a", 901), Ok(()));
    }

    #[test]
    fn one_caller_does_not_silence_the_others() {
        let mut interruptions = Interruptions::new(2);
        assert_eq!([0, 10].map(|time| take(&mut interruptions, "a", time)), [Ok(()); 2]);
        assert_eq!(take(&mut interruptions, "b", 20), Ok(()), "the first of another caller");
        assert_eq!(take(&mut interruptions, "b", 30), Err(at(910)), "two must end before there is room");
        assert_eq!(take(&mut interruptions, "bc", 30), Err(at(910)), "not only first ones");
        assert_eq!(take(&mut interruptions, "cd", 30), Ok(()), "first ones of both");
        assert_eq!(take(&mut interruptions, "d", 30), Err(at(920)));
        assert_eq!(take(&mut interruptions, "d", 920), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_one() {
        let mut interruptions = Interruptions::new(0);
        assert_eq!(take(&mut interruptions, "a", 0), Ok(()));
        assert_eq!(take(&mut interruptions, "a", 0), Err(at(900)));
    }

    proptest! {
        #[test]
        fn no_period_has_more(limit in 1u32..5, gaps in prop::collection::vec(0i64..300, 0..200)) {
            let (mut interruptions, mut now, mut taken) = (Interruptions::new(limit), 0, Vec::new());
            for gap in gaps {
                now += gap;
                if take(&mut interruptions, "a", now).is_ok() {
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
