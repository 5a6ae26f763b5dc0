//! Changes of lanes in a group of commands.

use std::collections::BTreeMap;

use sled::{Batch, IVec};

use super::{LaneChange, unless_unreadable};
use crate::{
    domain::{Approval, ApprovalId, ChannelName, DeliveryId, Event, Lane, Routes, Settlement, Time},
    store::{
        LaneId, StoreError, import_fault,
        sled::{frame, keys, records, records::Encoded, tree_reader::TreeReader},
    },
};

/// Lanes after the commands of a group.
pub(in super::super) struct GroupLanes<'a> {
    pages: &'a TreeReader,
    routes: &'a Routes,
    /// Changed, but not yet committed.
    changed: BTreeMap<LaneId, Changed>,
    /// Lanes whose leases end.
    settled: Vec<LaneId>,
}

/// A changed lane; without one, it is forgotten.
struct Changed {
    lane: Option<Lane>,
    encoded: Encoded,
    /// Its keys in the tree.
    stored: Vec<IVec>,
}

/// Changes of lanes, encoded.
#[must_use]
pub(in super::super) struct Prepared(Vec<(LaneId, Changed)>);

impl<'a> GroupLanes<'a> {
    pub(in super::super) const fn new(pages: &'a TreeReader, routes: &'a Routes) -> Self {
        Self { pages, routes, changed: BTreeMap::new(), settled: Vec::new() }
    }

    /// The approvals whose lanes change.
    pub(in super::super) fn approvals(&self) -> impl Iterator<Item = ApprovalId> {
        self.changed.keys().map(|(approval, _)| *approval)
    }

    /// Adds all changes to a batch. Returns them for the index.
    pub(in super::super) fn write(self, batch: &mut Batch) -> Vec<LaneChange> {
        let mut changes = Vec::with_capacity(self.changed.len() + self.settled.len());
        for (id, Changed { lane, encoded, stored }) in self.changed {
            changes.push(match lane {
                Some(lane) => LaneChange::of(&lane, self.routes),
                None => LaneChange::forgotten(id),
            });
            // First the removals: a batch keeps the last change of a key.
            stored.into_iter().for_each(|key| batch.remove(key));
            encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
        }
        changes.extend(self.settled.into_iter().map(LaneChange::lease_ended));
        changes
    }

    /// Adds the deliveries of new events to their lanes. An unreadable lane does not stop its approval: a new one
    /// replaces it.
    pub(in super::super) fn prepare(&self, approval: &Approval, events: &[Event]) -> Result<Prepared, StoreError> {
        let mut lanes: BTreeMap<ChannelName, (Lane, Vec<IVec>)> = BTreeMap::new();
        for event in events {
            for (channel, delivery) in self.routes.deliveries(approval, event) {
                if let Some((lane, _)) = lanes.get_mut(&channel) {
                    lane.push(delivery);
                    continue;
                }
                let id = (approval.id, channel.clone());
                // A new approval has no lanes yet.
                let known = if event.revision == 1 { (None, Vec::new()) } else { self.known_or_replaced(&id)? };
                let mut lane = known.0.unwrap_or_else(|| Lane::new(channel.clone(), approval.id));
                lane.push(delivery);
                lanes.insert(channel, (lane, known.1));
            }
        }
        let encode = |(channel, (lane, stored))| Ok(((approval.id, channel), Changed::new(lane, stored)?));
        Ok(Prepared(lanes.into_iter().map(encode).collect::<Result<_, StoreError>>()?))
    }

    pub(in super::super) fn take(&mut self, prepared: Prepared) {
        self.changed.extend(prepared.0);
    }

    /// Settles lanes. `may_notify`: whether a further event of an approval can notify a channel.
    pub(in super::super) fn settle(
        &mut self,
        settlements: Vec<(ChannelName, ApprovalId, Settlement)>,
        may_notify: impl Fn(ApprovalId) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = settlements.iter().map(|(channel, approval, _)| (*approval, channel.clone())).collect();
        let mut lanes: BTreeMap<LaneId, (Lane, Vec<IVec>, bool)> = BTreeMap::new();
        for (channel, approval, settlement) in settlements {
            let id = (approval, channel);
            if !lanes.contains_key(&id) {
                match unless_unreadable(&id, self.known(&id))? {
                    Some((Some(lane), stored)) => drop(lanes.insert(id.clone(), (lane, stored, false))),
                    Some((None, _)) | None => continue,
                }
            }
            if let Some((lane, _, changed)) = lanes.get_mut(&id) {
                *changed |= lane.settle(settlement);
            }
        }
        let mut changes = Vec::new();
        for (id, (lane, stored, _)) in lanes.into_iter().filter(|(_, (.., changed))| *changed) {
            let follow = lane.is_idle() && lane.state.is_some() && may_notify(id.0)?;
            let change = if lane.is_done(follow) { Changed::forgotten(stored) } else { Changed::new(lane, stored)? };
            changes.push((id, change));
        }
        self.changed.extend(changes);
        self.settled.extend(ids);
        Ok(())
    }

