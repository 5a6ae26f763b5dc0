//! The default store: sled 0.34 with a single writer thread and group commit.
//!
//! Measured facts about sled shaped it: `flush` is not an fsync, concurrent `flush_async` callers deadlock, a batch is
//! atomic within one tree only, and a batch is visible before it is durable. [`writer`] says how the writer deals with
//! them, [`keys`] why there is one tree, [`watermark`] why sled alone cannot prove that nothing is lost, and [`frame`]
//! why values are small.

mod approvals;
mod blocks;
mod catch_panic;
mod change_feed;
mod check;
mod commit_log;
mod cut;
mod directory;
mod durable;
mod frame;
mod freezes;
mod group_commit;
mod handle;
mod id_set;
mod job;
mod keys;
mod list;
mod log;
mod merged_records;
mod migrate;
mod open;
mod open_error;
mod open_files;
mod outbox;
mod pending;
mod policies;
mod preflight;
mod prepared_submission;
mod records;
mod salvage;
mod schemas;
mod sessions;
mod signing_keys;
mod snapshot;
mod staged_records;
mod tokens;
mod tombstones;
mod transfer;
mod tree_reader;
mod verify;
mod watchdog;
mod watermark;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

pub use check::check;
pub use open_error::OpenError;
pub use salvage::{Salvaged, salvage};
pub use verify::{Fault, Findings};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    cut::Cuts,
    directory::Directory,
    durable::Durability,
    frame::corrupt,
    handle::Handle,
    job::{Job, Reply},
    open::Opened,
    outbox::OutboxIndex,
    pending::PendingCounts,
    tree_reader::TreeReader,
    watchdog::Watchdog,
    writer::{CLOSED, SyncFile, Writer},
};
use super::{ControlStore, Health, Lifecycle, Observer, StoreError, commit_broadcast::CommitBroadcast};
use crate::domain::{Routes, Time};

/// Version of the keys and records. Raise it when a build cannot read what an older one wrote, or the reverse.
const SCHEMA: u32 = 6;

/// Earlier schema versions, whose records are valid in this one. Version 4 added freezes and revocations, version 5
/// sessions and blocks, and version 6 signing keys and lanes of the outbox.
const UPGRADED: [u32; 3] = [3, 4, 5];

/// Capacity of the writer's queue. Senders wait when it is full.
const QUEUE: usize = 4_096;

/// Default for [`SledConfig::write_timeout`].
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Size of sled's page cache, in bytes.
const CACHE_BYTES: u64 = 256 << 20;

/// Settings of a store in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SledConfig {
    /// The data directory.
    pub directory: PathBuf,
    /// Maximum time for a group of commands, or for closing. A store that takes longer has failed.
    pub write_timeout: Duration,
    /// Whether to create a missing store.
    pub create: bool,
    /// The channels to notify about events.
    pub routes: Arc<Routes>,
}

impl SledConfig {
    /// A store in a directory, created if it is missing.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), write_timeout: WRITE_TIMEOUT, create: true, routes: Arc::default() }
    }
}

/// A store in a directory of this machine.
#[derive(Debug)]
pub struct SledStore {
    jobs: mpsc::Sender<Job>,
    pages: Handle<TreeReader>,
    shared: Arc<Shared>,
    newest: Option<Time>,
    watchdog: Arc<Watchdog>,
    /// Dropped after the tree: another process must not touch the directory while sled has it open.
    directory: Arc<Directory>,
}

/// State that readers and the writer share.
struct Shared {
    durability: Durability,
    commits: Arc<CommitBroadcast>,
    pending: AtomicU64,
    health: watch::Sender<Health>,
    observer: Arc<dyn Observer>,
    outbox: OutboxIndex,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Makes a file's content durable: `fdatasync`.
///
/// # Errors
/// An I/O error of the disk.
pub fn sync_to_disk(file: &File) -> io::Result<()> {
    file.sync_data()
}

impl SledStore {
    /// Opens, or creates, the store in a data directory.
    ///
    /// # Errors
    /// When another process has locked it, another version wrote it, it is damaged, or the disk fails.
    pub fn open(path: &Path, observer: Arc<dyn Observer>) -> Result<Self, OpenError> {
        Self::open_with(path, observer, sync_to_disk)
    }

    /// Opens the store that a configuration names.
    ///
    /// # Errors
    /// As [`open`](Self::open); also when the store is missing and [`SledConfig::create`] is off.
    pub fn open_as(config: &SledConfig, observer: Arc<dyn Observer>) -> Result<Self, OpenError> {
        Self::open_as_with(config, observer, sync_to_disk)
    }

    /// As [`open`](Self::open), with another sync function, for tests of failing disks and for benchmarks. Opening
    /// syncs once: data that a killed process left in the kernel's cache must not be shown before it is durable.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        path: &Path,
        observer: Arc<dyn Observer>,
        sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        Self::open_within(path, observer, WRITE_TIMEOUT, sync)
    }

