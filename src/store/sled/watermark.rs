//! `WATERMARK`: a small file beside sled that says how much of the store was acknowledged.
//!
//! **Why.** sled reports no error when acknowledged data is gone. It treats the first bad checksum as the end of its
//! log, and a missing file as a new store, so one flipped bit can silently undo a decision. Therefore the store does
//! not trust sled to notice. This file says what must be there: the store's id, and the number and hash of the newest
//! group that was answered. Records of groups form a chain of hashes ([`commit_log`](super::commit_log)), so that one
//! hash proves all groups before it. Opening compares the two, and rejects a store that ends before its mark.
//!
//! **When.** The mark is written after its group is durable, and before the group is answered. The write is not synced:
//! it survives a kill of the process, so after a kill the mark covers everything that was acknowledged. A thread syncs
//! the file, then pauses for 100 ms. A power loss thus loses no acknowledged data, but may set the mark back by 100 ms
//! and the time of a sync: damage to groups of that time may stay undetected. If a sync takes longer than
//! `write_timeout`, the store acknowledges nothing more.
//!
//! **Layout.** A header, which never changes, and two slots, which are written in turn. Each has a checksum and its own
//! sector, so that a torn write damages one slot and leaves the other.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::commit_log::Tip;
use crate::{
    bounded_file,
    domain::{Digest, duration_text},
};

/// First bytes of the file.
const MAGIC: &[u8; 16] = b"signoff-watermrk";

/// Version of the file's layout.
const VERSION: u32 = 1;

/// Size of the header and of a slot: one sector, which a disk writes whole.
const SECTOR: usize = 512;

/// Maximum size of a file that is read, in bytes: many times the size that is written.
const BYTES_MAX: usize = 64 << 10;

/// Pause after a sync of the mark.
const SYNC_EVERY: Duration = Duration::from_millis(100);

/// What the process was doing when it last wrote the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was creating the store: nothing in it was acknowledged.
    Creating,
    /// It was moving a migrated store to its place.
    Swapping,
    /// It was serving. When opening finds this state, the process was killed.
    Open,
    /// It had closed the store.
    Closed,
    /// A write or a sync had failed: pages that the kernel reports as clean may not be on the disk.
    Failed,
}

/// The codes of states on disk. A code never changes.
const STATES: [(State, u8); 5] =
    [(State::Creating, 1), (State::Swapping, 2), (State::Open, 3), (State::Closed, 4), (State::Failed, 5)];

/// The content of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The store's id, as in sled.
    pub(super) store: Uuid,
    /// The store's schema version.
    pub(super) schema: u32,
    /// The newest group that was answered; 0 for none.
    pub(super) counter: u64,
    /// The hash of its record.
    pub(super) hash: Digest,
    /// The state of the process.
    pub(super) state: State,
    sequence: u64,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MarkError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its header is damaged")]
    Header,
    #[error("both of its slots are damaged")]
    Slots,
    #[error("it has layout {0}; this build reads layout {VERSION}")]
    Version(u32),
}

/// The open file.
#[derive(Debug)]
pub(super) struct Watermark {
    file: Arc<File>,
    mark: Mark,
    syncer: Arc<Syncer>,
}

impl Mark {
    /// The mark of a new store.
    pub(super) const fn new(store: Uuid, schema: u32, state: State) -> Self {
        Self { store, schema, counter: 0, hash: Digest::ZERO, state, sequence: 0 }
    }

    /// The mark at another group.
    pub(super) const fn at(self, tip: &Tip) -> Self {
        Self { counter: tip.counter, hash: tip.hash, ..self }
    }

    /// The mark with a later schema version.
    pub(super) const fn raised(self, schema: u32) -> Self {
        Self { schema, ..self }
    }

