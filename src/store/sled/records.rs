//! What is stored under the keys: MessagePack with field names, so that later versions can add fields.
//!
//! An approval is its first event (what was asked), the event of its last edit, and a small [`Head`] that every
//! change rewrites. A page over 128 KiB would become a file that sled never syncs, so large values are cut into pieces.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sled::{IVec, Tree};

use super::keys;
use crate::{
    domain::{
        Approval, ApprovalId, Claim, Decision, Digest, Event, EventKind, Recorded, Revision, Status, Time, TokenId,
        Vote,
    },
    identity::Token,
    store::{PolicyHead, PolicyVersion, StoreError},
};

/// Most bytes in one stored value. sled splits a page only by its number of entries: it may hold 17, or 20 after a merge,
/// and all of them with their keys must stay under 128 KiB.
const PIECE: usize = 6_000;

/// The part of an approval that changes.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    revision: Revision,
    status: Status,
    digest: Digest,
    arguments_revision: Revision,
    updated_us: i64,
    deadline_us: i64,
    edits: u32,
    #[serde(default)]
    escalated: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    votes: Vec<Vote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<Claim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<Recorded>,
}

/// A version of the policy without its document, which stands beside it so that lists need not read it.
#[derive(Debug, Serialize, Deserialize)]
struct PolicyRecord {
    head: PolicyHead,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<u64>,
}

/// Reads whole approvals.
pub(super) fn load(tree: &Tree, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
    let Some(head) = get::<Head>(tree, keys::head(id))? else { return Ok(None) };
    let Some(first) = get::<Event>(tree, keys::event(id, 1))? else { return Ok(None) };
    let EventKind::Requested { request, arguments, verdict, .. } = first.kind else {
        return Err(corrupt(format!("the first event of {id} is not a request")));
    };
    let (arguments, verdict) = if head.arguments_revision == 1 {
        (arguments, verdict)
    } else {
        match get::<Event>(tree, keys::event(id, head.arguments_revision))?.map(|event| event.kind) {
            Some(EventKind::Edited { arguments, verdict, .. }) => (arguments, verdict),
            Some(_) => return Err(corrupt(format!("revision {} of {id} is not an edit", head.arguments_revision))),
            None => return Ok(None),
        }
    };
    Ok(Some(Approval {
        id,
        revision: head.revision,
        status: head.status,
        request,
        arguments,
        digest: head.digest,
        arguments_revision: head.arguments_revision,
        verdict,
        created_at: first.at,
        updated_at: time(head.updated_us)?,
        deadline: time(head.deadline_us)?,
        votes: head.votes,
        edits: head.edits,
        escalated: head.escalated,
        decision: head.decision,
        claim: head.claim,
        receipts: head.receipts,
    }))
}

/// Reads events with revisions from `after + 1` to `up_to`: all of them, or none when they are pruned meanwhile.
pub(super) fn events(tree: &Tree, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
    let (mut found, last) = (Vec::new(), keys::event(id, up_to));
    for entry in tree.range(keys::event(id, after.saturating_add(1))..=last) {
        let (key, value) = entry.map_err(broken)?;
        if key.len() == keys::EVENT_LEN {
            let Some(bytes) = whole(tree, &key, value)? else { return Ok(Vec::new()) };
            found.push(decode(&bytes)?);
        }
    }
    if !tree.contains_key(keys::head(id)).map_err(broken)? {
        found.clear();
    }
    Ok(found)
}

/// Keys and values of an approval's head and of new events, ready to be written.
pub(super) type Encoded = Vec<(Vec<u8>, Vec<u8>)>;

/// Encodes everything first, so that a failure leaves nothing half-written in a batch.
pub(super) fn encode(approval: &Approval, events: &[Event]) -> Result<Encoded, StoreError> {
    let head = Head {
        revision: approval.revision,
        status: approval.status,
        digest: approval.digest,
        arguments_revision: approval.arguments_revision,
        updated_us: approval.updated_at.timestamp_micros(),
        deadline_us: approval.deadline.timestamp_micros(),
        edits: approval.edits,
        escalated: approval.escalated,
        votes: approval.votes.clone(),
        decision: approval.decision.clone(),
        claim: approval.claim.clone(),
        receipts: approval.receipts.clone(),
    };
    let mut encoded = Encoded::with_capacity(1 + events.len());
    cut(&mut encoded, keys::head(approval.id), &head)?;
    for event in events {
        cut(&mut encoded, keys::event(approval.id, event.revision), event)?;
    }
    Ok(encoded)
}

/// Reads a version of the policy.
pub(super) fn policy(tree: &Tree, version: u64) -> Result<Option<PolicyVersion>, StoreError> {
    let Some(PolicyRecord { head, request_id, expected }) = get(tree, keys::policy(version))? else { return Ok(None) };
    let document = get(tree, keys::policy_document(version))?
        .ok_or_else(|| corrupt(format!("version {version} of the policy has no document")))?;
    Ok(Some(PolicyVersion { head, request_id, expected, document }))
}

