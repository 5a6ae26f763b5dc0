//! The stored form of approvals, which all engines share: MessagePack with field names. Decoding rejects unknown fields
//! and kinds, because a later version may add one that restricts a record: that is [`StoreError::Newer`].
//!
//! A server of this version decides by the head, and reads only the events that it needs. So a later version that adds
//! an event with an effect on decisions must also add a field to the head.
//!
//! An approval consists of its first event (the request), the event of its last edit, and a small [`Head`] that every
//! change rewrites. An event's payload starts with the SHA-256 of the previous event's payload, and the head has the hash
//! of the newest one. Reading a whole history follows this chain, and so proves that it is the history that was written.
//!
//! JSON Schemas are stored separately, once by their hash: the first event holds the hash.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::StoreError;
use crate::domain::{
    Approval, ApprovalId, Claim, Decision, Digest, Event, EventKind, NotifiedChannels, Recorded, Request, Revision,
    Revocation, Status, Time, Vote, may_notify,
};

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
    fn of(approval: &Approval, chain: Digest) -> Self {
        Self {
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
        }
    }

    /// As [`Approval::may_notify`].
    pub(super) const fn may_notify(&self) -> bool {
        may_notify(self.status, self.claim.is_some(), self.revocation.is_some())
    }

    /// Builds the approval of a head. `link` reads an event by its revision.
    pub(super) fn approval(
        self,
        id: ApprovalId,
        link: impl Fn(Revision) -> Result<Link, StoreError>,
    ) -> Result<Stored, StoreError> {
        let first = link(1)?;
        check(id, &first, &self)?;
        let EventKind::Requested { request, arguments, verdict, .. } = first.event.kind else {
            return Err(corrupt(format!("the first event of {id} is not a request")));
        };
        let (arguments, verdict) = if self.arguments_revision == 1 {
            (arguments, verdict)
        } else {
            let edit = link(self.arguments_revision)?;
            check(id, &edit, &self)?;
            match edit.event.kind {
                EventKind::Edited { arguments, verdict, .. } => (arguments, verdict),
                _ => return Err(corrupt(format!("revision {} of {id} is not an edit", self.arguments_revision))),
            }
        };
        let approval = Approval {
            id,
            revision: self.revision,
            status: self.status,
            request,
            arguments,
            digest: self.digest,
            arguments_revision: self.arguments_revision,
            verdict,
            created_at: first.event.at,
            updated_at: time(self.updated_us)?,
            deadline: time(self.deadline_us)?,
            votes: self.votes,
            edits: self.edits,
            escalated: self.escalated,
            earlier_channels: self.earlier_channels,
            decision: self.decision,
            claim: self.claim,
            revocation: self.revocation,
            receipts: self.receipts,
        };
        Ok(Stored { approval, chain: self.chain })
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
        let place = format!("revision {revision} of {id}: ");
        let mut event: Event = rmp_serde::from_slice(event).map_err(|error| undecodable(&place, &error))?;
        if event.revision != revision {
            return Err(corrupt(format!("revision {revision} of {id} says that it is revision {}", event.revision)));
        }
        resolve(&mut event, schema)?;
        Ok(Self { previous: Digest::from_bytes(*previous), hash: Digest::of_bytes(payload), event })
    }
}

/// A stored approval, with the hash of its newest event.
pub(super) struct Stored {
    pub(super) approval: Approval,
    pub(super) chain: Digest,
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

/// Encodes an approval's head and the payloads of its new events, with their revisions; returns them with the hash of
/// the newest event. `previous`: the hash of the event before them.
pub(super) fn encode(approval: &Approval, events: &[Event], previous: Digest) -> Result<EncodedApproval, StoreError> {
    let (mut payloads, mut chain) = (Vec::with_capacity(events.len()), previous);
    for event in events {
        let mut payload = chain.as_bytes().to_vec();
        rmp_serde::encode::write_named(&mut payload, &*named(event)).map_err(|error| corrupt(error.to_string()))?;
        chain = Digest::of_bytes(&payload);
        payloads.push((event.revision, payload));
    }
    Ok(EncodedApproval { head: to_bytes(&Head::of(approval, chain))?, events: payloads, chain })
}

/// An encoded approval.
pub(super) struct EncodedApproval {
    /// The head.
    pub(super) head: Vec<u8>,
    /// New events, with their revisions.
    pub(super) events: Vec<(Revision, Vec<u8>)>,
    /// Hash of the newest event's payload.
    pub(super) chain: Digest,
}

/// Encodes a record.
pub(super) fn to_bytes(record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec_named(record).map_err(|error| corrupt(error.to_string()))
}

/// Decodes a record.
pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(payload).map_err(|error| undecodable("", &error))
}

