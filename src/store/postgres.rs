//! The store on PostgreSQL 15 or later, with group commit.
//!
//! The same domain function decides as in the other stores. A command locks the rows of its approval, reads them, runs
//! the domain's step and writes. [`connections`] has the lock that orders freezes, policies and other changes that decide
//! about approvals; [`writer`] the groups; [`feed`] the change feed.
//!
//! **Several servers** may have the store open. Two that decide about one approval wait for each other, and the second
//! sees the first one's result.
//!
//! **Reads go to the primary only.** A standby may lag, and an agent must never see an approval that is gone after a
//! failover, or miss one that is there.
//!
//! **Durability** is what PostgreSQL is configured for: an answer is sent after `COMMIT`, which waits for the disk, and
//! for the synchronous standbys if there are any.

mod approvals;
mod blocks;
mod columns;
mod config;
mod connect;
mod connections;
mod control;
mod control_changes;
mod durability;
mod error;
mod failed;
mod feed;
mod freezes;
mod group;
mod job;
mod list;
mod load;
mod merged_records;
mod migrations;
mod open;
mod outbox;
mod password;
mod policies;
mod poller;
mod prune;
mod read;
mod restored;
mod signing_keys;
mod snapshot;
#[cfg(test)]
pub(in crate::store) mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;
mod url;
mod write;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

pub use config::PostgresConfig;
pub use durability::Durability;
pub use error::OpenError;
pub use migrations::SchemaVersion;

pub use tls::{PostgresTls, TlsError};
pub use url::{PostgresUrl, PostgresUrlError};

use self::{
    connections::{Connection, Connections},
    job::{Job, Reply, Task},
};
use super::{ControlPoll, ControlVersion, Health, Lifecycle, Observer, StoreError, commit_broadcast::CommitBroadcast};
use crate::domain::{Routes, Time};

/// Maximum time until a command is answered. The caller may then not know whether it is on record.
const ANSWER: Duration = Duration::from_secs(9);

/// The reason that calls get from a closed store.
const CLOSED: &str = "closed";

/// A store in PostgreSQL.
pub struct PostgresStore {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Job>,
    newest_time: Option<Time>,
    health: watch::Sender<Health>,
    /// Ends the tasks with the last view of the store.
    tasks: Arc<Tasks>,
    /// The control data that a caller was checked with. `None` for what the server does by itself.
    known: Option<ControlVersion>,
}

/// The tasks of a store. Dropping it ends them, whether or not the store was closed.
struct Tasks(Arc<Shared>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.stop.cancel();
        self.0.connections.close();
    }
}

/// What the store's tasks share.
struct Shared {
    connections: Connections,
    /// Names the store in cursors.
    store: Uuid,
    /// Names this server in the change feed.
    origin: Uuid,
    commits: Arc<CommitBroadcast>,
    observer: Arc<dyn Observer>,
    routes: Arc<Routes>,
    /// The number of pending approvals of all servers, as far as this one knows.
    pending: AtomicU64,
    /// The version of the freezes that the observer saw last.
    observed: freezes::ObservedVersion,
    /// What other servers changed of the control data, and the time of PostgreSQL.
    polls: watch::Sender<ControlPoll>,
    /// What PostgreSQL's settings promise.
    durability: watch::Sender<Durability>,
    /// Wakes the dispatcher of notifications.
    outbox: watch::Sender<u64>,
    /// What waits in the outbox, as of the last look.
    backlog: outbox::KnownBacklog,
    closed: AtomicBool,
    /// Ends the tasks.
    stop: tokio_util::sync::CancellationToken,
}

impl Shared {
    async fn connection(&self) -> Result<Connection, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable(CLOSED.into()));
        }
        self.connections.get().await
    }
}

/// Runs a change in a task, to its end: also if the caller stops waiting. Otherwise a change could be on record without
/// its effects on this server.
async fn finish<T: Send + 'static>(
    change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let ended = |_| StoreError::Unavailable("the change was interrupted".into());
    tokio::spawn(change).await.map_err(ended)?
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Sends a command to the writer, and waits for its answer, at most [`ANSWER`].
    async fn write<T>(&self, task: impl FnOnce(Reply<T>) -> Task) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable(CLOSED.into());
        let (reply, answer) = oneshot::channel();
        let job = Job { known: self.known, task: task(reply) };
        let answered = tokio::time::timeout(ANSWER, async {
            self.writer.send(job).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        });
        answered.await.map_err(|_| StoreError::Unavailable("PostgreSQL does not answer".into()))?
    }
}

#[async_trait]
impl Lifecycle for PostgresStore {
    fn newest_time(&self) -> Option<Time> {
        self.newest_time
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    async fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        let (done, closed) = oneshot::channel();
        if self.writer.send(Job { known: None, task: Task::Close(done) }).await.is_ok() {
            let _ = closed.await; // fails if the writer ended already
        }
        self.shared.stop.cancel();
        self.shared.connections.close();
    }
}
