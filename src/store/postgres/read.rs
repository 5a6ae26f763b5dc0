//! Reads and locks everything that a group of commands needs, in one round trip, or two.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Shared, columns,
    connections::Lock,
    control,
    failed::Failed,
    freezes,
    group::{Caller, Loaded, Named, RequestKey},
    job::{Job, Task},
    load, migrations,
};
use crate::{
    domain::{ApprovalId, Digest, Freezes, Lane, Time},
    store::{
        LaneId, StoreError,
        records::{self, corrupt},
    },
};

/// Locks callers, in the order of the array. The class keeps these locks apart from the gate's.
const LOCK_CALLERS: &str = "SELECT pg_advisory_xact_lock(1, key) FROM unnest($1::int[]) AS key";
const LOCK_APPROVALS: &str = "SELECT id FROM approvals WHERE id = ANY($1) ORDER BY id FOR UPDATE";
const LOCK_LANES: &str =
    "SELECT approval, channel, record FROM lanes WHERE approval = ANY($1) ORDER BY approval, channel FOR UPDATE";
const REQUEST_IDS: &str = "\
    SELECT r.issuer, r.subject, r.request_id, r.approval, r.forgotten FROM request_ids r \
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (issuer, subject, request_id) \
    USING (issuer, subject, request_id)";
const PENDING: &str = "\
    SELECT a.issuer, a.subject, count(*) FROM approvals a \
    JOIN unnest($1::text[], $2::text[]) AS asked (issuer, subject) USING (issuer, subject) \
    WHERE a.status = 0 GROUP BY a.issuer, a.subject";
const REJECTIONS: &str = "\
    SELECT DISTINCT ON (call) call, until, approval FROM rejections WHERE call = ANY($1) \
    ORDER BY call, until DESC, approval DESC";
/// Also reads which builds may serve: a later version may raise that while this one runs.
const VERSIONS: &str = "SELECT freezes, restricted, (SELECT coalesce(max(needs), 0) FROM migrations) FROM meta";

/// Freezes, as of a version.
#[derive(Debug, Default)]
pub(super) struct KnownFreezes {
    pub(super) version: i64,
    pub(super) freezes: Arc<Freezes>,
}

/// What a group of commands refers to.
#[derive(Debug, Default)]
struct Wanted {
    approvals: BTreeSet<Uuid>,
    callers: BTreeSet<Caller>,
    request_ids: BTreeSet<RequestKey>,
    calls: HashSet<Digest>,
}

impl Wanted {
    fn by(jobs: &[Job]) -> Self {
        let mut wanted = Self::default();
        for job in jobs {
            match &job.task {
                Task::Submit(new, _) => {
                    let (issuer, subject) = columns::names(&new.request.caller);
                    wanted.request_ids.insert((issuer.clone(), subject.clone(), new.request.request_id.clone()));
                    wanted.callers.insert((issuer, subject));
                    wanted.calls.extend(new.request.call_in_run());
                }
                Task::Transition(id, ..) => drop(wanted.approvals.insert(id.uuid())),
                Task::Close(_) => {}
            }
        }
        wanted
    }

