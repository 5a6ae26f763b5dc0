//! The cost of a call with few and with many stored approvals, the newest tenth pending: two databases of one PostgreSQL, each
//! with a server, take turns in short rounds.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use signoff::proto::v1 as pb;

use super::{
    Ids,
    database::{Database, Postgres},
    decide,
    fill::fill,
    fleet::Fleet,
    request, take,
};
use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    rounds::middle_load,
    scratch::Scratch,
    server::Client,
    table::{Aim, Figure, Row, Table},
};

/// Concurrent callers: for an idle server, and a busy one.
const CALLERS: [usize; 2] = [1, 64];

/// Rounds of each call and store.
const ROUNDS: usize = 5;

/// Approvals that are read in turn.
const READ: usize = 1_000;

/// Default number of approvals in a page.
const PAGE: usize = 50;

/// A call whose cost is measured.
#[derive(Clone, Copy)]
enum Call {
    Request,
    Decide,
    Get,
    ListPending,
}

/// Every call; requests first, because decisions need them.
const CALLS: [(Call, &str); 4] = [
    (Call::Request, "request"),
    (Call::Decide, "decision"),
    (Call::Get, "GetApproval"),
    (Call::ListPending, "ListPending's first page"),
];

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let postgres = Postgres::start()?;
    let [few, many] = sizes.in_postgres;
    let (few, many) = (Filled::new(&postgres, few).await?, Filled::new(&postgres, many).await?);
    for callers in CALLERS {
        let mut loads = CALLS.map(|_| [Vec::new(), Vec::new()]);
        for _ in 0..ROUNDS {
            for (number, filled) in [&few, &many].into_iter().enumerate() {
                for ((call, _), loads) in CALLS.iter().zip(&mut loads) {
                    loads[number].push(filled.load(*call, callers, sizes.seconds / 2.0).await?);
                }
            }
        }
        for ((_, name), [with_few, with_many]) in CALLS.iter().zip(loads) {
            let (with_few, with_many) = (middle_load(with_few), middle_load(with_many));
            let measure = format!("{name}, {} instead of {} stored, {callers} callers: mean", many.count, few.count);
            table.add(
                Row::new(measure, Figure::Time(with_many.mean))
                    .latencies(&with_many)
                    .against("few stored", Figure::Time(with_few.mean))
                    .aim(Aim::RatioAtMost(1.3)),
            );
        }
    }
    Ok(())
}

/// A server on a filled database.
struct Filled {
    fleet: Fleet,
    count: usize,
    /// Approvals to read.
    stored: Arc<Vec<String>>,
    /// Pending approvals of the load.
    requested: Ids,
    _database: Database,
}

impl Filled {
    async fn new(postgres: &Postgres, count: usize) -> Outcome<Self> {
        let database = postgres.database().await?;
        fill(&database, count).await?;
        let sql = "SELECT id::text FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM approvals) AS all_of \
                   WHERE number % greatest($1::bigint / $2, 1) = 0";
        let parameters = [i64::try_from(count)?, i64::try_from(READ)?];
        let rows = database.control.query(sql, &[&parameters[0], &parameters[1]]).await?;
        let stored = Arc::new(rows.iter().map(|row| row.get(0)).collect());
        let callers = CALLERS.into_iter().max().unwrap_or(1);
        let fleet = Fleet::start(vec![Scratch::new()?], callers, &[database.setting()]).await?;
        Ok(Self { fleet, count, stored, requested: Ids::default(), _database: database })
    }

    async fn load(&self, call: Call, callers: usize, seconds: f64) -> Outcome<Load> {
        let clients = match call {
            Call::Request => self.fleet.agents(callers).await?,
            Call::Decide | Call::Get | Call::ListPending => self.fleet.reviewers(callers).await?,
        };
        // Twice the time for requests, so that decisions do not run out of them.
        let seconds = if matches!(call, Call::Request) { 2.0 * seconds } else { seconds };
        let (stored, requested, next) = (Arc::clone(&self.stored), Arc::clone(&self.requested), AtomicUsize::new(0));
        let load = move |caller: usize| {
            let client = clients[caller].clone();
            let (requested, id) = match call {
                Call::Decide => (Ids::default(), take(&requested)),
                Call::Get => {
                    (Ids::default(), Some(stored[next.fetch_add(1, Ordering::Relaxed) % stored.len()].clone()))
                }
                Call::Request | Call::ListPending => (Arc::clone(&requested), None),
            };
            async move {
                match call {
                    Call::Request => request(client, requested).await,
                    Call::Decide => decide(client, id).await,
                    Call::Get => get(client, id.unwrap_or_default()).await,
                    Call::ListPending => list(client).await,
                }
            }
        };
        drive(callers, seconds, load).await
    }
}

async fn get(mut client: Client, approval_id: String) -> Outcome<bool> {
    let request = pb::GetApprovalRequest { approval_id, ..pb::GetApprovalRequest::default() };
    Ok(client.get_approval(request).await?.into_inner().approval.is_some())
}

async fn list(mut client: Client) -> Outcome<bool> {
    let page = client.list_pending(pb::ListPendingRequest::default()).await?.into_inner();
    match page.approvals.len() {
        PAGE => Ok(true),
        found => Err(format!("{found} approvals in a page").into()),
    }
}
