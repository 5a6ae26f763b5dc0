//! The one task of a server that changes approvals: receive, drain, lock, read, run, write, commit, publish, answer.
//!
//! **Why groups.** A commit waits for the disk, and for the standbys: about the same time for one command as for many.
//! So the task takes all commands that arrived during the previous commit, up to [`GROUP`], and commits them together.
//! A group costs three round trips, however many commands it has.
//!
//! **Locks, always in this order**, so that two servers never wait for each other in a circle: the
//! [gate](super::connections::Lock::Gate), shared; callers that submit, in order; approvals, in order; lanes. The caller's lock
//! makes its limit of pending approvals exact, and its idempotency key unique, over all servers.
//!
//! **A commit whose outcome is unknown.** If the connection breaks during `COMMIT`, the group may be on record. The task
//! then asks, on a new connection. It first takes the gate exclusively: the old connection may still be committing, and
//! holds the gate until it has ended. Then it looks for an event of the group, by its hash. If that is there, the task
//! commits once more, to wait for the standbys: the first wait may have been cut short. Only then it answers.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use deadpool_postgres::Object;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Shared, columns,
    connections::Connection,
    failed::Failed,
    freezes,
    group::{Group, Outcome, Writes},
    job::{Job, Task},
    read::{self, KnownFreezes},
    write,
};
use crate::{
    domain::Time,
    store::{Health, StoreError, records},
};

/// Maximum commands in one group.
const GROUP: usize = 256;

/// How often a group runs again after it lost a race.
const ATTEMPTS: usize = 5;

/// Maximum time to find out whether a group is on record.
const RESOLVE: Duration = Duration::from_secs(8);

/// Commits something, and so waits until everything before it is on a standby. A commit whose own wait ended early, for
/// example because PostgreSQL restarted meanwhile, is visible to all at once.
const FENCE: &str = "SELECT pg_logical_emit_message(true, 'signoff', ''); COMMIT";

/// How often the number of pending approvals is counted anew, for what other servers do.
const COUNT: Duration = Duration::from_secs(2);

/// The number of pending approvals.
pub(super) struct Pending {
    pub(super) count: u64,
    pub(super) oldest: Option<Time>,
}

/// Counts the pending approvals of all servers.
pub(super) async fn pending(connection: &Connection) -> Result<Pending, StoreError> {
    // The oldest by id, for which there is an index: ids begin with the time.
    let sql = "SELECT (SELECT count(*) FROM approvals WHERE status = 0), \
               (SELECT created FROM approvals WHERE status = 0 ORDER BY id LIMIT 1)";
    let statement = connection.prepare_cached(sql).await?;
    let row = connection.query_one(&statement, &[]).await?;
    let oldest: Option<i64> = row.get(1);
    Ok(Pending { count: columns::unsigned(row.get(0))?, oldest: oldest.map(records::time).transpose()? })
}

/// Starts the writer.
pub(super) async fn start(
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<Job>,
    health: watch::Sender<Health>,
) -> Result<(), StoreError> {
    let connection = shared.connections.get().await?;
    let freezes = read::freezes(&connection).await?;
    freezes::observe(&shared, freezes.version, &freezes.freezes);
    let writer = Writer { shared, connection: Some(connection), freezes };
    let writing = tokio::spawn(writer.run(jobs));
    tokio::spawn(async move {
        // A bug. Nothing could be decided any more, so the process must end.
        if writing.await.is_err() {
            health.send_replace(Health::Failed("the writer of the store panicked".into()));
        }
    });
    Ok(())
}

