//! The stored records: MessagePack with field names, in a [`frame`](super::frame). Decoding rejects unknown fields,
//! because a later version may add a field that restricts a record.
//!
//! An approval consists of its first event (the request; [`schemas`](super::schemas) are stored separately), the event
//! of its last edit, and a small [`Head`] that every change rewrites. An event's payload starts with the SHA-256 of the
//! previous event's payload, and the head has the hash of the newest one. Reading a whole history follows this chain,
//! and so proves that it is the history that was written.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

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
    domain::{
        Approval, ApprovalId, Claim, Decision, Digest, Event, EventKind, NotifiedChannels, Recorded, Revision,
        Revocation, Status, Time, Vote, may_notify,
    },
    store::StoreError,
};

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

/// The part of an approval that changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) revision: Revision,
    /// Hash of the newest event's payload.
    pub(super) chain: Digest,
    status: Status,
    digest: Digest,
    arguments_revision: Revision,
    updated_us: i64,
    deadline_us: i64,
    edits: u32,
    #[serde(default)]
    escalated: u32,
    #[serde(default, skip_serializing_if = "NotifiedChannels::is_empty")]
    earlier_channels: NotifiedChannels,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    votes: Vec<Vote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<Claim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocation: Option<Revocation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<Recorded>,
}

impl Head {
    /// As [`Approval::may_notify`].
    pub(super) const fn may_notify(&self) -> bool {
        may_notify(self.status, self.claim.is_some(), self.revocation.is_some())
    }
}

/// A stored event, with the hash of the previous one and its own, which the next one has.
pub(super) struct Link {
    pub(super) previous: Digest,
    pub(super) hash: Digest,
    pub(super) event: Event,
}

impl Link {
    /// Reads an event's payload.
    pub(super) fn decode(
        id: ApprovalId,
        revision: Revision,
        payload: &[u8],
        schema: impl FnOnce(Digest) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Self, StoreError> {
        let (previous, event) =
            payload.split_first_chunk().ok_or_else(|| corrupt(format!("revision {revision} of {id} is too short")))?;
        let wrong = |error| corrupt(format!("revision {revision} of {id}: {error}"));
        let mut event: Event = decode(event).map_err(wrong)?;
        if event.revision != revision {
            return Err(corrupt(format!("revision {revision} of {id} says that it is revision {}", event.revision)));
        }
        schemas::resolve(&mut event, schema)?;
        Ok(Self { previous: Digest::from_bytes(*previous), hash: Digest::of_bytes(payload), event })
    }
}

/// A stored approval, with the hash of its newest event.
pub(super) struct Stored {
    pub(super) approval: Approval,
    pub(super) chain: Digest,
}

/// Reads an approval. `None` if there is none; an error if only a part of it is stored.
pub(super) fn load(pages: &TreeReader, id: ApprovalId) -> Result<Option<Stored>, StoreError> {
    loop {
        let Some(head) = head(pages, id)? else { return absent(pages, id).map(|()| None) };
        match with(pages, id, head) {
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

/// Builds the approval of a head.
fn with(pages: &TreeReader, id: ApprovalId, head: Head) -> Result<Stored, StoreError> {
    let first = link(pages, id, 1)?;
    check(id, &first, &head)?;
    let EventKind::Requested { request, arguments, verdict, .. } = first.event.kind else {
        return Err(corrupt(format!("the first event of {id} is not a request")));
    };
    let (arguments, verdict) = if head.arguments_revision == 1 {
        (arguments, verdict)
    } else {
        let edit = link(pages, id, head.arguments_revision)?;
        check(id, &edit, &head)?;
        match edit.event.kind {
            EventKind::Edited { arguments, verdict, .. } => (arguments, verdict),
            _ => return Err(corrupt(format!("revision {} of {id} is not an edit", head.arguments_revision))),
        }
    };
    let approval = Approval {
        id,
        revision: head.revision,
        status: head.status,
        request,
        arguments,
        digest: head.digest,
        arguments_revision: head.arguments_revision,
        verdict,
        created_at: first.event.at,
        updated_at: time(head.updated_us)?,
        deadline: time(head.deadline_us)?,
        votes: head.votes,
        edits: head.edits,
        escalated: head.escalated,
        earlier_channels: head.earlier_channels,
        decision: head.decision,
        claim: head.claim,
        revocation: head.revocation,
        receipts: head.receipts,
    };
    Ok(Stored { approval, chain: head.chain })
}

/// Rejects an event that does not belong to its head, as far as the two alone can show.
fn check(id: ApprovalId, link: &Link, head: &Head) -> Result<(), StoreError> {
    let Event { revision, .. } = link.event;
    let begins = (revision == 1) == (link.previous == Digest::ZERO);
    if begins && (revision != head.revision || link.hash == head.chain) {
        return Ok(());
    }
    Err(corrupt(format!("revision {revision} of {id} differs from the recorded one")))
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
    let (mut encoded, mut chain) = (Encoded::with_capacity(1 + events.len()), previous);
    for event in events {
        let mut payload = chain.as_bytes().to_vec();
        rmp_serde::encode::write_named(&mut payload, &*schemas::named(event))
            .map_err(|error| corrupt(error.to_string()))?;
        chain = Digest::of_bytes(&payload);
        frame::cut(&mut encoded, keys::event(approval.id, event.revision), &payload)?;
    }
    let head = Head {
        revision: approval.revision,
        chain,
        status: approval.status,
        digest: approval.digest,
        arguments_revision: approval.arguments_revision,
        updated_us: approval.updated_at.timestamp_micros(),
        deadline_us: approval.deadline.timestamp_micros(),
        edits: approval.edits,
        escalated: approval.escalated,
        earlier_channels: approval.earlier_channels.clone(),
        votes: approval.votes.clone(),
        decision: approval.decision.clone(),
        claim: approval.claim.clone(),
        revocation: approval.revocation.clone(),
        receipts: approval.receipts.clone(),
    };
    cut(&mut encoded, keys::head(approval.id), &head)?;
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

fn cut(encoded: &mut Encoded, key: Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
    let payload = rmp_serde::to_vec_named(value).map_err(|error| corrupt(error.to_string()))?;
    frame::cut(encoded, key, &payload)
}

fn get<T: DeserializeOwned>(pages: &TreeReader, key: &[u8]) -> Result<Option<T>, StoreError> {
    frame::get(pages, key)?.map(|payload| decode(&payload)).transpose()
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(payload).map_err(|error| corrupt(error.to_string()))
}

fn time(micros: i64) -> Result<Time, StoreError> {
    chrono::DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt(format!("time {micros} is out of range")))
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
