//! The one thread that writes: receive, drain, run, apply, flush, sync, publish, answer.
//!
//! **Why one thread.** A sync takes about the same time for one command as for many. So the thread takes all commands
//! that arrived during the previous sync, up to [`GROUP`], runs them as one group, and syncs once: group commit. One
//! thread also makes "the first decision wins" simple: each command sees the result of the one before it, and needs
//! neither locks nor transactions. And sled requires it: concurrent callers of `flush_async` deadlock within seconds.
//!
//! **Why flush, and then `fdatasync` of our own descriptor.** sled's `flush` passes its data to the kernel, which is
//! enough to survive a kill, but not a power loss: on Linux it calls `sync_file_range`, not `fsync`. A sync concerns
//! the file, whichever descriptor wrote to it. So the writer keeps its own descriptor of sled's file, and syncs that.
//!
//! **Why publish after the sync.** sled shows a batch to readers as soon as it is applied. If the writer woke streams
//! then, an agent could run an approved tool, and a power loss could undo the approval. So it answers and publishes
//! only after the sync, the watermark and the check of the open files. Readers that come earlier wait in
//! [`durable`](super::durable).
//!
//! **Why a failed sync is never retried.** After a failed sync Linux marks the lost pages as clean. A second sync would
//! then succeed, although the data is not on the disk. So an I/O error fails the whole group and the store, and the
//! process ends. The next start writes the log to a new file before it trusts it. An error of sled while a group reads
//! has the same effect: its view of its pages may be wrong for writing too.

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
    cut::{Begun, Cuts},
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
    domain::{Blocks, Freezes, Routes},
    store::{Health, StoreError},
};

/// Maximum commands in one group.
const GROUP: usize = 256;

/// The reason that calls get from a closed store.
pub(super) const CLOSED: &str = "closed";

/// The reason that calls get after a bug in the writer.
const PANICKED: &str = "the writer panicked";

/// Whether the writer continues after a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    Close,
}

/// An answer that waits until its group is durable; called with an error if the group failed.
type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// Makes the data in the store's file durable.
pub(super) type SyncFile = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

/// The state of the writer thread.
pub(super) struct Writer {
    pub(super) db: Handle<Db>,
    /// The writer's own reader: a fault in it fails the store.
    pub(super) pages: Handle<TreeReader>,
    pub(super) file: File,
    pub(super) sync: SyncFile,
    pub(super) pending: PendingCounts,
    pub(super) freezes: Freezes,
    pub(super) blocks: Blocks,
    /// Cuts of the snapshots that exist.
    pub(super) cuts: Cuts,
    pub(super) routes: Arc<Routes>,
    pub(super) tip: Tip,
    pub(super) mark: Watermark,
    pub(super) shared: Arc<Shared>,
    pub(super) open_files: OpenFiles,
    pub(super) watchdog: Arc<Watchdog>,
    /// Dropped last: the lock is held until sled is closed.
    pub(super) _directory: Arc<Directory>,
}

