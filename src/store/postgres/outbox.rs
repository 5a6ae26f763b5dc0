//! The outbox in PostgreSQL. A lane is a row, and so is its lease: of several servers, one leases a lane
//! ([`lease`]). Deliveries are added in the transaction of their event; lanes decide nothing about approvals, so changes
//! of them need no lock but that of their rows, in order of approval and channel.
//!
//! An unreadable lane fails alone: it is left out, logged, and stays as it is, because a later version may have written
//! it. The next event of its approval replaces it.

mod backlog;
mod lease;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio::sync::watch;
use tokio_postgres::Row;
use uuid::Uuid;

pub(super) use self::backlog::KnownBacklog;
use super::{PostgresStore, Shared, columns, finish};
use crate::{
    domain::{ApprovalId, ChannelName, DeliveryId, Lane, Revision, Routes, Settlement, Time},
    store::{
        Backlog, LaneId, LaneQuery, Leased, OutboxStore, StoreError, import_fault,
        records::{self, Head, corrupt},
    },
};

/// Lanes by their ids, locked.
const LOCK: &str = "\
    SELECT l.approval, l.channel, l.record FROM lanes l \
    JOIN unnest($1::uuid[], $2::text[]) AS asked (approval, channel) USING (approval, channel) \
    ORDER BY l.approval, l.channel FOR UPDATE OF l";
const UPDATE: &str = "\
    UPDATE lanes l SET record = n.record, due = n.due, since = n.since, dead = n.dead, \
        leased_until = CASE WHEN $7 THEN NULL ELSE l.leased_until END \
    FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[]) \
        AS n (approval, channel, record, due, since, dead) \
    WHERE l.approval = n.approval AND l.channel = n.channel";
const DELETE: &str = "\
    DELETE FROM lanes l USING unnest($1::uuid[], $2::text[]) AS gone (approval, channel) \
    WHERE l.approval = gone.approval AND l.channel = gone.channel";
/// Ends leases of lanes that do not change. Returns those that wait.
const RELEASE: &str = "\
    UPDATE lanes l SET leased_until = NULL FROM unnest($1::uuid[], $2::text[]) AS n (approval, channel) \
    WHERE l.approval = n.approval AND l.channel = n.channel AND l.leased_until IS NOT NULL \
    RETURNING l.due IS NOT NULL";
/// An import finds only unreadable lanes in its way.
const INSERT: &str = "\
    INSERT INTO lanes (approval, channel, record, due, since, dead) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[]) \
    ON CONFLICT (approval, channel) DO UPDATE SET record = EXCLUDED.record, due = EXCLUDED.due, \
        since = EXCLUDED.since, dead = EXCLUDED.dead, leased_until = NULL";

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError> {
        lease::lease(&self.shared, channel, now, lease, limit).await
    }

    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        finish(async move {
            let transaction = shared.connections.begin().await?;
            let settled = settle(&transaction, settlements, &shared.routes).await;
            let Settled { changed, gone, earlier } = transaction.end(settled).await?;
            shared.backlog.note(changed.iter().map(|lane| (lane, &*shared.routes)));
            shared.backlog.remove(gone);
            if earlier {
                wake(&shared);
            }
            Ok(())
        })
        .await
    }

    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError> {
        let connection = self.shared.connection().await?;
        let sql = "SELECT approval, channel, record FROM lanes WHERE approval = $1 AND channel = $2";
        let statement = connection.prepare_cached(sql).await?;
        let row = connection.query_opt(&statement, &[&approval.uuid(), &channel.as_str()]).await?;
        row.map(|row| decode(&row)).transpose()
    }

    async fn lanes(&self, mut query: LaneQuery) -> Result<Vec<Lane>, StoreError> {
        let connection = self.shared.connection().await?;
        let (mut lanes, limit) = (Vec::new(), query.limit);
        // As long as unreadable lanes leave gaps.
        while lanes.len() < limit {
            query.limit = limit - lanes.len();
            let rows = page(&connection, &query).await?;
            lanes.extend(rows.iter().filter_map(readable));
            match rows.last() {
                Some(last) if rows.len() == query.limit => query.after = Some(id(last)?),
                _ => break,
            }
        }
        Ok(lanes)
    }

    async fn revive(&self, delivery: DeliveryId, now: Time) -> Result<Lane, StoreError> {
        let shared = Arc::clone(&self.shared);
        finish(async move {
            let transaction = shared.connections.begin().await?;
            let revived = revive(&transaction, delivery, now, &shared.routes).await;
            let lane = transaction.end(revived).await?;
            shared.backlog.note([(&lane, &*shared.routes)].into_iter());
            wake(&shared);
            Ok(lane)
        })
        .await
    }

    fn backlog(&self) -> Vec<Backlog> {
        self.shared.backlog.backlog()
    }

    fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.shared.outbox.subscribe()
    }

    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        export(&*self.shared.connection().await?, after.as_ref(), limit).await
    }

    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        let shared = Arc::clone(&self.shared);
        finish(async move {
            let transaction = shared.connections.exclusive().await?;
            let new = import(&transaction, lanes, &shared.routes).await;
            let new = transaction.end(new).await?;
            shared.backlog.note(new.iter().map(|lane| (lane, &*shared.routes)));
            wake(&shared);
            Ok(new.len())
        })
        .await
    }
}