    pub(in super::super) fn revive(&mut self, id: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        let DeliveryId { approval, revision, channel } = id;
        let id = (approval, channel);
        let (lane, stored) = self.known(&id)?;
        let mut lane = lane.ok_or(StoreError::NotFound)?;
        if !lane.revive(revision, now) {
            return Err(StoreError::NotFound);
        }
        self.changed.insert(id, Changed::new(lane.clone(), stored)?);
        Ok(lane)
    }

    /// Imports lanes: all or none. `stored`: finds an approval.
    pub(in super::super) fn import(
        &mut self,
        lanes: Vec<Lane>,
        stored: impl Fn(ApprovalId) -> Result<u64, StoreError>,
    ) -> Result<usize, StoreError> {
        let mut new = BTreeMap::new();
        for lane in lanes {
            let id = (lane.approval, lane.channel.clone());
            let newest = match stored(lane.approval) {
                Err(StoreError::NotFound) => continue,
                found => found?,
            };
            if let Some(fault) = import_fault(&lane, newest) {
                return Err(StoreError::BadLane(id.1, id.0, fault));
            }
            let (known, stored) = self.known_or_replaced(&id)?;
            if known.is_none() && !new.contains_key(&id) {
                new.insert(id, Changed::new(lane, stored)?);
            }
        }
        let count = new.len();
        self.changed.extend(new);
        Ok(count)
    }

    /// Forgets all lanes of an approval.
    pub(in super::super) fn forget(&mut self, approval: ApprovalId) -> Result<(), StoreError> {
        let mut gone: BTreeMap<LaneId, Changed> = BTreeMap::new();
        let mut last = None;
        for entry in self.pages.prefix(keys::lanes_of(approval)) {
            let (key, _) = entry?;
            last = keys::lane_of(&key).or(last);
            // A key without a lane belongs to a piece of the one before it.
            if let Some(id) = &last {
                gone.entry(id.clone()).or_insert_with(|| Changed::forgotten(Vec::new())).stored.push(key);
            }
        }
        let here = self.changed.iter_mut().filter(|((id, _), _)| *id == approval);
        for (_, change) in here {
            (change.lane, change.encoded) = (None, Encoded::new());
        }
        for (id, change) in gone {
            self.changed.entry(id).or_insert(change);
        }
        Ok(())
    }

    /// A lane, and its keys in the tree.
    fn known(&self, id: &LaneId) -> Result<(Option<Lane>, Vec<IVec>), StoreError> {
        if let Some(Changed { lane, stored, .. }) = self.changed.get(id) {
            return Ok((lane.clone(), stored.clone()));
        }
        let key = keys::lane(id);
        let Some(first) = self.pages.get(&key)? else { return Ok((None, Vec::new())) };
        let several = frame::is_first_of_several(&first);
        let lane = records::lane_from(self.pages, id, first)?;
        Ok((lane, if several { self.keys_of(id)? } else { vec![key.into()] }))
    }

    /// As [`known`](Self::known), but without a lane if it is unreadable.
    fn known_or_replaced(&self, id: &LaneId) -> Result<(Option<Lane>, Vec<IVec>), StoreError> {
        match unless_unreadable(id, self.known(id))? {
            Some(known) => Ok(known),
            None => Ok((None, self.keys_of(id)?)),
        }
    }

    fn keys_of(&self, id: &LaneId) -> Result<Vec<IVec>, StoreError> {
        self.pages.keys(keys::pieces_of_lane(id)).collect()
    }
}

impl Changed {
    fn new(lane: Lane, stored: Vec<IVec>) -> Result<Self, StoreError> {
        Ok(Self { encoded: records::encode_lane(&lane)?, lane: Some(lane), stored })
    }

    const fn forgotten(stored: Vec<IVec>) -> Self {
        Self { lane: None, encoded: Encoded::new(), stored }
    }
}
