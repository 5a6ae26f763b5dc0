//! One record for each group of commits. The records prove what was acknowledged, and hold the order of changes.
//!
//! A record's payload starts with the SHA-256 of the previous record's payload; MessagePack follows. So each record
//! proves all records before it, and the [`Watermark`](super::watermark::Watermark), outside sled, proves the newest
//! one. An old record is dropped only after all approvals in it, and in the records before it, were forgotten.
//! [`Checkpoint`] then holds the start of the remaining chain, and what else the dropped records proved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sled::Batch;

use super::{
    frame::{self, Encoded, corrupt},
    keys,
    tree_reader::TreeReader,
};
use crate::{
    domain::{ApprovalId, BlockId, Digest, FreezeId, KeyPurpose, Revision, SessionId, Time, TokenId},
    store::StoreError,
};

/// Number of newest records that are never dropped: the watermark on disk may be some groups behind.
pub(super) const KEPT: u64 = 10_000;

/// The record of a group of commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupRecord {
    /// 1, 2, 3…
    pub(super) counter: u64,
    /// The newest time of an event, a version of the policy, a freeze or a block, in this group or before it, in
    /// microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) newest_us: Option<i64>,
    /// Approvals that changed, with their newest revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changed: Vec<(ApprovalId, Revision)>,
    /// Approvals that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pruned: Vec<ApprovalId>,
    /// New versions of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<u64>,
    /// New or changed tokens, with the hashes of their payloads. Without the hash, an older state of a token, from
    /// before its revocation, would also look intact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tokens: Vec<(TokenId, Digest)>,
    /// Tokens that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forgotten: Vec<TokenId>,
    /// New or thawed freezes, with the hashes of their payloads, for the same reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) freezes: Vec<(FreezeId, Digest)>,
    /// Freezes that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forgotten_freezes: Vec<FreezeId>,
    /// New or changed sessions, with the hashes of their payloads, for the same reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sessions: Vec<(SessionId, Digest)>,
    /// Sessions that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forgotten_sessions: Vec<SessionId>,
    /// New or ended blocks, with the hashes of their payloads, for the same reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) blocks: Vec<(BlockId, Digest)>,
    /// Blocks that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forgotten_blocks: Vec<BlockId>,
    /// New signing keys, with the hashes of their payloads: of a lost key, another would take the place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) signing_keys: Vec<(KeyPurpose, Digest)>,
}

/// The newest group, which the next one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// Its number; 0 if there is none.
    pub(super) counter: u64,
    /// The hash of its record.
    pub(super) hash: Digest,
    /// The newest time on record.
    pub(super) newest: Option<Time>,
}

/// The start of the chain: the newest record that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    /// Its number; 0 if none was dropped.
    pub(super) counter: u64,
    /// The hash of its record.
    pub(super) hash: Digest,
    /// The combined content of all records up to it.
    #[serde(default)]
    pub(super) standing: Standing,
}

/// Policies, tokens, sessions, freezes, blocks and signing keys in the store, according to the records of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// The newest version of the policy; 0 for none.
    pub(super) policies: u64,
    /// All tokens that were not forgotten, with the hashes of their payloads.
    pub(super) tokens: BTreeMap<TokenId, Digest>,
    /// All freezes that were not forgotten, with the hashes of their payloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) freezes: BTreeMap<FreezeId, Digest>,
    /// All sessions that were not forgotten, with the hashes of their payloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sessions: BTreeMap<SessionId, Digest>,
    /// All blocks that were not forgotten, with the hashes of their payloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) blocks: BTreeMap<BlockId, Digest>,
    /// All signing keys, with the hashes of their payloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) signing_keys: BTreeMap<KeyPurpose, Digest>,
}

impl Standing {
    /// Adds the record of the next group.
    pub(super) fn add(&mut self, record: &GroupRecord) {
        self.policies = record.policies.iter().copied().fold(self.policies, u64::max);
        self.tokens.retain(|id, _| !record.forgotten.contains(id));
        self.tokens.extend(record.tokens.iter().copied());
        self.freezes.retain(|id, _| !record.forgotten_freezes.contains(id));
        self.freezes.extend(record.freezes.iter().copied());
        for id in &record.forgotten_sessions {
            self.sessions.remove(id);
        }
        self.sessions.extend(record.sessions.iter().copied());
        for id in &record.forgotten_blocks {
            self.blocks.remove(id);
        }
        self.blocks.extend(record.blocks.iter().copied());
        self.signing_keys.extend(record.signing_keys.iter().copied());
    }
}

