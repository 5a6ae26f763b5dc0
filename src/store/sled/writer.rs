//! The one thread that writes: receive, drain, run, apply, flush, sync, publish, answer.
//!
//! One sync serves every command that came while the one before was under way. An I/O error fails the whole group and
//! ends the thread: a failed sync may have lost pages that the kernel now calls clean, so it is never tried again. So
//! does an error of sled while the group reads: what it knows of its pages then cannot be trusted for writing either.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use sled::Db;
use tokio::sync::mpsc;

use super::{
    Shared,
    catch_panic::{guarded, sentence},
    commit_log::Tip,
    directory::Directory,
    group_commit::Group,
    handle::Handle,
    job::{Job, Reply},
    open_files::OpenFiles,
    pending::PendingCounts,
    tree_reader::TreeReader,
    watchdog::Watchdog,
    watermark::{State, Watermark},
};
use crate::{
    domain::Freezes,
    store::{Health, StoreError},
};

/// Most commands in one group.
const GROUP: usize = 256;

/// Why a closed store does nothing more.
pub(super) const CLOSED: &str = "closed";

/// Why a store failed whose writer has a bug.
const PANICKED: &str = "the writer panicked";

/// What follows a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    Close,
}

/// An answer that is kept back until its group is durable.
type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// Makes everything that was written to the store's file durable.
pub(super) type SyncFile = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

/// What the thread owns.
pub(super) struct Writer {
    pub(super) db: Handle<Db>,
    /// Read by nobody else: what fails in it fails the store.
    pub(super) pages: Handle<TreeReader>,
    pub(super) file: File,
    pub(super) sync: SyncFile,
    pub(super) pending: PendingCounts,
    pub(super) freezes: Freezes,
    pub(super) tip: Tip,
    pub(super) mark: Watermark,
    pub(super) shared: Arc<Shared>,
    pub(super) open_files: OpenFiles,
    pub(super) watchdog: Arc<Watchdog>,
    /// Dropped last: the lock is held until sled is closed.
    pub(super) _directory: Arc<Directory>,
}

