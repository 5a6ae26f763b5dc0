//! The keys of all records and index entries.
//!
//! **One tree.** sled applies a batch atomically within one tree only. A change of an approval writes its head, its
//! event, its index entries and the record of its group, and a crash must leave all of them or none. So everything is
//! in one tree, and the first byte of a key says what it is.
//!
//! **Order.** sled sorts keys by their bytes, and reads ranges in that order. Big-endian numbers sort as they count, so
//! "deadlines up to now", "the newest record of a group" and "events after revision 3" are each one short range. Ids
//! are UUIDv7, which begin with the time: ranges of ids are in order of creation.
//!
//! **Index entries** end with the id of their approval, so that the entries of one value are sorted by id, and lists
//! can intersect several indexes ([`id_set`](super::id_set)). Names in keys end with a NUL, which no name contains, so
//! that the entries of `a` do not include those of `ab`.
//!
//! Keys are part of the stored format. A change needs a new schema version, and a migration.

mod lanes;
mod signing_keys;
mod uuid_records;

use std::ops::{Bound, RangeInclusive};

use uuid::Uuid;

pub(super) use self::{
    lanes::{lane, lane_of, lanes, lanes_after, lanes_of, pieces_of_lane},
    signing_keys::{signing_key, signing_key_of, signing_keys},
    uuid_records::{
        block, block_of, blocks, freeze, freeze_of, freezes, pieces_of_block, pieces_of_freeze, pieces_of_session,
        pieces_of_token, session, session_of, sessions, token, token_of, tokens,
    },
};
use crate::{
    domain::{Actor, ApprovalId, Digest, Revision, Status, Time, name::composed, to_micros},
    store::Forgotten,
};

const HEAD: u8 = b'h';
const EVENT: u8 = b'e';
pub(super) const REQUEST_ID: u8 = b'q';
const FORGOTTEN: u8 = b'f';
const DEADLINE: u8 = b'd';
const DECIDED: u8 = b'r';
const INDEX: u8 = b'i';
const POLICY: u8 = b'p';
const POLICY_DOCUMENT: u8 = b't';
const POLICY_REQUEST_ID: u8 = b'k';
const TOKEN: u8 = b's';
const GROUP: u8 = b'g';
const SCHEMA_TEXT: u8 = b'j';
const FREEZE: u8 = b'z';
const REJECTION: u8 = b'n';
const SESSION: u8 = b'a';
const BLOCK: u8 = b'b';
const LANE: u8 = b'o';
const SIGNING_KEY: u8 = b'y';

/// The schema version: four bytes. Every build writes and reads it in this form.
pub(super) const SCHEMA: &[u8] = b"m/schema";
/// The store's id. The watermark has it too.
pub(super) const STORE: &[u8] = b"m/store";
/// The start of the chain of groups.
pub(super) const CHECKPOINT: &[u8] = b"m/groups";

/// Prefixes of the indexes of approvals, with their names.
pub(super) const INDEXES: [(u8, &str); 5] = [
    (REQUEST_ID, "request_ids"),
    (DEADLINE, "deadlines"),
    (DECIDED, "decisions"),
    (REJECTION, "remembered rejections"),
    (INDEX, "lists"),
];

const ID: usize = 16;
const END: ApprovalId = ApprovalId::new(Uuid::max());
const START: ApprovalId = ApprovalId::new(Uuid::nil());