impl Tip {
    /// The tip before the first group.
    pub(super) const NONE: Self = Self { counter: 0, hash: Digest::ZERO, newest: None };

    /// Reads the newest record.
    pub(super) fn read(pages: &TreeReader) -> Result<Self, StoreError> {
        for entry in pages.range(keys::groups()).rev() {
            let (key, first) = entry?;
            if let Some(counter) = keys::group_of(&key) {
                let payload = frame::join(pages, &key, first)?.ok_or_else(|| gone(counter))?;
                return Ok(Self::after(counter, &payload)?.1);
            }
        }
        Ok(Checkpoint::read(pages)?.tip())
    }

    /// Decodes a group's payload; returns it with the tip after it.
    pub(super) fn after(counter: u64, payload: &[u8]) -> Result<(Link, Self), StoreError> {
        let link = Link::decode(counter, payload)?;
        let newest = match link.record.newest_us {
            Some(micros) => Some(
                chrono::DateTime::from_timestamp_micros(micros)
                    .ok_or_else(|| corrupt(format!("the time of commit group {counter} is out of range")))?,
            ),
            None => None,
        };
        let hash = Digest::of_bytes(payload);
        Ok((link, Self { counter, hash, newest }))
    }
}

impl Checkpoint {
    pub(super) fn read(pages: &TreeReader) -> Result<Self, StoreError> {
        match frame::get(pages, keys::CHECKPOINT)? {
            Some(payload) => {
                rmp_serde::from_slice(&payload).map_err(|error| corrupt(format!("the checkpoint: {error}")))
            }
            None => Ok(Self { counter: 0, hash: Digest::ZERO, standing: Standing::default() }),
        }
    }

    /// The tip that the first stored record follows.
    pub(super) const fn tip(&self) -> Tip {
        Tip { counter: self.counter, hash: self.hash, newest: None }
    }

    /// Replaces the previous checkpoint, which may have had more pieces.
    fn write(&self, pages: &TreeReader, batch: &mut Batch) -> Result<(), StoreError> {
        let payload = rmp_serde::to_vec_named(self).map_err(|error| corrupt(error.to_string()))?;
        let mut encoded = Encoded::new();
        frame::cut(&mut encoded, keys::CHECKPOINT.to_vec(), &payload)?;
        for key in pages.keys(keys::CHECKPOINT.to_vec()..=frame::piece_key(keys::CHECKPOINT, u8::MAX)) {
            batch.remove(key?);
        }
        encoded.into_iter().for_each(|(key, value)| batch.insert(key, value));
        Ok(())
    }
}

/// A record, with the hash of the previous one.
pub(super) struct Link {
    pub(super) previous: Digest,
    pub(super) record: GroupRecord,
}

impl Link {
    /// Reads the payload of the group with this number.
    pub(super) fn decode(counter: u64, payload: &[u8]) -> Result<Self, StoreError> {
        let (previous, record) = payload
            .split_first_chunk()
            .ok_or_else(|| corrupt(format!("the record of commit group {counter} is too short")))?;
        let record: GroupRecord = rmp_serde::from_slice(record)
            .map_err(|error| corrupt(format!("the record of commit group {counter}: {error}")))?;
        if record.counter != counter {
            let found = record.counter;
            return Err(corrupt(format!("the record of commit group {counter} says that it is group {found}")));
        }
        Ok(Self { previous: Digest::from_bytes(*previous), record })
    }
}

impl GroupRecord {
    /// The newest time on record, if it is valid.
    pub(super) fn newest(&self) -> Option<Time> {
        self.newest_us.and_then(chrono::DateTime::from_timestamp_micros)
    }

    /// Numbers the record, and adds it to a batch. Returns the new tip.
    pub(super) fn append(mut self, tip: &Tip, newest: Option<Time>, batch: &mut Batch) -> Result<Tip, StoreError> {
        let newest = tip.newest.max(newest);
        self.counter = tip.counter + 1;
        self.newest_us = newest.map(|time| time.timestamp_micros());
        let mut payload = tip.hash.as_bytes().to_vec();
        rmp_serde::encode::write_named(&mut payload, &self).map_err(|error| corrupt(error.to_string()))?;
        let mut encoded = Encoded::new();
        frame::cut(&mut encoded, keys::group(self.counter), &payload)?;
        for (key, value) in encoded {
            batch.insert(key, value);
        }
        Ok(Tip { counter: self.counter, hash: Digest::of_bytes(&payload), newest })
    }
}

