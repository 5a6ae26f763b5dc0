//! The outbox in a group.

use super::Group;
use crate::{
    domain::{ApprovalId, ChannelName, DeliveryId, Lane, Settlement, Time},
    store::{StoreError, sled::records},
};

impl Group<'_> {
    pub(in super::super) fn settle(
        &mut self,
        settlements: Vec<(ChannelName, ApprovalId, Settlement)>,
    ) -> Result<(), StoreError> {
        let Self { lanes, approvals, pages, .. } = self;
        lanes.settle(settlements, |id| match approvals.get(&id) {
            Some(known) => Ok(known.approval.may_notify()),
            None => match records::head(pages, id) {
                Ok(head) => Ok(head.is_some_and(|head| head.may_notify())),
                // Keep what the channel needs for an approval that may be readable again.
                Err(StoreError::Corrupt(_) | StoreError::Newer(_)) => Ok(true),
                Err(error) => Err(error),
            },
        })
    }

    pub(in super::super) fn revive(&mut self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        self.lanes.revive(id, now)
    }

    pub(in super::super) fn import_lanes(&mut self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        let Self { lanes: known, approvals, pruned, pages, .. } = self;
        known.import(lanes, |id| match approvals.get(&id) {
            Some(known) => Ok(known.approval.revision),
            None if pruned.contains(&id) => Err(StoreError::NotFound),
            None => records::head(pages, id)?.map(|head| head.revision).ok_or(StoreError::NotFound),
        })
    }
}
