//! Versions of the policy.

use serde::{Deserialize, Serialize};

use super::{Encoded, decode, get};
use crate::store::{
    PolicyHead, PolicyVersion, StoreError, UnchangedPolicy,
    records::to_bytes,
    sled::{
        frame::{self, corrupt},
        keys,
        tree_reader::TreeReader,
    },
};

/// A version of the policy without its document. The document has its own key, so that lists need not read it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PolicyRecord {
    pub(in super::super) head: PolicyHead,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) expected: Option<u64>,
}

/// Reads a version of the policy.
pub(in super::super) fn policy(pages: &TreeReader, version: u64) -> Result<Option<PolicyVersion>, StoreError> {
    let document = get(pages, &keys::policy_document(version))?;
    let (record, document) = match (get(pages, &keys::policy(version))?, document) {
        (None, None) => return Ok(None),
        (Some(record), Some(document)) => (record, document),
        // Both are written together. The document was read first, so it may have been written since.
        (Some(record), None) => match get(pages, &keys::policy_document(version))? {
            Some(document) => (record, document),
            None => return Err(corrupt(format!("version {version} of the policy has no document"))),
        },
        (None, Some(_)) => return Err(corrupt(format!("version {version} of the policy has only a document"))),
    };
    let PolicyRecord { head, request_id, expected } = record;
    numbered(version, &head)?;
    Ok(Some(PolicyVersion { head, request_id, expected, document }))
}

fn numbered(version: u64, head: &PolicyHead) -> Result<(), StoreError> {
    if head.version == version {
        return Ok(());
    }
    Err(corrupt(format!("version {version} of the policy says that it is version {}", head.version)))
}

/// Reads heads of versions of the policy before one, or of all: newest first.
pub(in super::super) fn policies(
    pages: &TreeReader,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<PolicyHead>, StoreError> {
    let mut found: Vec<PolicyHead> = Vec::new();
    for entry in pages.range(keys::policies_before(before)).rev() {
        if found.len() == limit {
            break;
        }
        let (key, first) = entry?;
        let Some(version) = keys::policy_of(&key) else { continue };
        let payload = frame::join(pages, &key, first)?
            .ok_or_else(|| corrupt(format!("version {version} of the policy is gone")))?;
        let head = decode::<PolicyRecord>(&payload)?.head;
        numbered(version, &head)?;
        if found.last().is_some_and(|newer| newer.version != version + 1) {
            return Err(corrupt(format!("version {} of the policy is missing", version + 1)));
        }
        found.push(head);
    }
    Ok(found)
}

/// Reads versions of the policy after one, in order.
pub(in super::super) fn policies_after(
    pages: &TreeReader,
    after: u64,
    limit: usize,
) -> Result<Vec<PolicyVersion>, StoreError> {
    let mut found: Vec<PolicyVersion> = Vec::new();
    for key in pages.keys(keys::policies_after(after)) {
        if found.len() == limit {
            break;
        }
        let Some(version) = keys::policy_of(&key?) else { continue };
        let expected = after + 1 + found.len() as u64;
        if version != expected {
            return Err(corrupt(format!("version {expected} of the policy is missing")));
        }
        found.extend(policy(pages, version)?);
    }
    Ok(found)
}

/// Keys and values of a version of the policy: its head, its document and its author's idempotency key.
pub(in super::super) fn encode_policy(version: &PolicyVersion) -> Result<Encoded, StoreError> {
    let PolicyVersion { head, request_id, expected, document } = version;
    let record = PolicyRecord { head: head.clone(), request_id: request_id.clone(), expected: *expected };
    let mut encoded = Encoded::new();
    frame::cut(&mut encoded, keys::policy(head.version), &to_bytes(&record)?)?;
    frame::cut(&mut encoded, keys::policy_document(head.version), &to_bytes(document)?)?;
    if let Some(request_id) = request_id {
        let key = keys::policy_request_id(&head.author, request_id);
        let value = frame::seal(&key, &head.version.to_be_bytes());
        encoded.push((key, value));
    }
    Ok(encoded)
}

/// What an author's idempotency key leads to.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum NamedPolicy {
    /// The version that it made: eight bytes.
    Version(u64),
    /// A call that made no version: its record, which is longer.
    Unchanged(UnchangedPolicy),
}

impl NamedPolicy {
    /// The version that a repetition gets.
    pub(in super::super) const fn version(&self) -> u64 {
        match self {
            Self::Version(version) => *version,
            Self::Unchanged(call) => call.version,
        }
    }
}

/// Reads the value under an author's idempotency key.
pub(in super::super) fn policy_request_id(pages: &TreeReader, key: &[u8]) -> Result<Option<NamedPolicy>, StoreError> {
    pages.get(key)?.map(|value| decode_policy_request_id(key, &value)).transpose()
}

pub(in super::super) fn decode_policy_request_id(key: &[u8], value: &[u8]) -> Result<NamedPolicy, StoreError> {
    let payload = frame::open(key, value)?;
    if let Ok(number) = payload.try_into() {
        return Ok(NamedPolicy::Version(u64::from_be_bytes(number)));
    }
    let call: UnchangedPolicy = decode(payload)?;
    if keys::policy_request_id(&call.author, &call.request_id) != key {
        return Err(corrupt("a request_id of SetPolicy is stored under another key"));
    }
    Ok(NamedPolicy::Unchanged(call))
}

/// Key and value of a call that made no version. It fits into one value, because it has only a hash of the comment.
pub(in super::super) fn encode_unchanged_policy(call: &UnchangedPolicy) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let key = keys::policy_request_id(&call.author, &call.request_id);
    let payload = rmp_serde::to_vec_named(call).map_err(|error| corrupt(error.to_string()))?;
    let value = frame::seal(&key, &payload);
    Ok((key, value))
}

/// Reads calls that made no version, after one, or from the first.
pub(in super::super) fn unchanged_policies(
    pages: &TreeReader,
    after: Option<&UnchangedPolicy>,
    limit: usize,
) -> Result<Vec<UnchangedPolicy>, StoreError> {
    let after = after.map(|call| keys::policy_request_id(&call.author, &call.request_id));
    let mut found = Vec::new();
    for entry in pages.range(keys::policy_request_ids_after(after)) {
        if found.len() == limit {
            break;
        }
        let (key, value) = entry?;
        if let NamedPolicy::Unchanged(call) = decode_policy_request_id(&key, &value)? {
            found.push(call);
        }
    }
    Ok(found)
}