    /// Reads the file; `None` if it is missing.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, MarkError> {
        match bounded_file::read(path, BYTES_MAX) {
            Ok(bytes) => Self::decode(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, MarkError> {
        let sector = |number: usize| bytes.get(number * SECTOR..).and_then(|rest| rest.first_chunk::<SECTOR>());
        let header = sector(0).and_then(unsealed).ok_or(MarkError::Header)?;
        let (magic, mut rest) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(MarkError::Header);
        }
        let (version, schema) = (u32::from_le_bytes(take(&mut rest)), u32::from_le_bytes(take(&mut rest)));
        if version != VERSION {
            return Err(MarkError::Version(version));
        }
        let store = Uuid::from_bytes(take(&mut rest));
        let slots = [1, 2].into_iter().filter_map(|number| Self::slot(sector(number)?, store, schema));
        slots.max_by_key(|slot| slot.sequence).ok_or(MarkError::Slots)
    }

    fn slot(sector: &[u8; SECTOR], store: Uuid, schema: u32) -> Option<Self> {
        let mut rest = unsealed(sector)?;
        let sequence = u64::from_le_bytes(take(&mut rest));
        let counter = u64::from_le_bytes(take(&mut rest));
        let hash = Digest::from_bytes(take(&mut rest));
        let [code] = take(&mut rest);
        let owner = Uuid::from_bytes(take(&mut rest));
        let (state, _) = STATES.into_iter().find(|(_, known)| *known == code)?;
        (owner == store).then_some(Self { store, schema, counter, hash, state, sequence })
    }

    const fn slot_offset(&self) -> u64 {
        (1 + self.sequence % 2) * SECTOR as u64
    }

    fn header(&self) -> [u8; SECTOR] {
        let fields: [&[u8]; 4] = [MAGIC, &VERSION.to_le_bytes(), &self.schema.to_le_bytes(), self.store.as_bytes()];
        sealed(&fields)
    }

    fn sector(&self) -> [u8; SECTOR] {
        let (_, code) = STATES.into_iter().find(|(state, _)| *state == self.state).unwrap_or((State::Failed, 5));
        sealed(&[
            &self.sequence.to_le_bytes(),
            &self.counter.to_le_bytes(),
            self.hash.as_bytes(),
            &[code],
            self.store.as_bytes(),
        ])
    }
}

/// A sector with these fields, and their checksum at its end.
fn sealed(fields: &[&[u8]]) -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    let mut at = 0;
    for field in fields {
        sector[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    let sum = crc32fast::hash(&sector[..SECTOR - 4]);
    sector[SECTOR - 4..].copy_from_slice(&sum.to_le_bytes());
    sector
}

/// The fields of a sector, if their checksum matches.
fn unsealed(sector: &[u8; SECTOR]) -> Option<&[u8]> {
    let (fields, sum) = sector.split_last_chunk::<4>()?;
    (crc32fast::hash(fields) == u32::from_le_bytes(*sum)).then_some(fields)
}

/// Takes the next field. Fields have fixed sizes; together they are smaller than a sector.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut field = [0; N];
    let (taken, left) = rest.split_at(N);
    field.copy_from_slice(taken);
    *rest = left;
    field
}

impl Watermark {
    /// Creates the file atomically. The caller must sync the directory.
    pub(super) fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let made = path.with_extension("new");
        let file = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&made)?;
        file.write_all_at(&mark.header(), 0)?;
        let watermark = Self::with(file, mark)?;
        std::fs::rename(made, path)?;
        Ok(watermark)
    }

    /// Opens a file that [`Mark::read`] has read, and durably writes the mark to it.
    pub(super) fn open(path: &Path, mark: Mark) -> io::Result<Self> {
        Self::with(File::options().read(true).write(true).open(path)?, mark)
    }

    fn with(file: File, mark: Mark) -> io::Result<Self> {
        let file = Arc::new(file);
        let mut watermark = Self { syncer: Arc::new(Syncer::new(Arc::clone(&file))), file, mark };
        watermark.settle(mark.state)?;
        Ok(watermark)
    }

    pub(super) const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Moves the mark to a group, which must be durable. Once a sync of the mark has failed, every move fails.
    pub(super) fn advance(&mut self, tip: &Tip) -> io::Result<()> {
        self.mark = self.mark.at(tip);
        self.write()?;
        self.syncer.moved()
    }

    /// Writes both slots, and syncs them. Damage to one slot then does not set the mark back.
    pub(super) fn settle(&mut self, state: State) -> io::Result<()> {
        self.mark.state = state;
        self.write()?;
        self.write()?;
        self.file.sync_data()
    }

    /// As [`settle`](Self::settle), at a group.
    pub(super) fn settle_at(&mut self, tip: &Tip, state: State) -> io::Result<()> {
        self.mark = self.mark.at(tip);
        self.settle(state)
    }

    /// Records that a write has failed. This is best effort: the disk may reject this write too.
    pub(super) fn failed(&mut self) {
        if let Err(error) = self.settle(State::Failed) {
            tracing::warn!(%error, "cannot record the failure of the store in WATERMARK");
        }
    }

    /// Syncs moves on a separate thread, until dropped. `failed` receives the error of a sync. Moves fail once one has
    /// waited for longer than `limit` and the pause after a sync.
    pub(super) fn keep_synced(
        &self,
        limit: Duration,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<()> {
        let syncer = Arc::clone(&self.syncer);
        syncer.moves().limit = Some(limit + SYNC_EVERY);
        let run = move || {
            if let Err(error) = syncer.run() {
                failed(error);
            }
        };
        std::thread::Builder::new().name("signoff-mark".into()).spawn(run).map(drop)
    }

    /// Writes the next slot, and counts the write only when it is complete. After a failed write, the next one uses the
    /// same slot, so that the other slot stays intact.
    fn write(&mut self) -> io::Result<()> {
        let next = Mark { sequence: self.mark.sequence + 1, ..self.mark };
        self.file.write_all_at(&next.sector(), next.slot_offset())?;
        self.mark = next;
        Ok(())
    }
}

