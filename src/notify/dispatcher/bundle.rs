//! Bundles: an agent that asks again within a minute does not interrupt again.
//!
//! The first request of an agent is sent at once, and opens a window of a minute. Further ones are held until the window
//! ends, and are then sent together. That opens the next window, so an agent interrupts at most once a minute.
//!
//! Windows are in memory, and the requests wait in the outbox. After a restart some are sent earlier than they would have
//! been, and none is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::domain::{ApprovalId, Time, after};

/// How long requests of one agent are held after a message about it.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Number of windows from which ended ones are removed.
const WINDOWS_MAX: usize = 1_000;

/// The agents that people were told about within the last minute. `K` names an agent.
#[derive(Debug)]
pub(super) struct Windows<K>(BTreeMap<K, Window>);

#[derive(Debug)]
struct Window {
    ends: Time,
    held: BTreeSet<ApprovalId>,
}

/// What happens to the requests of one agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// They are sent in one message.
    pub(super) together: Vec<ApprovalId>,
    /// They wait.
    pub(super) held: Vec<ApprovalId>,
    /// Until when.
    pub(super) until: Time,
}

impl<K: Ord> Windows<K> {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Decides about requests of one agent that could be sent now, in order of arrival.
    pub(super) fn open(&mut self, agent: K, requests: Vec<ApprovalId>, now: Time) -> Opened {
        if self.0.len() >= WINDOWS_MAX {
            self.0.retain(|_, window| window.ends > now || !window.held.is_empty());
        }
        match self.0.get_mut(&agent) {
            Some(window) if window.ends > now => {
                window.held.extend(&requests);
                Opened { together: Vec::new(), held: requests, until: window.ends }
            }
            Some(window) if !window.held.is_empty() => {
                *window = Window { ends: after(now, WINDOW), held: BTreeSet::new() };
                Opened { together: requests, held: Vec::new(), until: now }
            }
            _ => {
                let mut requests = requests.into_iter();
                let (together, held): (Vec<_>, Vec<_>) = (requests.next().into_iter().collect(), requests.collect());
                let until = after(now, WINDOW);
                self.0.insert(agent, Window { ends: until, held: held.iter().copied().collect() });
                Opened { together, held, until }
            }
        }
    }

    /// A request that was held ended, or was sent in another way.
    pub(super) fn forget(&mut self, agent: &K, request: ApprovalId) {
        if let Some(window) = self.0.get_mut(agent) {
            window.held.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, id};

    fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<ApprovalId> {
        numbers.into_iter().map(|n| id(0, n)).collect()
    }

    #[test]
    fn the_first_request_goes_at_once_and_the_others_together() {
        let mut windows = Windows::new();
        let opened = windows.open("bot", ids([1]), at(0));
        assert_eq!(opened, Opened { together: ids([1]), held: vec![], until: at(60) });
        let opened = windows.open("bot", ids([2, 3]), at(1));
        assert_eq!(opened, Opened { together: vec![], held: ids([2, 3]), until: at(60) });
        assert_eq!(windows.open("other", ids([9]), at(2)).together, ids([9]));
        let opened = windows.open("bot", ids([2, 3, 4]), at(60));
        assert_eq!(opened.together, ids([2, 3, 4]));
        assert_eq!(windows.open("bot", ids([5]), at(61)).held, ids([5]), "the bundle opens the next window");
        assert_eq!(windows.open("bot", ids([5]), at(120)).together, ids([5]), "a single one goes as itself");
    }

    #[test]
    fn requests_that_arrive_together_are_not_all_sent() {
        let opened = Windows::new().open("bot", ids([1, 2, 3]), at(0));
        assert_eq!(opened, Opened { together: ids([1]), held: ids([2, 3]), until: at(60) });
    }

    #[test]
    fn a_window_that_held_nothing_ends() {
        let mut windows = Windows::new();
        windows.open("bot", ids([1]), at(0));
        windows.open("bot", ids([2]), at(30));
        windows.forget(&"bot", id(0, 2));
        assert_eq!(windows.open("bot", ids([3, 4]), at(60)).together, ids([3]));
    }

    #[test]
    fn ended_windows_do_not_accumulate() {
        let mut windows = Windows::new();
        for n in 0..3 * WINDOWS_MAX as u64 {
            windows.open(n, ids([n]), at(i64::try_from(n).unwrap()));
        }
        assert!(windows.0.len() <= WINDOWS_MAX);
    }
}
