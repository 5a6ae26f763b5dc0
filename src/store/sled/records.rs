//! The stored records: those of [`store::records`](records), in a [`frame`](super::frame), under their
//! [`keys`](super::keys).

use serde::de::DeserializeOwned;

mod blocks;
mod freezes;
mod lanes;
mod policies;
mod sessions;
mod signing_keys;
mod tokens;

use super::{
    frame::{self, corrupt},
    keys, schemas,
    tree_reader::TreeReader,
};
use crate::{
    domain::{Approval, ApprovalId, Digest, Event, Revision, Time},
    store::{
        StoreError,
        records::{self, EncodedApproval, time},
    },
};

pub(super) use crate::store::records::{Head, Link, Stored, decode};
pub(super) use blocks::{block, blocks, encode_block};
pub(super) use frame::Encoded;
pub(super) use freezes::{encode_freeze, freeze, freezes};
pub(super) use lanes::{encode_lane, lane, lane_from};
pub(super) use policies::{
    NamedPolicy, PolicyRecord, decode_policy_request_id, encode_policy, encode_unchanged_policy, policies,
    policies_after, policy, policy_request_id, unchanged_policies,
};
pub(super) use sessions::{encode_session, session, sessions};
pub(super) use signing_keys::{StoredKey, encode_signing_key, signing_key};
pub(super) use tokens::{encode_token, token, tokens};

/// Reads an approval. `None` if there is none; an error if only a part of it is stored.
pub(super) fn load(pages: &TreeReader, id: ApprovalId) -> Result<Option<Stored>, StoreError> {
    loop {
        let Some(head) = head(pages, id)? else { return absent(pages, id).map(|()| None) };
        match head.approval(id, |revision| link(pages, id, revision)) {
            Ok(stored) => return Ok(Some(stored)),
            // Head and events are removed together. A missing event may mean that the approval was just forgotten: then
            // the head is gone too.
            Err(error) => match self::head(pages, id)? {
                None => {}
                Some(_) => return Err(error),
            },
        }
    }
}

pub(super) fn head(pages: &TreeReader, id: ApprovalId) -> Result<Option<Head>, StoreError> {
    get(pages, &keys::head(id))
}

fn link(pages: &TreeReader, id: ApprovalId, revision: Revision) -> Result<Link, StoreError> {
    match frame::get(pages, &keys::event(id, revision))? {
        Some(payload) => Link::decode(id, revision, &payload, |hash| schemas::read(pages, hash)),
        None => Err(corrupt(format!("revision {revision} of {id} is missing"))),
    }
}

/// Checks that an approval without a head has no events either.
fn absent(pages: &TreeReader, id: ApprovalId) -> Result<(), StoreError> {
    match pages.keys(keys::events(id)).next().transpose()? {
        // Look again: it may have been recorded meanwhile.
        Some(_) if !pages.contains(keys::head(id))? && pages.keys(keys::events(id)).next().is_some() => {
            Err(corrupt(format!("{id} has events, but no head")))
        }
        _ => Ok(()),
    }
}

/// Reads events with revisions from `after + 1` to `up_to`: all of them, or none if the approval is forgotten
/// meanwhile.
pub(super) fn events(
    pages: &TreeReader,
    id: ApprovalId,
    after: Revision,
    up_to: Revision,
) -> Result<Vec<Event>, StoreError> {
    loop {
        let Some(head) = head(pages, id)? else { return absent(pages, id).map(|()| Vec::new()) };
        match range(pages, id, &head, after, up_to.min(head.revision)) {
            Ok(events) => return Ok(events),
            Err(error) => match self::head(pages, id)? {
                None => {}
                Some(_) => return Err(error),
            },
        }
    }
}