/// Fields that lists can filter by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    /// Every approval: its head.
    All,
    Status(Status),
    Tool(&'a str),
    Agent(&'a str),
    Caller(&'a str),
    Label(&'a str, &'a str),
    /// Approvals whose requests use this schema. The schema is stored while there are any.
    Schema(Digest),
}

impl Field<'_> {
    /// The prefix of all keys of this field and value; an approval's id follows it.
    pub(super) fn prefix(&self) -> Vec<u8> {
        let text = |field: u8, parts: &[&str]| {
            let mut key = vec![INDEX, field];
            for part in parts {
                key.extend_from_slice(part.as_bytes());
                key.push(0);
            }
            key
        };
        match self {
            Self::All => vec![HEAD],
            Self::Status(status) => vec![INDEX, b's', status_code(*status)],
            Self::Tool(name) => text(b't', &[name]),
            Self::Agent(name) => text(b'a', &[name]),
            Self::Caller(name) => text(b'c', &[&composed(name)]),
            Self::Label(name, value) => text(b'l', &[name, value]),
            Self::Schema(hash) => [&[INDEX, b'j'], &hash.as_bytes()[..]].concat(),
        }
    }

    pub(super) fn key(&self, id: ApprovalId) -> Vec<u8> {
        with_id(self.prefix(), id)
    }
}

/// The code of a status in keys. A code never changes, and is never reused.
const fn status_code(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Approved => 1,
        Status::Rejected => 2,
        Status::TimedOut => 3,
        Status::Cancelled => 4,
        Status::AutoApproved => 5,
        Status::AutoRejected => 6,
    }
}

fn with_id(mut key: Vec<u8>, id: ApprovalId) -> Vec<u8> {
    key.extend_from_slice(id.uuid().as_bytes());
    key
}

fn timed(prefix: u8, time: Time, id: ApprovalId) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&to_micros(time).to_be_bytes());
    with_id(key, id)
}

pub(super) fn head(id: ApprovalId) -> Vec<u8> {
    with_id(vec![HEAD], id)
}

pub(super) fn event(id: ApprovalId, revision: Revision) -> Vec<u8> {
    let mut key = with_id(vec![EVENT], id);
    key.extend_from_slice(&revision.to_be_bytes());
    key
}

/// Every event of an approval, with the further pieces of large ones.
pub(super) fn events(id: ApprovalId) -> RangeInclusive<Vec<u8>> {
    event(id, 0)..=event(id, Revision::MAX)
}

/// The approval and the revision in an event's key.
pub(super) fn event_of(key: &[u8]) -> Option<(ApprovalId, Revision)> {
    let (rest, revision) = key.split_last_chunk()?;
    let id = id_of(rest).filter(|_| key.len() == EVENT_LEN && key[0] == EVENT)?;
    Some((id, Revision::from_be_bytes(*revision)))
}

/// The approval in a head's key.
pub(super) fn head_of(key: &[u8]) -> Option<ApprovalId> {
    id_of(key).filter(|_| key.len() == HEAD_LEN && key[0] == HEAD)
}

/// Length of an event's key; longer ones are further pieces of a large event.
pub(super) const EVENT_LEN: usize = 1 + ID + 8;

/// Length of a head's key.
pub(super) const HEAD_LEN: usize = 1 + ID;

/// A caller's idempotency key.
pub(super) fn request_id(caller: &Actor, request_id: &str) -> Vec<u8> {
    named(REQUEST_ID, caller, request_id)
}

/// The idempotency key of a forgotten approval.
pub(super) fn request_id_of(forgotten: &Forgotten) -> Vec<u8> {
    let names = [&*composed(&forgotten.issuer), &composed(&forgotten.subject), &forgotten.request_id];
    [&[REQUEST_ID], names.join("\0").as_bytes()].concat()
}

/// An entry of the time index of forgotten `request_id`s; `request_id` is the key of one.
pub(super) fn forgotten(at: Time, request_id: &[u8]) -> Vec<u8> {
    let mut key = vec![FORGOTTEN];
    key.extend_from_slice(&to_micros(at).to_be_bytes());
    key.extend_from_slice(request_id.get(1..).unwrap_or_default());
    key
}

/// Entries of that index before a time, or all: earliest first.
pub(super) fn forgotten_before(time: Option<Time>) -> std::ops::Range<Vec<u8>> {
    vec![FORGOTTEN]..time.map_or(vec![FORGOTTEN + 1], |time| forgotten(time, &[]))
}

