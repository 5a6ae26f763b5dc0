//! `request_id`s of forgotten approvals. Until it expires, a tombstone takes the approval's place under the caller's
//! idempotency key, so that a repetition of the request does not count as a new one. An index finds tombstones by time.

use sled::Batch;

use super::{
    frame::corrupt,
    keys,
    records::{self, Named},
    tree_reader::TreeReader,
};
use crate::{
    domain::{Time, after, before},
    store::{Forgotten, REMEMBERED, StoreError},
};

/// Decodes the key of a `request_id`.
pub(super) fn of_key(at: Time, request_id: &[u8]) -> Result<Forgotten, StoreError> {
    let (issuer, subject, request_id) =
        keys::names_of(request_id).ok_or_else(|| corrupt("a forgotten request_id's key is malformed"))?;
    let [issuer, subject, request_id] = [issuer, subject, request_id].map(str::to_owned);
    Ok(Forgotten { at, issuer, subject, request_id })
}

/// Replaces an approval under its `request_id` by a tombstone.
pub(super) fn put(batch: &mut Batch, key: &[u8], at: Time) {
    batch.insert(key, records::encode_request_id(key, Named::Forgotten(at)));
    batch.insert(keys::forgotten(at, key), &[]);
}

/// Expired tombstones: when they were forgotten, and the key of the `request_id`. Earliest first, at most `limit`.
pub(super) fn over(pages: &TreeReader, now: Time, limit: usize) -> Result<Vec<(Time, Vec<u8>)>, StoreError> {
    // Include those that expire exactly now.
    let until = before(now, REMEMBERED) + chrono::TimeDelta::microseconds(1);
    let mut found = entries(pages, keys::forgotten_before(Some(until)), limit)?;
    found.retain(|(at, _)| after(*at, REMEMBERED) <= now); // `before` saturates in the first days of 1970
    Ok(found)
}

/// Tombstones after one, or from the first.
pub(super) fn export(
    pages: &TreeReader,
    after: Option<&Forgotten>,
    limit: usize,
) -> Result<Vec<Forgotten>, StoreError> {
    let mut range = keys::forgotten_before(None);
    if let Some(after) = after {
        // The next possible key: names contain no NUL.
        range.start = keys::forgotten(after.at, &keys::request_id_of(after));
        range.start.push(0);
    }
    entries(pages, range, limit)?.into_iter().map(|(at, key)| of_key(at, &key)).collect()
}

fn entries(
    pages: &TreeReader,
    range: std::ops::Range<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Time, Vec<u8>)>, StoreError> {
    let entry = |key: Result<sled::IVec, StoreError>| {
        keys::forgotten_of(&key?).ok_or_else(|| corrupt("an entry of the index of forgotten request_ids is malformed"))
    };
    pages.keys(range).take(limit).map(entry).collect()
}

/// Faults: a tombstone that is missing from the index, or an index entry without a tombstone.
pub(super) fn faults(pages: &TreeReader) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    for entry in pages.prefix([keys::REQUEST_ID]) {
        let (key, value) = entry?;
        if let Ok(Named::Forgotten(at)) = records::decode_request_id(&key, &value)
            && !pages.contains(keys::forgotten(at, &key))?
        {
            faults.push(format!("a request_id that was forgotten at {at} is missing from the time index"));
        }
    }
    for (at, key) in entries(pages, keys::forgotten_before(None), usize::MAX)? {
        if records::request_id(pages, &key)? != Some(Named::Forgotten(at)) {
            faults.push(format!("the time index lists a request_id that was forgotten at {at}, but it is not stored"));
        }
    }
    Ok(faults)
}
