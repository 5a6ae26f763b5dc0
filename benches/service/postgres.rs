//! The service on PostgreSQL, with one server and with three. A PostgreSQL of the benchmark's own, with everything that
//! makes it durable, runs on the same machine.
//!
//! The first baseline is the [same rows in raw statements](raw), on the same PostgreSQL, right after. The second one is
//! a server with sled under the same load. Each caller has a token of its own, and stays with one server: so no two
//! servers write for one caller, as behind most load balancers.

#[expect(dead_code, reason = "tests have a cluster that their process shares")]
#[path = "../../src/store/postgres/testing/cluster.rs"]
mod cluster;
mod database;
mod fill;
mod fleet;
mod raw;
mod stored;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use signoff::proto::v1 as pb;

pub(crate) use self::stored::measure as measure_stored;
use self::{
    database::{Database, Postgres},
    fleet::Fleet,
};
use crate::{
    Outcome, Sizes,
    load::{Load, drive},
    payload,
    requests::first_update,
    scratch::Scratch,
    server::{Client, cpu_per_call},
    table::{Aim, Figure, Row, Table},
    wake::wake_ups,
};

/// Servers on one store.
const SERVERS: [usize; 2] = [1, 3];

/// What the figures of several servers say.
pub(crate) fn note() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    format!(
        "PostgreSQL, all servers and the load share {cores} cores here: several servers share out the work of one, and \
         are no faster. Raw statements send nothing over gRPC, and leave the cores to PostgreSQL."
    )
}

pub(crate) async fn measure(sizes: &Sizes, table: &mut Table) -> Outcome<()> {
    let postgres = Postgres::start()?;
    for &callers in sizes.callers {
        let sled = {
            let fleet = Fleet::start(vec![Scratch::new()?], callers, &[]).await?;
            Figures::take(&fleet, callers, sizes.seconds, None).await?
        };
        for servers in SERVERS {
            let database = postgres.database().await?;
            let directories = (0..servers).map(|_| Scratch::new()).collect::<Outcome<_>>()?;
            let fleet = Fleet::start(directories, callers, &[database.setting()]).await?;
            let figures = Figures::take(&fleet, callers, sizes.seconds, Some(&database)).await?;
            for client in fleet.agents(1).await? {
                request(client, Ids::default()).await?; // stays pending
            }
            let content = raw::Content::of(&database).await?;
            drop(fleet);
            let raw = raw::rates(&postgres, content, servers, figures.groups(), sizes.seconds).await?;
            figures.report(&format!("{servers} on PostgreSQL, {callers} callers"), raw, &sled, table);
        }
    }
    Ok(())
}

/// The figures of a fleet.
struct Figures {
    requests: Measured,
    decisions: Measured,
    /// From Decide, and from its reply, to the waiter.
    wake_ups: (Load, Load),
}

/// A load, the processor time of the servers for each call, and the calls in a transaction.
struct Measured {
    load: Load,
    cpu: std::time::Duration,
    group: f64,
}

impl Figures {
    async fn take(fleet: &Fleet, callers: usize, seconds: f64, database: Option<&Database>) -> Outcome<Self> {
        let ids: Ids = Arc::default();
        let requests = {
            let (clients, ids) = (fleet.agents(callers).await?, Arc::clone(&ids));
            let load = drive(callers, seconds, move |caller| request(clients[caller].clone(), Arc::clone(&ids)));
            Measured::under(fleet, database, load).await?
        };
        let decisions = {
            let clients = fleet.reviewers(callers).await?;
            let load = drive(callers, seconds, move |caller| decide(clients[caller].clone(), take(&ids)));
            Measured::under(fleet, database, load).await?
        };
        let (waiters, reviewers) = (fleet.agents(callers).await?, fleet.reviewers_elsewhere(callers).await?);
        Ok(Self { requests, decisions, wake_ups: wake_ups(waiters, reviewers, callers, seconds).await? })
    }

    fn groups(&self) -> [f64; 2] {
        [self.requests.group, self.decisions.group]
    }

    fn report(&self, what: &str, raw: [f64; 2], sled: &Self, table: &mut Table) {
        let calls = [("requests", &self.requests, &sled.requests), ("decisions", &self.decisions, &sled.decisions)];
        for ((name, own, sled), raw) in calls.into_iter().zip(raw) {
            let group = own.group;
            table.add(
                Row::load(format!("{name}, {what} ({group:.1} per transaction)"), &own.load)
                    .against("raw statements", Figure::Rate(raw))
                    .against("sled", Figure::Rate(sled.load.rate))
                    .aim(Aim::Ratio(0.7)),
            );
            table.add(
                Row::new(format!("{name}, {what}: servers' CPU per call"), Figure::Time(own.cpu))
                    .against("sled", Figure::Time(sled.cpu)),
            );
        }
        let pairs = [("Decide", &self.wake_ups.0, &sled.wake_ups.0), ("commit", &self.wake_ups.1, &sled.wake_ups.1)];
        for (from, own, sled) in pairs {
            table.add(
                Row::new(format!("{from} to waiter, {what}: p99"), Figure::Time(own.p99))
                    .latencies(own)
                    .against("sled", Figure::Time(sled.p99)),
            );
        }
    }
}

impl Measured {
    async fn under(
        fleet: &Fleet,
        database: Option<&Database>,
        load: impl Future<Output = Outcome<Load>>,
    ) -> Outcome<Self> {
        let Some(database) = database else {
            let (load, cpu) = cpu_per_call(&fleet.processes(), load).await?;
            return Ok(Self { load, cpu, group: 1.0 });
        };
        let before = database.next_transaction().await?;
        let (load, cpu) = cpu_per_call(&fleet.processes(), load).await?;
        Ok(Self { load, cpu, group: database.mean_group(&before).await? })
    }
}

/// Pending approvals, each to be decided once.
type Ids = Arc<Mutex<Vec<String>>>;

fn take(ids: &Ids) -> Option<String> {
    ids.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// Requests until the first message, which comes after the commit, and notes the approval.
async fn request(mut client: Client, ids: Ids) -> Outcome<bool> {
    let request = payload::wire_request(payload::uuid().to_string());
    let mut stream = client.request_approval(request).await?.into_inner();
    let first = first_update(stream.message().await?)?;
    let pending = first.status() == pb::ApprovalStatus::Pending;
    ids.lock().unwrap_or_else(PoisonError::into_inner).push(first.id);
    Ok(pending)
}

/// Decides an approval; ends the load if none is left.
async fn decide(mut client: Client, id: Option<String>) -> Outcome<bool> {
    let Some(id) = id else { return Ok(false) };
    let decided = client.decide(payload::wire_decision(id)).await?.into_inner().approval;
    match decided.map(|approval| approval.status()) {
        Some(pb::ApprovalStatus::Approved) => Ok(true),
        other => Err(format!("not approved: {other:?}").into()),
    }
}
