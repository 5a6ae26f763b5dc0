//! Names of what is stored. One tree, one byte of prefix each, numbers big-endian so that keys sort as they count.

use std::ops::{Bound, RangeInclusive};

use crate::domain::{Actor, ApprovalId, Revision, Status, Time, TokenId, to_micros};
use uuid::Uuid;

const HEAD: u8 = b'h';
const EVENT: u8 = b'e';
const REQUEST_ID: u8 = b'q';
const DEADLINE: u8 = b'd';
const DECIDED: u8 = b'r';
const INDEX: u8 = b'i';
const POLICY: u8 = b'p';
const POLICY_DOCUMENT: u8 = b't';
const POLICY_REQUEST_ID: u8 = b'k';
const TOKEN: u8 = b's';

/// The schema version.
pub(super) const SCHEMA: &[u8] = b"m/schema";

const ID: usize = 16;
const END: ApprovalId = ApprovalId::new(Uuid::max());
const START: ApprovalId = ApprovalId::new(Uuid::nil());

/// What lists can filter by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    /// Every approval: its head.
    All,
    Status(Status),
    Tool(&'a str),
    Agent(&'a str),
    Caller(&'a str),
    Label(&'a str, &'a str),
}

impl Field<'_> {
    /// What all keys of this field and value begin with; an approval's id follows. Names and values hold no NUL.
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
            Self::Status(status) => vec![INDEX, b's', *status as u8],
            Self::Tool(name) => text(b't', &[name]),
            Self::Agent(name) => text(b'a', &[name]),
            Self::Caller(name) => text(b'c', &[name]),
            Self::Label(name, value) => text(b'l', &[name, value]),
        }
    }

    pub(super) fn key(&self, id: ApprovalId) -> Vec<u8> {
        with_id(self.prefix(), id)
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

/// Length of an event's key; longer ones are further pieces of a large event.
pub(super) const EVENT_LEN: usize = 1 + ID + 8;

/// Length of a head's key.
pub(super) const HEAD_LEN: usize = 1 + ID;

/// A caller's idempotency key. Names hold no NUL.
pub(super) fn request_id(caller: &Actor, request_id: &str) -> Vec<u8> {
    named(REQUEST_ID, caller, request_id)
}

fn named(prefix: u8, Actor { issuer, subject, .. }: &Actor, request_id: &str) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice([issuer, subject, request_id].join("\0").as_bytes());
    key
}

/// What tells a caller from any other.
pub(super) fn caller(Actor { issuer, subject, .. }: &Actor) -> String {
    [issuer.as_str(), subject].join("\0")
}

pub(super) fn deadline(time: Time, id: ApprovalId) -> Vec<u8> {
    timed(DEADLINE, time, id)
}

pub(super) fn decided(time: Time, id: ApprovalId) -> Vec<u8> {
    timed(DECIDED, time, id)
}

/// Deadlines up to and including a moment, the earliest first.
pub(super) fn deadlines_until(now: Time) -> RangeInclusive<Vec<u8>> {
    vec![DEADLINE]..=timed(DEADLINE, now, END)
}

/// Deadlines after a moment, the earliest first.
pub(super) fn deadlines_after(now: Time) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (Bound::Excluded(timed(DEADLINE, now, END)), Bound::Excluded(vec![DEADLINE + 1]))
}

/// Decisions before a moment, the oldest first.
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

/// A token; further pieces of a large one have longer keys.
pub(super) fn token(id: TokenId) -> Vec<u8> {
    let mut key = vec![TOKEN];
    key.extend_from_slice(id.uuid().as_bytes());
    key
}

/// Length of that key.
pub(super) const TOKEN_LEN: usize = 1 + ID;

/// Everything of every token.
pub(super) fn tokens() -> std::ops::Range<Vec<u8>> {
    vec![TOKEN]..vec![TOKEN + 1]
}

/// A token's key and those of its further pieces.
pub(super) fn pieces_of_token(id: TokenId) -> RangeInclusive<Vec<u8>> {
    let first = token(id);
    let last = [&first[..], &[0xff]].concat();
    first..=last
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

/// An author's idempotency key. Names hold no NUL.
pub(super) fn policy_request_id(author: &Actor, request_id: &str) -> Vec<u8> {
    named(POLICY_REQUEST_ID, author, request_id)
}

/// Versions before one, or all; the oldest first.
pub(super) fn policies_before(version: Option<u64>) -> std::ops::Range<Vec<u8>> {
    vec![POLICY]..version.map_or(vec![POLICY + 1], policy)
}

/// Versions after one, the oldest first.
pub(super) fn policies_after(version: u64) -> std::ops::Range<Vec<u8>> {
    policy(version.saturating_add(1))..vec![POLICY + 1]
}

/// The version at the end of a key, or in a value.
pub(super) fn policy_version_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}