/// The hash of the record with this number; `None` if there is none.
///
/// It reads the record first, because the checkpoint is large: it holds all tokens, and is needed only for a dropped
/// record. Both change in one batch, so one of them is found even if the record is dropped meanwhile.
pub(super) fn hash_of(pages: &TreeReader, counter: u64) -> Result<Option<Digest>, StoreError> {
    if let Some(payload) = frame::get(pages, &keys::group(counter))? {
        return Ok(Some(Digest::of_bytes(&payload)));
    }
    let checkpoint = Checkpoint::read(pages)?;
    Ok((checkpoint.counter == counter).then_some(checkpoint.hash))
}

/// Follows the chain after a group, and calls `see` with each record. Returns the tip.
pub(super) fn walk(
    pages: &TreeReader,
    from: Tip,
    mut see: impl FnMut(&GroupRecord) -> Result<(), StoreError>,
) -> Result<Tip, StoreError> {
    let mut tip = from;
    for entry in pages.range(keys::groups_after(from.counter)) {
        let (key, first) = entry?;
        let Some(counter) = keys::group_of(&key) else { continue };
        if counter != tip.counter + 1 {
            return Err(gone(tip.counter + 1));
        }
        let payload = frame::join(pages, &key, first)?.ok_or_else(|| gone(counter))?;
        let (link, next) = Tip::after(counter, &payload)?;
        if link.previous != tip.hash {
            return Err(corrupt(format!("the record of commit group {counter} does not follow the one before it")));
        }
        see(&link.record)?;
        tip = next;
    }
    Ok(tip)
}

/// Which records of groups may be dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropping {
    /// Only those that are older than this.
    pub(super) before: Time,
    /// Maximum number of values.
    pub(super) limit: usize,
    /// Number of newest records that stay.
    pub(super) kept: u64,
}

/// Drops the oldest records of groups. It stops at the first record with an approval that is `kept`, because that
/// record proves the approval's acknowledged revision. Returns whether it dropped any.
pub(super) fn drop_old(
    pages: &TreeReader,
    what: Dropping,
    kept: impl Fn(ApprovalId) -> Result<bool, StoreError>,
    batch: &mut Batch,
) -> Result<bool, StoreError> {
    let tip = Tip::read(pages)?;
    let (mut checkpoint, mut gone) = (Checkpoint::read(pages)?, Vec::new());
    let first = checkpoint.counter;
    let mut dropping = None;
    for entry in pages.range(keys::groups_after(checkpoint.counter)) {
        let (key, value) = entry?;
        let Some(counter) = keys::group_of(&key) else {
            if dropping == keys::group_of(&key[..keys::GROUP_LEN.min(key.len())]) {
                gone.push(key); // a further piece
            }
            continue;
        };
        if gone.len() >= what.limit || counter + what.kept > tip.counter {
            break;
        }
        let payload = frame::join(pages, &key, value)?.ok_or_else(|| self::gone(counter))?;
        let (link, at) = Tip::after(counter, &payload)?;
        if at.newest.is_none_or(|newest| newest >= what.before) {
            break;
        }
        let mut told = link.record.changed.iter().map(|(id, _)| kept(*id));
        if told.try_fold(false, |any, kept| kept.map(|kept| any || kept))? {
            break;
        }
        checkpoint.standing.add(&link.record);
        (checkpoint.counter, checkpoint.hash) = (counter, at.hash);
        dropping = Some(counter);
        gone.push(key);
    }
    if checkpoint.counter == first {
        return Ok(false);
    }
    checkpoint.write(pages, batch)?;
    gone.into_iter().for_each(|key| batch.remove(key));
    Ok(true)
}

/// The error for a missing record.
pub(super) fn gone(counter: u64) -> StoreError {
    corrupt(format!("the record of commit group {counter} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, id};

    #[test]
    fn the_record_is_pinned() {
        let token = TokenId::new(uuid::Uuid::from_u128(7));
        let record = GroupRecord {
            changed: vec![(id(0, 1), 2)],
            pruned: vec![id(0, 2)],
            policies: vec![3],
            tokens: vec![(token, Digest::of_bytes(b"token"))],
            forgotten: vec![token],
            ..GroupRecord::default()
        };
        let mut batch = Batch::default();
        let tip = Tip { counter: 4, hash: Digest::of_bytes(b"x"), newest: Some(at(9)) };
        let next = record.append(&tip, Some(at(5)), &mut batch).unwrap();
        assert_eq!((next.counter, next.newest), (5, Some(at(9))), "time does not run backwards");
        let pinned = "sha256:ffc7dbca62020d0e091996bbd6b76d3f5e3de1a80f05bb8ae016ade207b10271";
        assert_eq!(next.hash.to_string(), pinned);
    }
}