impl Writer {
    /// Writes until closed, failed, or nobody can send more; then lets go of everything.
    pub(super) fn run(mut self, jobs: &mut mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(GROUP);
        while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
            self.watchdog.begin();
            match self.commit(group.drain(..)) {
                Ok(Next::More) => {}
                Ok(Next::Close) => {
                    self.watchdog.begin(); // until the thread has let go of everything
                    self.shared.durability.stop(&CLOSED.into());
                    if let Err(error) = self.mark.settle_at(&self.tip, State::Closed) {
                        tracing::error!(%error, "cannot write WATERMARK while closing the store");
                    }
                    return;
                }
                Err(reason) => {
                    self.shared.fail(&reason);
                    self.mark.failed();
                    return;
                }
            }
        }
    }

    /// Runs a group, and answers it once it is durable.
    fn commit(&mut self, jobs: impl Iterator<Item = Job>) -> Result<Next, Arc<str>> {
        let (mut group, mut answers, mut next) =
            (Group::new(&self.pages, &mut self.pending, &mut self.freezes), Vec::new(), Next::More);
        for job in jobs {
            answers.push(match job {
                Job::Submit(opening, reply) => answer(reply, group.submit(opening)),
                Job::Transition(id, command, now, reply) => answer(reply, group.transition(id, &command, now)),
                Job::Import(histories, reply) => answer(reply, group.import(histories)),
                Job::Prune { decided_before, now, limit, reply } => {
                    answer(reply, group.prune(decided_before, now, limit))
                }
                Job::ImportForgotten(forgotten, reply) => answer(reply, group.import_forgotten(forgotten)),
                Job::PutPolicy(new, reply) => answer(reply, group.policies.put(new)),
                Job::ImportPolicies(versions, reply) => answer(reply, group.policies.import(versions)),
                Job::ImportUnchangedPolicies(calls, reply) => answer(reply, group.policies.import_unchanged(calls)),
                Job::SaveTokens(tokens, reply) => answer(reply, group.tokens.save(tokens)),
                Job::ForgetTokens(ids, reply) => answer(reply, group.tokens.forget(ids)),
                Job::Freeze(new, reply) => answer(reply, group.freezes.freeze(new)),
                Job::Thaw(new, reply) => answer(reply, group.freezes.thaw(new)),
                Job::ImportFreezes(freezes, reply) => answer(reply, group.freezes.import(freezes)),
                Job::Close => {
                    next = Next::Close;
                    break;
                }
            });
        }
        let commit = group.into_commit(&self.tip).map_err(|error| error.to_string());
        // What the group read decided what it does: where sled failed at that, nothing of it can be trusted.
        let fault = self.pages.fault().map(ToString::to_string);
        let mut commit = match (commit, fault) {
            (Ok(commit), None) => commit,
            (Err(reason), _) | (Ok(_), Some(reason)) => return Err(self.refuse(reason, answers)),
        };
        let written: Result<(), Arc<str>> = if commit.is_empty() && next == Next::More {
            Ok(())
        } else {
            self.shared.durability.begin(commit.ids.iter().copied());
            #[expect(clippy::disallowed_methods, reason = "how long a commit took is only counted")]
            let started = Instant::now();
            let written = self.write(std::mem::take(&mut commit.batch), commit.tip);
            if written.is_ok() {
                self.shared.observer.committed(answers.len(), started.elapsed());
            }
            written.map_err(|error| error.to_string().into())
        };
        match written.and_then(|()| self.acknowledgeable()).and_then(|()| self.watchdog.end()) {
            Ok(()) => {
                self.shared.durability.end();
                self.shared.pending.store(self.pending.total(), Ordering::Relaxed);
                self.shared.observer.pending(self.pending.total(), self.pending.oldest());
                if commit.froze {
                    self.shared.observer.frozen(&self.freezes);
                }
                commit.tell(&*self.shared.observer);
                commit.changes().for_each(|change| self.shared.commits.publish(change));
                answers.into_iter().for_each(|answer: Answer| answer(None));
                Ok(next)
            }
            Err(reason) => Err(self.refuse(reason.to_string(), answers)),
        }
    }

    /// Answers a group of which nothing may be on record.
    fn refuse(&self, reason: String, answers: Vec<Answer>) -> Arc<str> {
        let reason: Arc<str> = reason.into();
        self.shared.fail(&reason);
        answers.into_iter().for_each(|answer| answer(Some(StoreError::Unavailable(Arc::clone(&reason)))));
        reason
    }

    /// Makes a group durable, then moves the watermark. A panic of sled is an error like any other.
    fn write(&mut self, batch: sled::Batch, tip: Option<Tip>) -> io::Result<()> {
        let apply = || -> sled::Result<()> {
            self.pages.tree().apply_batch(batch)?;
            // sled's flush hands everything to the kernel but does not fsync: the sync of our own descriptor does.
            #[expect(clippy::disallowed_methods, reason = "the writer is the one that flushes, and syncs after it")]
            self.db.flush().map(drop)
        };
        guarded(apply).map_err(|panic| io::Error::other(format!("sled cannot write: {panic}")))?.map_err(|error| {
            match error {
                sled::Error::Io(error) => error,
                other => io::Error::other(format!("sled cannot write: {}", sentence(&other))),
            }
        })?;
        (self.sync)(&self.file)?;
        if let Some(tip) = tip {
            self.mark.advance(&tip)?;
            self.tip = tip;
        }
        Ok(())
    }

    /// Whether what is stored is under the names by which the next start will look for it. Also for groups that write
    /// nothing: their answers repeat what is on record.
    fn acknowledgeable(&self) -> Result<(), Arc<str>> {
        self.open_files.check().map_err(|lost| lost.to_string().into())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.fail(&PANICKED.into());
        }
        self.shared.leave_open_if_failed(&self.pages);
    }
}

fn answer<T: Send + 'static>(reply: Reply<T>, result: Result<T, StoreError>) -> Answer {
    Box::new(move |failure| {
        let _ = reply.send(failure.map_or(result, Err)); // a caller that left is fine: it is on record
    })
}

impl Shared {
    /// Nothing more is accepted, and nothing that was on its way is shown. The first reason stays.
    pub(super) fn fail(&self, reason: &Arc<str>) {
        let first = self.health.send_if_modified(|health| {
            let first = *health == Health::Working;
            if first {
                *health = Health::Failed(reason.to_string());
            }
            first
        });
        if first {
            // Readers first: where logs go may hang as well.
            self.durability.stop(reason);
            tracing::error!(%reason, "the store failed; it accepts no more commands");
        }
    }

    /// sled writes and syncs when its last handle is dropped. After a failure that would try the failed sync again, or
    /// wait for ever: then it stays open until the process ends.
    pub(super) fn leave_open_if_failed(&self, pages: &TreeReader) {
        if *self.health.borrow() != Health::Working {
            std::mem::forget(pages.clone());
        }
    }
}
