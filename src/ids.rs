//! UUIDv7 ids with the time of the injected clock.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::domain::{ApprovalId, BlockId, ClaimId, FreezeId, SessionId, Time, TokenId};

/// Maximum time by which the newest id may be ahead of the clock; beyond it, ids follow the clock back. Lists by time
/// allow for the same difference.
const AHEAD: TimeDelta = TimeDelta::milliseconds(500);

/// Generates UUIDv7s with the time of the injected clock. Ids of the same millisecond are in order, too.
#[derive(Debug)]
pub(crate) struct IdGenerator(Mutex<Counter>);

#[derive(Debug)]
struct Counter {
    newest: Time,
    context: Mutex<ContextV7>,
}

impl Default for IdGenerator {
    fn default() -> Self {
        Self(Mutex::new(Counter { newest: Time::MIN_UTC, context: Mutex::new(ContextV7::new()) }))
    }
}

impl IdGenerator {
    pub(crate) fn approval(&self, now: Time) -> ApprovalId {
        ApprovalId::new(self.next(now))
    }

    pub(crate) fn claim(&self, now: Time) -> ClaimId {
        ClaimId::new(self.next(now))
    }

    pub(crate) fn token(&self, now: Time) -> TokenId {
        TokenId::new(self.next(now))
    }

    pub(crate) fn freeze(&self, now: Time) -> FreezeId {
        FreezeId::new(self.next(now))
    }

    pub(crate) fn session(&self, now: Time) -> SessionId {
        SessionId::new(self.next(now))
    }

    pub(crate) fn block(&self, now: Time) -> BlockId {
        BlockId::new(self.next(now))
    }

    fn next(&self, now: Time) -> Uuid {
        let mut counter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counter.newest.signed_duration_since(now) > AHEAD {
            // The context never goes back, but lists by time would not find an id that is far ahead of its approval.
            counter.context = Mutex::new(ContextV7::new());
            counter.newest = now;
        }
        counter.newest = counter.newest.max(now);
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&counter.context, seconds, now.timestamp_subsec_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::at;

    fn seconds(id: ApprovalId) -> u64 {
        id.uuid().get_timestamp().unwrap().to_unix().0
    }

    #[test]
    fn ids_of_one_moment_are_in_order() {
        let ids = IdGenerator::default();
        let made: Vec<_> = (0..1_000).map(|_| ids.approval(at(0))).collect();
        assert!(made.is_sorted() && made[0] < made[999]);
    }

    #[test]
    fn ids_follow_a_clock_that_is_set_back() {
        let ids = IdGenerator::default();
        let later = ids.approval(at(600));
        assert_eq!(seconds(later), u64::try_from(at(600).timestamp()).unwrap());
        assert_eq!(seconds(ids.approval(at(0))), u64::try_from(at(0).timestamp()).unwrap());
    }
}