/// The time in such an entry, and the key of its `request_id`.
pub(super) fn forgotten_of(key: &[u8]) -> Option<(Time, Vec<u8>)> {
    let (time, name) = key.strip_prefix(&[FORGOTTEN])?.split_first_chunk()?;
    let micros = i64::try_from(u64::from_be_bytes(*time)).ok()?;
    Some((chrono::DateTime::from_timestamp_micros(micros)?, [&[REQUEST_ID], name].concat()))
}

/// Issuer and subject of the caller, and the idempotency key, in a key of [`request_id`].
pub(super) fn names_of(request_id: &[u8]) -> Option<(&str, &str, &str)> {
    let mut names = std::str::from_utf8(request_id.strip_prefix(&[REQUEST_ID])?).ok()?.splitn(3, '\0');
    Some((names.next()?, names.next()?, names.next()?))
}

fn named(prefix: u8, Actor { issuer, subject, .. }: &Actor, request_id: &str) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice([&*composed(issuer), &composed(subject), request_id].join("\0").as_bytes());
    key
}

/// A caller's issuer and subject, in the normalized form in which names are compared. A caller that was recorded before
/// names were normalized is thus the same caller.
pub(super) fn caller(Actor { issuer, subject, .. }: &Actor) -> String {
    [composed(issuer), composed(subject)].join("\0")
}

pub(super) fn deadline(time: Time, id: ApprovalId) -> Vec<u8> {
    timed(DEADLINE, time, id)
}

pub(super) fn decided(time: Time, id: ApprovalId) -> Vec<u8> {
    timed(DECIDED, time, id)
}

/// An entry of the index of remembered rejections: the call, the time until which its rejection is remembered, and the
/// id of the rejected approval. The entry stays as long as the approval, even after that time.
pub(super) fn rejection((call, until): (Digest, Time), id: ApprovalId) -> Vec<u8> {
    let mut key = [&[REJECTION], &call.as_bytes()[..]].concat();
    key.extend_from_slice(&to_micros(until).to_be_bytes());
    with_id(key, id)
}

/// The rejections of a call that are remembered at a time: the one that is remembered longest comes last.
pub(super) fn rejections(call: Digest, now: Time) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let last = [&[REJECTION], &call.as_bytes()[..], &[0xff; 8 + ID]].concat();
    (Bound::Excluded(rejection((call, now), END)), Bound::Included(last))
}

/// Deadlines up to and including a time, earliest first.
pub(super) fn deadlines_until(now: Time) -> RangeInclusive<Vec<u8>> {
    vec![DEADLINE]..=timed(DEADLINE, now, END)
}

/// Deadlines after a time, earliest first.
pub(super) fn deadlines_after(now: Time) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (Bound::Excluded(timed(DEADLINE, now, END)), Bound::Excluded(vec![DEADLINE + 1]))
}

/// Decisions before a time, oldest first.
pub(super) fn decided_before(time: Time) -> std::ops::Range<Vec<u8>> {
    vec![DECIDED]..timed(DECIDED, time, START)
}

/// The id at the end of a key.
pub(super) fn id_of(key: &[u8]) -> Option<ApprovalId> {
    let tail = key.len().checked_sub(ID)?;
    Some(ApprovalId::new(Uuid::from_slice(&key[tail..]).ok()?))
}

/// The time in a deadline's key.
pub(super) fn time_of(key: &[u8]) -> Option<Time> {
    let micros = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    chrono::DateTime::from_timestamp_micros(i64::try_from(micros).ok()?)
}

/// The record of a group of commits.
pub(super) fn group(counter: u64) -> Vec<u8> {
    numbered(GROUP, counter)
}

/// Length of that key; longer ones are further pieces of a large record.
pub(super) const GROUP_LEN: usize = 1 + 8;

/// All records of groups, in order.
pub(super) fn groups() -> std::ops::Range<Vec<u8>> {
    vec![GROUP]..vec![GROUP + 1]
}

/// Records of the groups after one, in order.
pub(super) fn groups_after(counter: u64) -> std::ops::Range<Vec<u8>> {
    group(counter.saturating_add(1))..vec![GROUP + 1]
}

