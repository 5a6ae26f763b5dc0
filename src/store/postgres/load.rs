//! Reading approvals.

use std::{collections::HashMap, sync::Arc};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::columns::{number, unsigned};
use crate::{
    domain::{Approval, ApprovalId, Digest, Event, Revision},
    store::{
        StoreError,
        records::{self, Head, Link, corrupt},
    },
};

/// Approvals with their first event and their last edit, by id. The schema comes from its own table.
pub(super) const APPROVALS: &str = "\
    SELECT a.id, a.head, e.revision, e.payload, s.hash, s.document FROM approvals a \
    LEFT JOIN schemas s ON s.hash = a.schema \
    LEFT JOIN LATERAL ( \
        SELECT revision, payload FROM events WHERE approval = a.id AND revision = 1 \
        UNION ALL \
        SELECT revision, payload FROM events WHERE approval = a.id AND revision = a.arguments_revision AND revision > 1 \
    ) e ON true \
    WHERE a.id = ANY($1)";

/// An approval, and the hash of its newest event.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) approval: Arc<Approval>,
    pub(super) chain: Digest,
}

/// Approvals by id. An unreadable one fails alone.
pub(super) type Found = HashMap<ApprovalId, Result<Known, StoreError>>;

/// Reads approvals.
pub(super) async fn approvals(client: &ClientWrapper, ids: &[Uuid]) -> Result<Found, StoreError> {
    let statement = client.prepare_cached(APPROVALS).await?;
    from_rows(&client.query(&statement, &[&ids]).await?)
}

/// Builds approvals from the rows of [`APPROVALS`].
pub(super) fn from_rows(rows: &[Row]) -> Result<Found, StoreError> {
    struct Parts<'a> {
        head: &'a [u8],
        schema: Option<&'a str>,
        events: HashMap<Revision, &'a [u8]>,
    }
    let mut parts: HashMap<ApprovalId, Parts<'_>> = HashMap::new();
    for row in rows {
        let id = ApprovalId::new(row.get(0));
        let part =
            parts.entry(id).or_insert_with(|| Parts { head: row.get(1), schema: row.get(5), events: HashMap::new() });
        if let Some(revision) = row.get::<_, Option<i64>>(2) {
            part.events.insert(unsigned(revision)?, row.get(3));
        }
    }
    let build = |id: ApprovalId, part: &Parts<'_>| -> Result<Known, StoreError> {
        let head: Head = records::decode(part.head)?;
        let link = |revision| {
            let payload = part.events.get(&revision);
            let payload = payload.ok_or_else(|| corrupt(format!("revision {revision} of {id} is missing")))?;
            Link::decode(id, revision, payload, |_| Ok(part.schema.map(|text| text.as_bytes().to_vec())))
        };
        let stored = head.approval(id, link)?;
        Ok(Known { approval: Arc::new(stored.approval), chain: stored.chain })
    };
    Ok(parts.iter().map(|(id, part)| (*id, build(*id, part))).collect())
}

/// Reads one approval.
pub(super) async fn approval(client: &ClientWrapper, id: ApprovalId) -> Result<Known, StoreError> {
    approvals(client, &[id.uuid()]).await?.remove(&id).unwrap_or(Err(StoreError::NotFound))
}

/// Reads events with revisions from `after + 1` to `up_to`, of one or several approvals, and verifies their chains. One
/// statement, so that a change meanwhile shows whole or not at all.
pub(super) async fn events(
    client: &ClientWrapper,
    ids: &[Uuid],
    after: Revision,
    up_to: Revision,
) -> Result<HashMap<ApprovalId, Vec<Event>>, StoreError> {
    // An approval without such events has one row, so that a missing event shows.
    let sql = "SELECT a.id, a.head, e.revision, e.payload, s.document FROM approvals a \
               LEFT JOIN schemas s ON s.hash = a.schema \
               LEFT JOIN events e ON e.approval = a.id AND e.revision > $2 AND e.revision <= $3 \
               WHERE a.id = ANY($1) ORDER BY a.id, e.revision";
    let statement = client.prepare_cached(sql).await?;
    let (after, up_to) = (after.min(LAST), up_to.min(LAST));
    let rows = client.query(&statement, &[&ids, &number(after), &number(up_to)]).await?;
    let of_one = rows.chunk_by(|one, next| one.get::<_, Uuid>(0) == next.get::<_, Uuid>(0));
    of_one.map(|rows| Ok((ApprovalId::new(rows[0].get(0)), chain(rows, after, up_to)?))).collect()
}

/// Far above every revision, and the largest that a column holds.
const LAST: Revision = i64::MAX as Revision;

/// The events in the rows of one approval.
fn chain(rows: &[Row], after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError> {
    let id = ApprovalId::new(rows[0].get(0));
    let head: Head = records::decode(rows[0].get(1))?;
    let (mut events, mut last) = (Vec::new(), (after == 0).then_some(Digest::ZERO));
    let mut expected = after + 1;
    for row in rows {
        let Some(revision) = row.get::<_, Option<i64>>(2).map(unsigned).transpose()? else { continue };
        let schema: Option<&str> = row.get(4);
        let link = Link::decode(id, revision, row.get(3), |_| Ok(schema.map(|text| text.as_bytes().to_vec())))?;
        if revision != expected || last.is_some_and(|last| last != link.previous) {
            return Err(corrupt(format!("revision {revision} of {id} does not follow the one before it")));
        }
        if revision == head.revision && link.hash != head.chain {
            return Err(corrupt(format!("revision {revision} of {id} differs from the recorded one")));
        }
        (last, expected) = (Some(link.hash), revision + 1);
        events.push(link.event);
    }
    if expected <= up_to.min(head.revision) {
        return Err(corrupt(format!("revision {expected} of {id} is missing")));
    }
    Ok(events)
}