    /// The locks of the callers, in order. Two callers with the same number only wait for each other needlessly.
    fn caller_locks(&self) -> Vec<i32> {
        let number = |(issuer, subject): &Caller| {
            let hash = crc32fast::hash(format!("{issuer}\0{subject}").as_bytes());
            hash.cast_signed()
        };
        self.callers.iter().map(number).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Begins a transaction, and reads for a group. Also returns the freezes if they are newer than the known ones.
pub(super) async fn group(
    client: &ClientWrapper,
    jobs: &[Job],
    known: &KnownFreezes,
    shared: &Shared,
) -> Result<(Loaded, Option<KnownFreezes>), Failed> {
    let wanted = Wanted::by(jobs);
    let ids: Vec<Uuid> = wanted.approvals.iter().copied().collect();
    let (issuers, subjects): (Vec<&str>, Vec<&str>) =
        wanted.callers.iter().map(|(issuer, subject)| (issuer.as_str(), subject.as_str())).unzip();
    let keys: Vec<_> = wanted.request_ids.iter().collect();
    let key_issuers: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
    let key_subjects: Vec<&str> = keys.iter().map(|key| key.1.as_str()).collect();
    let key_ids: Vec<&str> = keys.iter().map(|key| key.2.as_str()).collect();
    let calls: Vec<Vec<u8>> = wanted.calls.iter().map(|call| columns::digest(*call)).collect();
    let (locks, noted_ids) = (wanted.caller_locks(), if shared.routes.is_empty() { &[] } else { ids.as_slice() });
    let gate_lock = shared.connections.lock(Lock::Gate);

    let gate = client.prepare_cached("SELECT pg_advisory_xact_lock_shared($1)").await?;
    let lock_callers = client.prepare_cached(LOCK_CALLERS).await?;
    let lock_approvals = client.prepare_cached(LOCK_APPROVALS).await?;
    let lock_lanes = client.prepare_cached(LOCK_LANES).await?;
    let approvals = client.prepare_cached(load::APPROVALS).await?;
    let request_ids = client.prepare_cached(REQUEST_IDS).await?;
    let pending = client.prepare_cached(PENDING).await?;
    let rejections = client.prepare_cached(REJECTIONS).await?;
    let version = client.prepare_cached(VERSIONS).await?;

    // One round trip: statements are sent in this order, and each sees what was committed before the locks.
    let (.., lanes, approvals, request_ids, pending, rejections, version) = tokio::try_join!(
        biased;
        client.batch_execute("BEGIN"),
        async { client.execute(&gate, &[&gate_lock]).await },
        async { client.execute(&lock_callers, &[&locks]).await },
        async { client.query(&lock_approvals, &[&ids]).await },
        async { client.query(&lock_lanes, &[&noted_ids]).await },
        async { client.query(&approvals, &[&ids]).await },
        async { client.query(&request_ids, &[&key_issuers, &key_subjects, &key_ids]).await },
        async { client.query(&pending, &[&issuers, &subjects]).await },
        async { client.query(&rejections, &[&calls]).await },
        client.query_one(&version, &[]),
    )?;

    migrations::still_serves(version.get(2))?;
    let mut loaded = Loaded { approvals: load::from_rows(&approvals)?, ..Loaded::default() };
    for row in &request_ids {
        let named = match (row.get::<_, Option<Uuid>>(3), row.get::<_, Option<i64>>(4)) {
            (Some(id), _) => Named::Approval(ApprovalId::new(id)),
            (None, Some(at)) => Named::Forgotten(records::time(at)?),
            (None, None) => return Err(corrupt("a request_id leads nowhere").into()),
        };
        loaded.request_ids.insert((row.get(0), row.get(1), row.get(2)), named);
    }
    for row in &pending {
        let count = u32::try_from(row.get::<_, i64>(2)).unwrap_or(u32::MAX);
        loaded.pending.insert((row.get(0), row.get(1)), count);
    }
    for row in &rejections {
        let call =
            Digest::from_bytes(row.get::<_, &[u8]>(0).try_into().map_err(|_| corrupt("a call's hash is short"))?);
        let until: Time = records::time(row.get(1))?;
        loaded.rejections.insert(call, (until, ApprovalId::new(row.get(2))));
    }
    loaded.lanes = lanes.iter().filter_map(lane).collect();

    // What repetitions and remembered rejections refer to. These are only read, so they need no lock.
    let named = loaded.request_ids.values().filter_map(|named| match named {
        Named::Approval(id) => Some(*id),
        Named::Forgotten(_) => None,
    });
    let referred: BTreeSet<Uuid> =
        named.chain(loaded.rejections.values().map(|(_, id)| *id)).map(ApprovalId::uuid).collect();
    let missing: Vec<Uuid> = referred.difference(&wanted.approvals).copied().collect();
    if !missing.is_empty() {
        loaded.approvals.extend(load::approvals(client, &missing).await?);
    }

    loaded.restricted = control::version(version.get(1))?;
    let version: i64 = version.get(0);
    let newer = if version == known.version { None } else { Some(self::freezes(client).await?) };
    loaded.freezes = Arc::clone(newer.as_ref().map_or(&known.freezes, |newer| &newer.freezes));
    Ok((loaded, newer))
}

/// Reads the freezes, with their version.
pub(super) async fn freezes(client: &ClientWrapper) -> Result<KnownFreezes, StoreError> {
    // The version first: if they change in between, the next group reads them again.
    let statement = client.prepare_cached(VERSIONS).await?;
    let version = client.query_one(&statement, &[]).await?.get(0);
    Ok(KnownFreezes { version, freezes: Arc::new(freezes::read(client).await?) })
}

/// A lane; `None` if it is unreadable.
fn lane(row: &Row) -> Option<(LaneId, Lane)> {
    match records::decode::<Lane>(row.get(2)) {
        Ok(lane) => Some(((lane.approval, lane.channel.clone()), lane)),
        Err(error) => {
            let (approval, channel): (Uuid, &str) = (row.get(0), row.get(1));
            tracing::error!(%approval, channel, %error, "an unreadable lane of the outbox is replaced");
            None
        }
    }
}