/// As [`Watermark::failed`], without the open [`Watermark`]: its owner hangs, or there is none yet. It does not sync,
/// which could hang too. A restart reads the note from the kernel's cache; a power loss drops that cache, and with it
/// the pages that the note warns about.
pub(super) fn note_failure(path: &Path) {
    let note = || -> Result<(), MarkError> {
        // The next start repeats creating or moving a store anyway.
        let mark = match Mark::read(path)? {
            Some(mark) if matches!(mark.state, State::Open | State::Closed) => mark,
            _ => return Ok(()),
        };
        // Use the older slot, because this write may be torn. A hanging owner would use the same slot next; if it
        // resumes that far, it records its own failure.
        let mark = Mark { state: State::Failed, sequence: mark.sequence + 3, ..mark };
        let file = File::options().write(true).open(path)?;
        Ok(file.write_all_at(&mark.sector(), mark.slot_offset())?)
    };
    if let Err(error) = note() {
        tracing::warn!(%error, "cannot record the failure of the store in WATERMARK");
    }
}

impl Drop for Watermark {
    fn drop(&mut self) {
        self.syncer.stop();
    }
}

/// Syncs the file after moves.
#[derive(Debug)]
struct Syncer {
    file: Arc<File>,
    moves: Mutex<Moves>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Moves {
    /// The time of the oldest move that no sync covers yet.
    waiting: Option<Instant>,
    /// The time of the oldest move that the running sync covers.
    syncing: Option<Instant>,
    /// Maximum age of either.
    limit: Option<Duration>,
    stopped: bool,
    failed: bool,
}

impl Syncer {
    fn new(file: Arc<File>) -> Self {
        Self { file, moves: Mutex::default(), woken: Condvar::new() }
    }

    fn moved(&self) -> io::Result<()> {
        let mut moves = self.moves();
        if moves.failed {
            return Err(io::Error::other("cannot sync WATERMARK"));
        }
        let since = moves.syncing.or(moves.waiting);
        if let Some((since, limit)) = since.zip(moves.limit)
            && since.elapsed() >= limit
        {
            let reason = format!("WATERMARK was not synced within {}", duration_text(limit));
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        if moves.waiting.is_none() {
            #[expect(clippy::disallowed_methods, reason = "the disk is timed on a thread of its own")]
            let now = Instant::now();
            moves.waiting = Some(now);
            self.woken.notify_all();
        }
        Ok(())
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.moves().stopped = true;
        self.woken.notify_all();
    }

    fn run(&self) -> io::Result<()> {
        let mut moves = self.moves();
        loop {
            let idle = |moves: &mut Moves| moves.waiting.is_none() && !moves.stopped;
            moves = self.woken.wait_while(moves, idle).unwrap_or_else(PoisonError::into_inner);
            if moves.stopped {
                return Ok(()); // the mark is settled, or its owner has failed
            }
            moves.syncing = moves.waiting.take();
            drop(moves);
            let synced = self.file.sync_data();
            moves = self.moves();
            moves.syncing = None;
            if let Err(error) = synced {
                moves.failed = true;
                return Err(error);
            }
            let running = |moves: &mut Moves| !moves.stopped;
            let rested = self.woken.wait_timeout_while(moves, SYNC_EVERY, running);
            moves = rested.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests;