struct Writer {
    shared: Arc<Shared>,
    /// Kept between groups: its statements are prepared.
    connection: Option<Connection>,
    freezes: KnownFreezes,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(GROUP);
        let mut count = tokio::time::interval(COUNT);
        count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = count.tick() => {
                    if let Err(error) = self.count().await {
                        tracing::debug!(%error, "cannot count the pending approvals");
                    }
                    continue;
                }
                received = jobs.recv_many(&mut group, GROUP) => if received == 0 {
                    return;
                }
            }
            let close = group.iter().position(|job| matches!(job.task, Task::Close(_)));
            let rest = close.map(|at| group.split_off(at));
            group.retain(|job| !job.is_abandoned());
            if !group.is_empty() {
                self.commit(std::mem::take(&mut group)).await;
            }
            if let Some(Task::Close(done)) = rest.and_then(|rest| rest.into_iter().next()).map(|job| job.task) {
                let _ = done.send(()); // fails if the caller no longer waits
                return;
            }
        }
    }

    /// Counts the pending approvals between two groups, so that the own ones are counted exactly.
    async fn count(&mut self) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let counted = pending(&connection).await;
        if counted.is_ok() {
            self.connection = Some(connection);
        }
        let Pending { count, oldest } = counted?;
        self.shared.pending.store(count, Ordering::Release);
        self.shared.observer.pending(count, oldest);
        Ok(())
    }

    /// Runs a group, and answers it once it is durable.
    async fn commit(&mut self, jobs: Vec<Job>) {
        let begun = Instant::now();
        let mut attempt = 1;
        let (writes, outcomes) = loop {
            match self.attempt(&jobs).await {
                Ok(done) => break done,
                Err(Failed::Race) if attempt < ATTEMPTS => attempt += 1,
                Err(Failed::Race) => {
                    tracing::warn!(attempts = ATTEMPTS, "a group of commands failed every time");
                    return fail(jobs, &StoreError::Unavailable("PostgreSQL ends every transaction".into()));
                }
                Err(Failed::Store(error)) => return fail(jobs, &error),
                Err(Failed::Unknown(writes, outcomes)) => match self.resolve(&writes).await {
                    Ok(true) => break (writes, outcomes),
                    Ok(false) => attempt += 1,
                    Err(error) => return fail(jobs, &error),
                },
            }
            if attempt > ATTEMPTS {
                return fail(jobs, &StoreError::Unavailable("PostgreSQL ends every transaction".into()));
            }
        };
        let count = jobs.len();
        self.publish(&writes);
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            answer(job, outcome);
        }
        self.shared.observer.committed(count, begun.elapsed());
    }

    /// Runs a group once. On success it is durable.
    async fn attempt(&mut self, jobs: &[Job]) -> Result<(Writes, Vec<Outcome>), Failed> {
        let connection = self.connection().await?;
        match self.attempt_on(&connection, jobs).await {
            Ok(done) => {
                self.connection = Some(connection);
                Ok(done)
            }
            Err(failed) => {
                // Its transaction may be open, and hold locks: it must not return to the pool.
                drop(Object::take(connection));
                Err(failed)
            }
        }
    }

    async fn attempt_on(&mut self, connection: &Connection, jobs: &[Job]) -> Result<(Writes, Vec<Outcome>), Failed> {
        let (loaded, freezes) = read::group(connection, jobs, &self.freezes, &self.shared).await?;
        if let Some(freezes) = freezes {
            freezes::observe(&self.shared, freezes.version, &freezes.freezes);
            self.freezes = freezes;
        }
        let mut group = Group::new(loaded, &self.shared.routes);
        let outcomes: Vec<_> = jobs.iter().map(|job| group.run(job)).collect();
        let writes = group.into_writes();
        if writes.is_empty() && outcomes.iter().any(Outcome::succeeded) {
            // A repetition. What it repeats may be on no standby yet: see [`FENCE`].
            connection.batch_execute(FENCE).await?;
        } else if writes.is_empty() {
            connection.batch_execute("ROLLBACK").await?;
        } else {
            write::group(connection, &writes, &self.shared).await?;
            if let Err(error) = connection.batch_execute("COMMIT").await {
                tracing::warn!(%error, "cannot tell whether a group of commands was committed");
                return Err(Failed::Unknown(writes, outcomes));
            }
        }
        Ok((writes, outcomes))
    }

    /// Whether a group is on record, and durable.
    async fn resolve(&self, writes: &Writes) -> Result<bool, StoreError> {
        let unknown = |_| StoreError::Unavailable("the connection to PostgreSQL broke during a commit".into());
        tokio::time::timeout(RESOLVE, async {
            loop {
                match self.is_on_record(writes).await {
                    Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                    result => return result,
                }
            }
        })
        .await
        .map_err(unknown)?
    }

    async fn is_on_record(&self, writes: &Writes) -> Result<bool, StoreError> {
        let Some((id, revision, hash)) = writes.proof()? else { return Ok(true) };
        let transaction = self.shared.connections.exclusive().await?;
        let sql = "SELECT payload FROM events WHERE approval = $1 AND revision = $2";
        let row = transaction.query_opt(sql, &[&id.uuid(), &columns::number(revision)]).await?;
        let found = row.is_some_and(|row| crate::domain::Digest::of_bytes(row.get(0)) == hash);
        if found {
            transaction.execute("UPDATE meta SET fence = fence + 1", &[]).await?;
            transaction.commit().await?;
        }
        Ok(found)
    }

    /// Takes the kept connection, or a new one. The caller puts it back, unless its transaction may still be open.
    async fn connection(&mut self) -> Result<Connection, StoreError> {
        match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => Ok(connection),
            None => self.shared.connections.get().await,
        }
    }

    fn publish(&self, writes: &Writes) {
        let shared = &self.shared;
        let change = writes.pending();
        if change != 0 {
            let add = |pending: u64| Some(pending.saturating_add_signed(change));
            let _ = shared.pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, add); // `add` never declines
        }
        writes.changes().for_each(|change| shared.commits.publish(change));
        if !writes.lanes.is_empty() {
            shared.backlog.note(writes.lanes.values().map(|lane| (lane, &*shared.routes)));
            shared.outbox.send_modify(|count| *count = count.wrapping_add(1));
        }
        writes.tell(&*shared.observer);
    }
}

fn answer(job: Job, outcome: Outcome) {
    // Sending fails if the caller no longer waits, which is fine.
    match (job.task, outcome) {
        (Task::Submit(_, reply), Outcome::Submitted(result)) => drop(reply.send(result)),
        (Task::Transition(.., reply), Outcome::Transitioned(result)) => drop(reply.send(result)),
        (Task::Submit(..) | Task::Transition(..) | Task::Close(_), _) => {}
    }
}

fn fail(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        match job.task {
            Task::Submit(_, reply) => drop(reply.send(Err(error.clone()))),
            Task::Transition(.., reply) => drop(reply.send(Err(error.clone()))),
            Task::Close(_) => {}
        }
    }
}