/// Reads a range of events, and verifies their chain.
fn range(
    pages: &TreeReader,
    id: ApprovalId,
    head: &Head,
    after: Revision,
    up_to: Revision,
) -> Result<Vec<Event>, StoreError> {
    if after >= up_to {
        return Ok(Vec::new());
    }
    let (mut found, mut last) = (Vec::new(), (after == 0).then_some(Digest::ZERO));
    let mut next = after + 1;
    for entry in pages.range(keys::event(id, next)..=keys::event(id, up_to)) {
        let (key, first) = entry?;
        let Some((_, revision)) = keys::event_of(&key) else { continue };
        if revision != next {
            break;
        }
        let payload = frame::join(pages, &key, first)?.ok_or_else(|| missing(id, revision))?;
        let link = Link::decode(id, revision, &payload, |hash| schemas::read(pages, hash))?;
        if last.is_some_and(|last| last != link.previous) {
            return Err(corrupt(format!("revision {revision} of {id} does not follow the one before it")));
        }
        last = Some(link.hash);
        found.push(link.event);
        next += 1;
    }
    if next <= up_to {
        return Err(missing(id, next));
    }
    if up_to == head.revision && last != Some(head.chain) {
        return Err(corrupt(format!("revision {up_to} of {id} differs from the recorded one")));
    }
    Ok(found)
}

fn missing(id: ApprovalId, revision: Revision) -> StoreError {
    corrupt(format!("revision {revision} of {id} is missing"))
}

/// Encodes an approval's head and new events; returns them with the hash of the newest event. Everything is encoded
/// before anything is added to a batch, so that a failure adds nothing.
pub(super) fn encode(approval: &Approval, events: &[Event], previous: Digest) -> Result<(Encoded, Digest), StoreError> {
    let EncodedApproval { head, events, chain } = records::encode(approval, events, previous)?;
    let mut encoded = Encoded::with_capacity(1 + events.len());
    for (revision, payload) in events {
        frame::cut(&mut encoded, keys::event(approval.id, revision), &payload)?;
    }
    frame::cut(&mut encoded, keys::head(approval.id), &head)?;
    Ok((encoded, chain))
}

/// What a caller's idempotency key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// An approval.
    Approval(ApprovalId),
    /// An approval that was forgotten at this time.
    Forgotten(Time),
}

/// Codes of [`Named`] on disk. A code never changes, and is never reused.
const APPROVAL: u8 = 1;
const FORGOTTEN: u8 = 2;

/// The value under a caller's idempotency key.
pub(super) fn encode_request_id(key: &[u8], named: Named) -> Vec<u8> {
    let payload = match named {
        Named::Approval(id) => [&[APPROVAL], &id.uuid().as_bytes()[..]].concat(),
        Named::Forgotten(at) => [&[FORGOTTEN], &at.timestamp_micros().to_be_bytes()[..]].concat(),
    };
    frame::seal(key, &payload)
}

/// Reads the value under a caller's idempotency key.
pub(super) fn request_id(pages: &TreeReader, key: &[u8]) -> Result<Option<Named>, StoreError> {
    pages.get(key)?.map(|value| decode_request_id(key, &value)).transpose()
}

pub(super) fn decode_request_id(key: &[u8], value: &[u8]) -> Result<Named, StoreError> {
    let (code, rest) = frame::open(key, value)?.split_first().ok_or_else(|| corrupt("a request_id entry is empty"))?;
    match *code {
        APPROVAL => keys::id_of(rest)
            .filter(|_| rest.len() == 16)
            .map(Named::Approval)
            .ok_or_else(|| corrupt("a request_id entry has no approval")),
        FORGOTTEN => {
            let micros = rest.try_into().map_err(|_| corrupt("a forgotten request_id has no time"))?;
            time(i64::from_be_bytes(micros)).map(Named::Forgotten)
        }
        code => Err(StoreError::Newer(format!("a request_id entry has the unknown kind {code}").into())),
    }
}

fn get<T: DeserializeOwned>(pages: &TreeReader, key: &[u8]) -> Result<Option<T>, StoreError> {
    frame::get(pages, key)?.map(|payload| decode(&payload)).transpose()
}

/// The error for a key without the id that it should have.
pub(super) fn odd_key(key: &[u8]) -> StoreError {
    corrupt(format!("the key {} names no approval", frame::shown(key)))
}

/// The error for an index entry or an idempotency key whose approval is missing.
pub(super) fn dangling(id: ApprovalId, by: &str) -> StoreError {
    corrupt(format!("{by} refers to the approval {id}, which has no record"))
}

#[cfg(test)]
mod tests;