impl Writer {
    /// Writes until the store is closed or fails, or all senders are dropped. Then it releases everything.
    pub(super) fn run(mut self, jobs: &mut mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(GROUP);
        while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
            self.watchdog.begin();
            match self.commit(group.drain(..)) {
                Ok(Next::More) => {}
                Ok(Next::Close) => {
                    self.watchdog.begin(); // until the thread has released everything
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
        let snapshots = self.cuts.any();
        let mut group = Group::new(&self.pages, &mut self.pending, &mut self.freezes, &mut self.blocks, &self.routes);
        let (mut answers, mut begin, mut next) = (Vec::new(), Vec::new(), Next::More);
        for job in jobs {
            answers.push(match job {
                Job::Submit(opening, reply) => answer(reply, group.submit(opening)),
                Job::Transition(id, command, now, reply) => answer(reply, group.transition(id, &command, now)),
                Job::Import(histories, reply) => answer(reply, group.import(histories)),
                // A snapshot reads what would be forgotten. The next call forgets it.
                Job::Prune { reply, .. } if snapshots => answer(reply, Ok(0)),
                Job::Prune { decided_before, now, limit, reply } => {
                    answer(reply, group.prune(decided_before, now, limit))
                }
                Job::ImportForgotten(forgotten, reply) => answer(reply, group.import_forgotten(forgotten)),
                Job::PutPolicy(new, reply) => answer(reply, group.policies.put(new)),
                Job::ImportPolicies(versions, reply) => answer(reply, group.policies.import(versions)),
                Job::ImportUnchangedPolicies(calls, reply) => answer(reply, group.policies.import_unchanged(calls)),
                Job::SaveTokens(tokens, reply) => answer(reply, group.tokens.save(tokens)),
                Job::ForgetTokens(ids, reply) => answer(reply, group.tokens.forget(ids)),
                Job::SaveSessions(sessions, reply) => answer(reply, group.sessions.save(sessions)),
                Job::ForgetSessions(ids, reply) => answer(reply, group.sessions.forget(ids)),
                Job::Block(new, reply) => answer(reply, group.blocks.block(new)),
                Job::Unblock(new, reply) => answer(reply, group.blocks.unblock(new)),
                Job::ImportBlocks(blocks, reply) => answer(reply, group.blocks.import(blocks)),
                Job::KeepSigningKey(purpose, key, reply) => answer(reply, group.signing_keys.keep(purpose, key)),
                Job::Freeze(new, reply) => answer(reply, group.freezes.freeze(new)),
                Job::Thaw(new, reply) => answer(reply, group.freezes.thaw(new)),
                Job::ImportFreezes(freezes, reply) => answer(reply, group.freezes.import(freezes)),
                Job::Settle(settlements, reply) => answer(reply, group.settle(settlements)),
                Job::Revive(id, now, reply) => answer(reply, group.revive(id, now)),
                Job::ImportLanes(lanes, reply) => answer(reply, group.import_lanes(lanes)),
                Job::Snapshot { limit, reply } => {
                    begin.push((limit, reply));
                    continue;
                }
                Job::Close => {
                    next = Next::Close;
                    break;
                }
            });
        }
        let commit = group.into_commit(&self.tip).map_err(|error| error.to_string());
        if let Ok(commit) = &commit {
            self.cuts.note(&self.pages, || commit.revisions_before().collect(), || commit.touched());
        }
        // If sled failed while the group read, the group's results cannot be trusted.
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
        let begun = written.and_then(|()| self.acknowledgeable()).map(|()| self.begin_snapshots(begin));
        match begun.and_then(|begun| self.watchdog.end().map(|()| begun)) {
            Ok(begun) => {
                // Before readers continue: a lease that read this group then knows what it changed.
                self.shared.outbox.apply(std::mem::take(&mut commit.lanes));
                self.shared.durability.end();
                self.shared.pending.store(self.pending.total(), Ordering::Relaxed);
                self.shared.observer.pending(self.pending.total(), self.pending.oldest());
                if commit.froze {
                    self.shared.observer.frozen(&self.freezes);
                }
                commit.tell(&*self.shared.observer);
                commit.changes().for_each(|change| self.shared.commits.publish(change));
                answers.into_iter().chain(begun).for_each(|answer: Answer| answer(None));
                Ok(next)
            }
            Err(reason) => Err(self.refuse(reason.to_string(), answers)),
        }
    }

    /// Makes the cuts of new snapshots, after a group that is durable.
    fn begin_snapshots(&mut self, begin: Vec<(usize, Reply<Begun>)>) -> Vec<Answer> {
        let Self { cuts, pages, freezes, blocks, .. } = self;
        let cut = |(limit, reply)| answer(reply, cuts.cut(pages, freezes, blocks, limit));
        begin.into_iter().map(cut).collect()
    }

    /// Fails the store, and answers the whole group with the reason. The group may or may not be on record.
    fn refuse(&self, reason: String, answers: Vec<Answer>) -> Arc<str> {
        let reason: Arc<str> = reason.into();
        self.shared.fail(&reason);
        answers.into_iter().for_each(|answer| answer(Some(StoreError::Unavailable(Arc::clone(&reason)))));
        reason
    }

    /// Makes a group durable, then advances the watermark. A panic in sled becomes an error.
    fn write(&mut self, batch: sled::Batch, tip: Option<Tip>) -> io::Result<()> {
        let apply = || -> sled::Result<()> {
            self.pages.tree().apply_batch(batch)?;
            // Passes the data to the kernel. The sync below makes it durable.
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

    /// Checks that the open files are still the ones that the next start would open. Also for a group that writes
    /// nothing: its answers repeat recorded data.
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
        let _ = reply.send(failure.map_or(result, Err)); // fails if the caller has left; the command is on record
    })
}

impl Shared {
    /// Fails the store: it accepts no more commands, and shows nothing of the group in flight. The first reason is
    /// kept.
    pub(super) fn fail(&self, reason: &Arc<str>) {
        let first = self.health.send_if_modified(|health| {
            let first = *health == Health::Working;
            if first {
                *health = Health::Failed(reason.to_string());
            }
            first
        });
        if first {
            // Readers first, because writing the log may hang too.
            self.durability.stop(reason);
            tracing::error!(%reason, "the store failed; it accepts no more commands");
        }
    }

    /// Keeps sled open after a failure. It writes and syncs when its last handle is dropped, which would retry the
    /// failed sync, or hang. So one handle is leaked, until the process ends.
    pub(super) fn leave_open_if_failed(&self, pages: &TreeReader) {
        if *self.health.borrow() != Health::Working {
            std::mem::forget(pages.clone());
        }
    }
}