/// Reads heads of versions of the policy before one, or of all: the newest first.
pub(super) fn policies(tree: &Tree, before: Option<u64>, limit: usize) -> Result<Vec<PolicyHead>, StoreError> {
    let mut found = Vec::new();
    for entry in tree.range(keys::policies_before(before)).rev() {
        if found.len() == limit {
            break;
        }
        let (key, value) = entry.map_err(broken)?;
        if key.len() == keys::POLICY_LEN {
            let bytes = whole(tree, &key, value)?.ok_or_else(|| corrupt("a version of the policy is gone".into()))?;
            found.push(decode::<PolicyRecord>(&bytes)?.head);
        }
    }
    Ok(found)
}

/// Reads versions of the policy after one, in order.
pub(super) fn policies_after(tree: &Tree, after: u64, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
    let mut found = Vec::new();
    for key in tree.range(keys::policies_after(after)).keys() {
        if found.len() == limit {
            break;
        }
        let key = key.map_err(broken)?;
        if let Some(version) = keys::policy_version_of(&key).filter(|_| key.len() == keys::POLICY_LEN) {
            found.extend(policy(tree, version)?);
        }
    }
    Ok(found)
}

/// Keys and values of a version of the policy: its head, its document and its author's idempotency key.
pub(super) fn encode_policy(version: &PolicyVersion) -> Result<Encoded, StoreError> {
    let PolicyVersion { head, request_id, expected, document } = version;
    let record = PolicyRecord { head: head.clone(), request_id: request_id.clone(), expected: *expected };
    let mut encoded = Encoded::new();
    cut(&mut encoded, keys::policy(head.version), &record)?;
    cut(&mut encoded, keys::policy_document(head.version), document)?;
    if let Some(request_id) = request_id {
        let key = keys::policy_request_id(&head.author, request_id);
        encoded.push((key, head.version.to_be_bytes().to_vec()));
    }
    Ok(encoded)
}

/// Reads a token.
pub(super) fn token(tree: &Tree, id: TokenId) -> Result<Option<Token>, StoreError> {
    get(tree, keys::token(id))
}

/// Reads every token, in order.
pub(super) fn tokens(tree: &Tree) -> Result<Vec<Token>, StoreError> {
    let mut found = Vec::new();
    for entry in tree.range(keys::tokens()) {
        let (key, value) = entry.map_err(broken)?;
        if key.len() == keys::TOKEN_LEN
            && let Some(bytes) = whole(tree, &key, value)?
        {
            found.push(decode(&bytes)?);
        }
    }
    Ok(found)
}

/// Keys and values of a token.
pub(super) fn encode_token(token: &Token) -> Result<Encoded, StoreError> {
    let mut encoded = Encoded::new();
    cut(&mut encoded, keys::token(token.id), token)?;
    Ok(encoded)
}

/// Adds a value, in as many pieces as it needs. The first begins with the number of further ones.
fn cut(encoded: &mut Encoded, key: Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
    let mut bytes = vec![0];
    rmp_serde::encode::write_named(&mut bytes, value).map_err(|error| corrupt(error.to_string()))?;
    let rest = bytes.split_off(bytes.len().min(PIECE));
    let pieces = rest.chunks(PIECE);
    bytes[0] = u8::try_from(pieces.len()).map_err(|_| corrupt(format!("{} bytes in one record", rest.len())))?;
    encoded.extend((1..=bytes[0]).zip(pieces).map(|(number, piece)| ([&key[..], &[number]].concat(), piece.to_vec())));
    encoded.push((key, bytes));
    Ok(())
}

fn get<T: DeserializeOwned>(tree: &Tree, key: Vec<u8>) -> Result<Option<T>, StoreError> {
    match tree.get(&key).map_err(broken)? {
        Some(value) => whole(tree, &key, value)?.map(|bytes| decode(&bytes)).transpose(),
        None => Ok(None),
    }
}

/// Joins the pieces of a value; `None` when it was removed meanwhile. Pieces are read one by one while the writer may
/// replace them, so they belong together only if the first, which differs in every version, is still the same.
fn whole(tree: &Tree, key: &[u8], mut first: IVec) -> Result<Option<Vec<u8>>, StoreError> {
    loop {
        let (more, rest) = first.split_first().ok_or_else(|| corrupt("an empty record".into()))?;
        let (mut bytes, mut missing) = (rest.to_vec(), false);
        for number in 1..=*more {
            match tree.get([key, &[number]].concat()).map_err(broken)? {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => missing = true,
            }
        }
        if *more == 0 {
            return Ok(Some(bytes));
        }
        match tree.get(key).map_err(broken)? {
            None => return Ok(None),
            Some(now) if now != first => first = now,
            Some(_) if missing => return Err(corrupt("a record lacks a piece".into())),
            Some(_) => return Ok(Some(bytes)),
        }
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|error| corrupt(error.to_string()))
}

fn time(micros: i64) -> Result<Time, StoreError> {
    chrono::DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt(format!("time {micros}")))
}

pub(super) fn corrupt(what: String) -> StoreError {
    StoreError::Corrupt(Arc::from(what))
}

pub(super) fn broken(error: sled::Error) -> StoreError {
    StoreError::Unavailable(Arc::from(error.to_string()))
}
