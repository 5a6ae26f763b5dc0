//! The keys of lanes.

use std::ops::{Range, RangeInclusive};

use super::{ID, LANE, id_of, with_id};
use crate::{
    domain::{ApprovalId, ChannelName},
    store::LaneId,
};

/// A lane. The approval comes first, so that forgetting an approval finds its lanes. Further pieces of a large lane have
/// longer keys: a NUL ends the name, so that they are not keys of channels with longer names.
pub(in crate::store::sled) fn lane((approval, channel): &LaneId) -> Vec<u8> {
    let mut key = lanes_of(*approval);
    key.extend_from_slice(channel.as_str().as_bytes());
    key.push(0);
    key
}

/// The prefix of the keys of all lanes of an approval, and of their further pieces.
pub(in crate::store::sled) fn lanes_of(approval: ApprovalId) -> Vec<u8> {
    with_id(vec![LANE], approval)
}

/// All keys of lanes.
pub(in crate::store::sled) fn lanes() -> Range<Vec<u8>> {
    vec![LANE]..vec![LANE + 1]
}

/// Keys of the lanes after one, or of all.
pub(in crate::store::sled) fn lanes_after(id: Option<&LaneId>) -> Range<Vec<u8>> {
    id.map_or_else(|| vec![LANE], |id| [lane(id), vec![u8::MAX, 0]].concat())..vec![LANE + 1]
}

/// A lane's key and those of its further pieces.
pub(in crate::store::sled) fn pieces_of_lane(id: &LaneId) -> RangeInclusive<Vec<u8>> {
    let first = lane(id);
    let last = [&first[..], &[0xff]].concat();
    first..=last
}

/// The lane in a lane's key.
pub(in crate::store::sled) fn lane_of(key: &[u8]) -> Option<LaneId> {
    let (id, name) = key.strip_prefix(&[LANE])?.split_at_checked(ID)?;
    let name = std::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
    Some((id_of(id)?, name.parse::<ChannelName>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{is_record, is_whole_record},
        *,
    };
    use crate::domain::samples::id;

    #[test]
    fn keys_of_lanes_tell_what_is_in_them() {
        let id = id(0, 1);
        let lane_id = |name: &str| (id, name.parse().unwrap());
        for name in ["a", "ab", "0-9"] {
            let key = lane(&lane_id(name));
            assert_eq!(lane_of(&key), Some(lane_id(name)));
            assert!(is_whole_record(&key) && lanes().contains(&key) && key.starts_with(&lanes_of(id)));
            assert!(lanes_after(Some(&lane_id("a"))).contains(&key) == (name == "ab"));
            for number in [1, b'a', b'-', 255] {
                let piece = [&key[..], &[number]].concat();
                assert!(
                    lane_of(&piece).is_none() && is_record(&piece) && pieces_of_lane(&lane_id(name)).contains(&piece)
                );
                assert!(!lanes_after(Some(&lane_id(name))).contains(&piece), "{number}");
            }
            assert!(!pieces_of_lane(&lane_id(name)).contains(&lane(&lane_id("abc"))));
        }
    }
}