/// The error for a record that this build cannot decode. Unknown fields and kinds are those of a later version: damage
/// would have to hit a name, and leave a name. serde tells the difference only in its words, which a test pins.
fn undecodable(place: &str, error: &rmp_serde::decode::Error) -> StoreError {
    let text = format!("{place}{error}");
    let later = match error {
        rmp_serde::decode::Error::Syntax(what) | rmp_serde::decode::Error::Uncategorized(what) => {
            what.starts_with("unknown field `") || what.starts_with("unknown variant `")
        }
        _ => false,
    };
    if later { StoreError::Newer(text.into()) } else { corrupt(text) }
}

/// A time on record.
pub(super) fn time(micros: i64) -> Result<Time, StoreError> {
    chrono::DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt(format!("time {micros} is out of range")))
}

/// The error for a damaged record.
pub(super) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt(what.into().into())
}

/// The hash of a request's schema, if it has one.
pub(super) fn schema_hash(request: &Request) -> Option<Digest> {
    request.schema.as_deref().map(|schema| Digest::of_bytes(schema.as_bytes()))
}

/// The stored form of an event: the hash of its schema replaces the schema.
fn named(event: &Event) -> Cow<'_, Event> {
    let EventKind::Requested { request, arguments, verdict, deadline } = &event.kind else {
        return Cow::Borrowed(event);
    };
    let Some(hash) = schema_hash(request) else { return Cow::Borrowed(event) };
    let request = Arc::new(Request { schema: Some(hash.to_string().into()), ..Request::clone(request) });
    let (arguments, verdict, deadline) = (arguments.clone(), Arc::clone(verdict), *deadline);
    let kind = EventKind::Requested { request, arguments, verdict, deadline };
    Cow::Owned(Event { kind, ..event.clone() })
}

/// Replaces the hash by the schema.
fn resolve(
    event: &mut Event,
    find: impl FnOnce(Digest) -> Result<Option<Vec<u8>>, StoreError>,
) -> Result<(), StoreError> {
    let EventKind::Requested { request, .. } = &mut event.kind else { return Ok(()) };
    let Some(name) = &request.schema else { return Ok(()) };
    let hash: Digest = name.parse().map_err(|_| corrupt("a request has a malformed schema hash"))?;
    let text = find(hash)?.ok_or_else(|| corrupt(format!("the schema {hash} is missing")))?;
    Arc::make_mut(request).schema = Some(whole_schema(hash, text)?.into());
    Ok(())
}

/// Checks that a schema's text has this hash.
pub(super) fn whole_schema(hash: Digest, text: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(text)
        .ok()
        .filter(|text| Digest::of_bytes(text.as_bytes()) == hash)
        .ok_or_else(|| corrupt(format!("the schema {hash} does not match its hash")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Choice;

    fn refused<T: DeserializeOwned>(record: &serde_json::Value) -> StoreError {
        match decode::<T>(&to_bytes(record).unwrap()) {
            Ok(_) => panic!("{record} is decoded"),
            Err(error) => error,
        }
    }

    #[test]
    fn unknown_fields_and_kinds_are_those_of_a_later_version() {
        let event = |kind| json!({"revision": 2, "at": 1, "actor": 1, "kind": kind});
        let known = json!({"revoked": {"reason": "", "until": 5}});
        for later in [
            refused::<Choice>(&json!("abstain")),
            refused::<Status>(&json!("parked")),
            refused::<EventKind>(&json!({"delegated": {"to": "ann"}})),
            refused::<EventKind>(&known),
            refused::<Head>(&json!({"revision": 1, "restriction": true})),
            refused::<Event>(&json!({"revision": 1, "sealed": true})),
        ] {
            assert!(matches!(later, StoreError::Newer(_)), "{later}");
        }
        for damaged in [
            refused::<Choice>(&json!(7)),
            refused::<EventKind>(&json!({"revoked": {"reason": 7}})),
            refused::<EventKind>(&json!({"revoked": {}})),
            refused::<Head>(&json!({"revision": 1})),
            refused::<Head>(&json!({"revision": "one"})),
            refused::<Event>(&event(json!("voted"))),
        ] {
            assert!(matches!(damaged, StoreError::Corrupt(_)), "{damaged}");
        }
        assert!(matches!(decode::<Head>(b"").unwrap_err(), StoreError::Corrupt(_)));
    }
}