/// As [`OutboxStore::export_lanes`].
pub(super) async fn export(
    client: &ClientWrapper,
    after: Option<&LaneId>,
    limit: usize,
) -> Result<Vec<Lane>, StoreError> {
    let sql = "SELECT approval, channel, record FROM lanes WHERE (approval, channel) > ($1, $2) \
               ORDER BY approval, channel LIMIT $3";
    let statement = client.prepare_cached(sql).await?;
    let (approval, channel) = place(after);
    let rows = client.query(&statement, &[&approval, &channel, &columns::limit(limit)]).await?;
    rows.iter().map(decode).collect()
}

/// Wakes the dispatcher of this server.
fn wake(shared: &Shared) {
    shared.outbox.send_modify(|count| *count = count.wrapping_add(1));
}

/// The id in a row of approval and channel.
fn id(row: &Row) -> Result<LaneId, StoreError> {
    let channel: &str = row.get(1);
    let name = channel.parse().map_err(|_| corrupt(format!("a lane has the malformed channel {channel:?}")))?;
    Ok((ApprovalId::new(row.get(0)), name))
}

/// The lane in a row of approval, channel and record.
fn decode(row: &Row) -> Result<Lane, StoreError> {
    let (approval, channel) = id(row)?;
    let lane: Lane = records::decode(row.get(2))?;
    if (lane.approval, &lane.channel) == (approval, &channel) {
        return Ok(lane);
    }
    Err(corrupt(format!("the lane of {channel} for {approval} says that it is another one")))
}

/// The lane in such a row. `None`, and a line in the log, if it is unreadable.
fn readable(row: &Row) -> Option<Lane> {
    let decoded = decode(row);
    if let Err(error) = &decoded {
        let (approval, channel): (Uuid, &str) = (row.get(0), row.get(1));
        tracing::error!(%approval, channel, %error, "cannot read what a channel is to be told");
    }
    decoded.ok()
}

/// The place after which a page begins: before all lanes without one.
fn place(after: Option<&LaneId>) -> (Uuid, &str) {
    after.map_or((Uuid::nil(), ""), |(approval, channel)| (approval.uuid(), channel.as_str()))
}

/// The columns of ids.
fn unzipped<'a>(ids: impl IntoIterator<Item = &'a LaneId>) -> (Vec<Uuid>, Vec<&'a str>) {
    ids.into_iter().map(|(approval, channel)| (approval.uuid(), channel.as_str())).unzip()
}

