//! Lanes of the outbox. The records of groups do not prove which state of a lane is the newest one, and the log keeps
//! lanes that were forgotten. So only those of pending approvals are saved: their reviewers may get a message again,
//! but nobody gets messages about everything that was ever decided.

use super::Found;
use crate::{
    domain::{Approval, Lane, Status},
    store::{
        import_fault,
        sled::{keys, records},
    },
};

impl Found {
    pub(super) fn lanes(&self, approval: &Approval) -> Vec<Lane> {
        if approval.status != Status::Pending {
            return Vec::new();
        }
        let prefix = keys::lanes_of(approval.id);
        let keys = self.values.range(prefix.clone()..).map(|(key, _)| key).take_while(|key| key.starts_with(&prefix));
        let read = |key: &Vec<u8>| {
            let (_, channel) = keys::lane_of(key)?;
            let lane: Lane = records::decode(&self.payload(key)?).ok()?;
            let named = lane.approval == approval.id && lane.channel == channel;
            (named && import_fault(&lane, approval.revision).is_none()).then_some(lane)
        };
        keys.filter_map(read).collect()
    }
}