/// The number in a group's key.
pub(super) fn group_of(key: &[u8]) -> Option<u64> {
    let counter = key.strip_prefix(&[GROUP]).filter(|_| key.len() == GROUP_LEN)?;
    Some(u64::from_be_bytes(counter.try_into().ok()?))
}

fn numbered(prefix: u8, version: u64) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// The head of a version of the policy.
pub(super) fn policy(version: u64) -> Vec<u8> {
    numbered(POLICY, version)
}

/// Length of that key; longer ones are further pieces of a large head.
pub(super) const POLICY_LEN: usize = 1 + 8;

pub(super) fn policy_document(version: u64) -> Vec<u8> {
    numbered(POLICY_DOCUMENT, version)
}

/// An author's idempotency key.
pub(super) fn policy_request_id(author: &Actor, request_id: &str) -> Vec<u8> {
    named(POLICY_REQUEST_ID, author, request_id)
}

/// All authors' idempotency keys after one, or from the first.
pub(super) fn policy_request_ids_after(key: Option<Vec<u8>>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (Bound::Excluded(key.unwrap_or_else(|| vec![POLICY_REQUEST_ID])), Bound::Excluded(vec![POLICY_REQUEST_ID + 1]))
}

/// Whether a key is an author's idempotency key.
pub(super) fn is_policy_request_id(key: &[u8]) -> bool {
    key.first() == Some(&POLICY_REQUEST_ID)
}

/// Versions before one, or all; oldest first.
pub(super) fn policies_before(version: Option<u64>) -> std::ops::Range<Vec<u8>> {
    vec![POLICY]..version.map_or(vec![POLICY + 1], policy)
}

/// Versions after one, oldest first.
pub(super) fn policies_after(version: u64) -> std::ops::Range<Vec<u8>> {
    policy(version.saturating_add(1))..vec![POLICY + 1]
}

/// A JSON Schema; further pieces of a large one have longer keys.
pub(super) fn schema(hash: &Digest) -> Vec<u8> {
    [&[SCHEMA_TEXT], &hash.as_bytes()[..]].concat()
}

/// Length of that key.
pub(super) const SCHEMA_LEN: usize = 1 + 32;

/// All keys of JSON Schemas.
pub(super) fn schemas() -> std::ops::Range<Vec<u8>> {
    vec![SCHEMA_TEXT]..vec![SCHEMA_TEXT + 1]
}

/// The hash in a JSON Schema's key.
pub(super) fn schema_of(key: &[u8]) -> Option<Digest> {
    let hash = key.strip_prefix(&[SCHEMA_TEXT]).filter(|_| key.len() == SCHEMA_LEN)?;
    Some(Digest::from_bytes(hash.try_into().ok()?))
}

/// Whether a key belongs to a record or to a piece of one. Index entries can be rebuilt; records cannot.
pub(super) fn is_record(key: &[u8]) -> bool {
    let records =
        [HEAD, EVENT, POLICY, POLICY_DOCUMENT, TOKEN, GROUP, SCHEMA_TEXT, FREEZE, SESSION, BLOCK, LANE, SIGNING_KEY];
    key.first().is_some_and(|prefix| records.contains(prefix)) || key.starts_with(CHECKPOINT)
}

/// Whether a key is exactly that of a record, not of a further piece.
pub(super) fn is_whole_record(key: &[u8]) -> bool {
    let approval = head_of(key).is_some() || event_of(key).is_some() || schema_of(key).is_some();
    approval
        || policy_of(key).is_some()
        || token_of(key).is_some()
        || group_of(key).is_some()
        || freeze_of(key).is_some()
        || session_of(key).is_some()
        || block_of(key).is_some()
        || lane_of(key).is_some()
        || signing_key_of(key).is_some()
}

/// The version in the key of a policy's head.
pub(super) fn policy_of(key: &[u8]) -> Option<u64> {
    let version = key.strip_prefix(&[POLICY]).filter(|_| key.len() == POLICY_LEN)?;
    Some(u64::from_be_bytes(version.try_into().ok()?))
}

#[cfg(test)]
mod tests;
