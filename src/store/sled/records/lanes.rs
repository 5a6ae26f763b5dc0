//! Lanes of the outbox.

use super::{Encoded, decode};
use crate::{
    domain::Lane,
    store::{
        LaneId, StoreError,
        sled::{
            frame::{self, corrupt},
            keys,
            tree_reader::TreeReader,
        },
    },
};

/// Reads a lane.
pub(in super::super) fn lane(pages: &TreeReader, id: &LaneId) -> Result<Option<Lane>, StoreError> {
    match pages.get(keys::lane(id))? {
        Some(first) => lane_from(pages, id, first),
        None => Ok(None),
    }
}

/// Reads a lane whose first piece is known; `None` if it was removed meanwhile.
pub(in super::super) fn lane_from(
    pages: &TreeReader,
    id: &LaneId,
    first: sled::IVec,
) -> Result<Option<Lane>, StoreError> {
    let Some(payload) = frame::join(pages, &keys::lane(id), first)? else { return Ok(None) };
    let lane: Lane = decode(&payload)?;
    if (lane.approval, &lane.channel) == (id.0, &id.1) {
        return Ok(Some(lane));
    }
    let (approval, channel) = id;
    Err(corrupt(format!("the lane of {channel} for {approval} says that it is another one")))
}

/// Keys and values of a lane.
pub(in super::super) fn encode_lane(lane: &Lane) -> Result<Encoded, StoreError> {
    let payload = rmp_serde::to_vec_named(lane).map_err(|error| corrupt(error.to_string()))?;
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::lane(&(lane.approval, lane.channel.clone())), &payload)?;
    Ok(encoded)
}