async fn page(client: &ClientWrapper, query: &LaneQuery) -> Result<Vec<Row>, StoreError> {
    let LaneQuery { channel, approval, dead, waiting, after, limit } = query;
    // Written out, so that PostgreSQL finds the index of dead lanes.
    let wanted = match (dead, waiting) {
        (true, true) => "dead AND due IS NOT NULL",
        (true, false) => "dead",
        (false, true) => "due IS NOT NULL",
        (false, false) => "(dead OR due IS NOT NULL)",
    };
    let sql = format!(
        "SELECT approval, channel, record FROM lanes WHERE {wanted} AND (approval, channel) > ($1, $2) \
         AND ($3::uuid IS NULL OR approval = $3) AND ($4::text IS NULL OR channel = $4) \
         ORDER BY approval, channel LIMIT $5"
    );
    let statement = client.prepare_cached(&sql).await?;
    let (after_approval, after_channel) = place(after.as_ref());
    let (approval, channel) = (approval.map(ApprovalId::uuid), channel.as_ref().map(ChannelName::as_str));
    let limit = columns::limit(*limit);
    Ok(client.query(&statement, &[&after_approval, &after_channel, &approval, &channel, &limit]).await?)
}

async fn lock(client: &ClientWrapper, ids: impl IntoIterator<Item = &LaneId>) -> Result<Vec<Row>, StoreError> {
    let (approvals, channels) = unzipped(ids);
    let statement = client.prepare_cached(LOCK).await?;
    Ok(client.query(&statement, &[&approvals, &channels]).await?)
}

