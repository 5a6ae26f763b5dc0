use std::sync::Mutex;

use uuid::{ContextV7, Timestamp, Uuid};

use crate::domain::{ApprovalId, ClaimId, Time};

/// Makes UUIDv7s whose time is that of the injected clock; those of one millisecond still count up.
#[derive(Debug)]
pub(super) struct Ids(Mutex<ContextV7>);

impl Default for Ids {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl Ids {
    pub(super) fn approval(&self, now: Time) -> ApprovalId {
        ApprovalId::new(self.next(now))
    }

    pub(super) fn claim(&self, now: Time) -> ClaimId {
        ClaimId::new(self.next(now))
    }

    fn next(&self, now: Time) -> Uuid {
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&self.0, seconds, now.timestamp_subsec_nanos()))
    }
}