    /// As [`open_with`](Self::open_with), with another [`SledConfig::write_timeout`] than 30 seconds.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(
        path: &Path,
        observer: Arc<dyn Observer>,
        write_timeout: Duration,
        sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        Self::open_as_with(&SledConfig { write_timeout, ..SledConfig::new(path) }, observer, sync)
    }

    /// As [`open_as`](Self::open_as), with another sync function, as in [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// As [`open_as`](Self::open_as).
    pub fn open_as_with(
        config: &SledConfig,
        observer: Arc<dyn Observer>,
        sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let SledConfig { directory: path, write_timeout, create, routes } = config;
        let write_timeout = *write_timeout;
        if !create {
            let absent = |source| OpenError::Absent { path: path.clone(), source };
            std::fs::metadata(path.join(directory::SLED)).map_err(absent)?;
        }
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let unreadable = |error: StoreError| OpenError::Corrupt { path: path.to_owned(), reason: error.to_string() };
        let directory = Arc::new(Directory::open(path)?);
        let mut sync: SyncFile = Box::new(sync);
        let Opened { db, pages, file, tip, mark } = open::open(&directory, write_timeout, &mut sync)?;
        let mut open_files = directory.open_files(&file).map_err(failed)?;
        open_files.add(&directory.watermark(), mark.file()).map_err(failed)?;
        open_files.check().map_err(|lost| OpenError::Corrupt { path: path.to_owned(), reason: lost.to_string() })?;

        let pending = PendingCounts::read(&pages).map_err(unreadable)?;
        // An unreadable freeze could not block claims, so the store must not open.
        let freezes = records::freezes(&pages).map_err(unreadable)?;
        // The same holds for a block, whose subject could call.
        let blocks = records::blocks(&pages).map_err(unreadable)?;
        let outbox = OutboxIndex::read(&pages, routes).map_err(unreadable)?;
        observer.pending(pending.total(), pending.oldest());
        observer.frozen(&freezes);
        let shared = Arc::new(Shared {
            durability: Durability::new(),
            commits: CommitBroadcast::new(),
            pending: pending.total().into(),
            health: watch::Sender::new(Health::Working),
            observer,
            outbox,
        });
        let given_up = Arc::clone(&shared);
        let marked = directory.watermark();
        let expired = move |reason| {
            given_up.fail(&reason);
            watermark::note_failure(&marked); // last, because it may hang too
        };
        let watchdog = Watchdog::start(write_timeout, expired).map_err(failed)?;
        let (jobs, mut receiver) = mpsc::channel(QUEUE);
        let state = Arc::clone(&shared);
        let unsynced = move |error: io::Error| state.fail(&format!("cannot sync WATERMARK: {error}").into());
        mark.keep_synced(write_timeout, unsynced).map_err(failed)?;
        let writer = Writer {
            db: Handle::new(db, &directory),
            pages: Handle::new(pages.again(), &directory),
            file,
            sync,
            pending,
            freezes,
            blocks,
            cuts: Cuts::default(),
            routes: Arc::clone(routes),
            tip,
            mark,
            shared: Arc::clone(&shared),
            open_files,
            watchdog: Arc::clone(&watchdog),
            _directory: Arc::clone(&directory),
        };
        let watching = Arc::clone(&watchdog);
        let run = move || {
            // The receiver is dropped last, so that a failed send means that the writer has released everything. If the
            // writer panics, its drop reports that.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| writer.run(&mut receiver)));
            watching.stop();
        };
        std::thread::Builder::new().name("signoff-store".into()).spawn(run).map_err(failed)?;
        let pages = Handle::new(pages, &directory);
        Ok(Self { jobs, pages, shared, newest: tip.newest, watchdog, directory })
    }

    /// Sends a job to the writer, which runs it even if the caller stops waiting.
    async fn write<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let answered = async {
            if self.jobs.send(job(reply)).await.is_err() {
                return Err(self.unavailable());
            }
            answer.await.unwrap_or_else(|_| Err(self.unavailable()))
        };
        self.unless_failed(answered).await
    }

    /// Waits for an answer, or for the failure of the store: a thread that hangs in sled may never answer.
    async fn unless_failed<T>(&self, answered: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut health = self.shared.health.subscribe();
        // `wait_for` returns a read guard of the channel's lock. `unavailable` takes that lock again, which deadlocks
        // when a writer is waiting for it, so drop the guard first.
        let failed = async { drop(health.wait_for(|health| *health != Health::Working).await) };
        tokio::select! {
            biased; // an answer counts even if the store failed right after it
            answer = answered => answer,
            () = failed => Err(self.unavailable()),
        }
    }

    fn unavailable(&self) -> StoreError {
        StoreError::Unavailable(match &*self.shared.health.borrow() {
            Health::Failed(reason) => reason.as_str().into(),
            Health::Working | Health::Unreachable(_) => CLOSED.into(),
        })
    }

    /// Runs a large read on a blocking thread, and waits until the data that it saw is durable.
    async fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce(&TreeReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pages = Handle::new(self.pages.clone(), &self.directory);
        self.unless_failed(async {
            let reading = tokio::task::spawn_blocking(move || read(&pages));
            let found = reading.await.map_err(|error| corrupt(error.to_string()))??;
            self.shared.durability.settle_all().await?;
            Ok(found)
        })
        .await
    }
}

/// Only one server uses it.
impl ControlStore for SledStore {}

#[async_trait]
impl Lifecycle for SledStore {
    fn newest_time(&self) -> Option<Time> {
        self.newest
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    async fn close(&self) {
        let closed = async {
            let _ = self.jobs.send(Job::Close).await; // fails if the store is closed or has failed
            self.jobs.closed().await;
            Ok(())
        };
        self.watchdog.closing();
        let _ = self.unless_failed(closed).await;
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.shared.leave_open_if_failed(&self.pages);
    }
}