/// Writes lanes with this statement. `ends_leases`: its last parameter, if it has one.
pub(super) async fn write<'a>(
    client: &ClientWrapper,
    sql: &str,
    lanes: impl IntoIterator<Item = &'a Lane>,
    routes: &Routes,
    ends_leases: Option<bool>,
) -> Result<(), StoreError> {
    let (mut approvals, mut channels, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
    let (mut due, mut since, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    for lane in lanes {
        approvals.push(lane.approval.uuid());
        channels.push(lane.channel.as_str());
        encoded.push(records::to_bytes(lane)?);
        due.push(lane.due().map(columns::micros));
        since.push(routes.since(lane).map(columns::micros));
        dead.push(!lane.dead.is_empty());
    }
    if approvals.is_empty() {
        return Ok(());
    }
    let statement = client.prepare_cached(sql).await?;
    let mut parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        vec![&approvals, &channels, &encoded, &due, &since, &dead];
    if let Some(ends_leases) = &ends_leases {
        parameters.push(ends_leases);
    }
    client.execute(&statement, &parameters).await?;
    Ok(())
}

/// What a call of settle did.
struct Settled {
    changed: Vec<Lane>,
    gone: Vec<LaneId>,
    /// Whether a lane may be leased earlier than before.
    earlier: bool,
}

async fn settle(
    client: &ClientWrapper,
    settlements: Vec<(ChannelName, ApprovalId, Settlement)>,
    routes: &Routes,
) -> Result<Settled, StoreError> {
    let mut ids: BTreeSet<LaneId> =
        settlements.iter().map(|(channel, approval, _)| (*approval, channel.clone())).collect();
    let rows = lock(client, &ids).await?;
    let known = rows.iter().filter_map(readable).map(|lane| ((lane.approval, lane.channel.clone()), (lane, false)));
    let mut lanes: BTreeMap<LaneId, (Lane, bool)> = known.collect();
    for (channel, approval, settlement) in settlements {
        if let Some((lane, changed)) = lanes.get_mut(&(approval, channel)) {
            *changed |= lane.settle(settlement);
        }
    }
    lanes.retain(|_, (_, changed)| *changed);
    // Read after the lanes were locked: a head that changes later changes lanes that are there.
    let asked = lanes.iter().filter(|(_, (lane, _))| lane.is_idle() && lane.state.is_some());
    let may_notify = may_notify(client, asked.map(|((approval, _), _)| approval.uuid()).collect()).await?;
    let (mut changed, mut gone) = (Vec::new(), Vec::new());
    for (id, (lane, _)) in lanes {
        ids.remove(&id);
        if lane.is_done(may_notify.contains(&id.0)) {
            gone.push(id);
        } else {
            changed.push(lane);
        }
    }
    write(client, UPDATE, &changed, routes, Some(true)).await?;
    if !gone.is_empty() {
        let (approvals, channels) = unzipped(&gone);
        let statement = client.prepare_cached(DELETE).await?;
        client.execute(&statement, &[&approvals, &channels]).await?;
    }
    let mut earlier = changed.iter().any(|lane| lane.due().is_some());
    if !ids.is_empty() {
        let (approvals, channels) = unzipped(&ids);
        let statement = client.prepare_cached(RELEASE).await?;
        let rows = client.query(&statement, &[&approvals, &channels]).await?;
        earlier |= rows.iter().any(|row| row.get(0));
    }
    Ok(Settled { changed, gone, earlier })
}

/// The approvals of which a further event can notify a channel.
async fn may_notify(client: &ClientWrapper, ids: Vec<Uuid>) -> Result<BTreeSet<ApprovalId>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let statement = client.prepare_cached("SELECT id, head FROM approvals WHERE id = ANY($1)").await?;
    let rows = client.query(&statement, &[&ids]).await?;
    // Keep what the channel needs for an approval that may be readable again.
    let may = |row: &&Row| records::decode::<Head>(row.get(1)).map_or(true, |head| head.may_notify());
    Ok(rows.iter().filter(may).map(|row| ApprovalId::new(row.get(0))).collect())
}

async fn revive(client: &ClientWrapper, delivery: DeliveryId, now: Time, routes: &Routes) -> Result<Lane, StoreError> {
    let DeliveryId { approval, revision, channel } = delivery;
    let rows = lock(client, &[(approval, channel)]).await?;
    let mut lane = rows.first().map(decode).transpose()?.ok_or(StoreError::NotFound)?;
    if !lane.revive(revision, now) {
        return Err(StoreError::NotFound);
    }
    write(client, UPDATE, [&lane], routes, Some(false)).await?;
    Ok(lane)
}

/// Imports lanes. Returns the new ones.
async fn import(client: &ClientWrapper, lanes: Vec<Lane>, routes: &Routes) -> Result<Vec<Lane>, StoreError> {
    let ids: BTreeSet<LaneId> = lanes.iter().map(|lane| (lane.approval, lane.channel.clone())).collect();
    let approvals: Vec<Uuid> = ids.iter().map(|(approval, _)| approval.uuid()).collect();
    let statement = client.prepare_cached("SELECT id, revision FROM approvals WHERE id = ANY($1)").await?;
    let mut revisions: BTreeMap<ApprovalId, Revision> = BTreeMap::new();
    for row in client.query(&statement, &[&approvals]).await? {
        revisions.insert(ApprovalId::new(row.get(0)), columns::unsigned(row.get(1))?);
    }
    let stored = lock(client, &ids).await?;
    let stored: BTreeSet<LaneId> =
        stored.iter().filter_map(readable).map(|lane| (lane.approval, lane.channel)).collect();
    let mut new: BTreeMap<LaneId, Lane> = BTreeMap::new();
    for lane in lanes {
        let Some(newest) = revisions.get(&lane.approval) else { continue };
        if let Some(fault) = import_fault(&lane, *newest) {
            return Err(StoreError::BadLane(lane.channel, lane.approval, fault));
        }
        let id = (lane.approval, lane.channel.clone());
        if !stored.contains(&id) {
            new.entry(id).or_insert(lane);
        }
    }
    write(client, INSERT, new.values(), routes, None).await?;
    Ok(new.into_values().collect())
}
