//! Opens a data directory. A directory with a mark never opens as an empty store, and never in a state before the mark.

use std::{fs::File, io, path::Path, sync::mpsc, time::Duration};

use sled::{Batch, Db, Tree};
use uuid::Uuid;

use super::{
    CACHE_BYTES, OpenError, SCHEMA, UPGRADED,
    catch_panic::{guarded, sentence},
    commit_log::{self, Tip},
    directory::{Directory, forget_settings},
    frame::{self, corrupt},
    keys, migrate, preflight,
    tree_reader::TreeReader,
    verify::verify,
    watermark::{self, Mark, State, Watermark},
    writer::SyncFile,
};
use crate::{domain::duration_text, store::StoreError};

/// Maximum faults in an error message.
const NAMED: usize = 3;

/// Minimum time limit for opening. sled can hang on damaged files.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes per second that even a very slow machine opens.
const SLOWEST: u64 = 1 << 20;

/// An open store, whose content is verified against its mark, and durable.
pub(super) struct Opened {
    pub(super) db: Db,
    pub(super) pages: TreeReader,
    pub(super) file: File,
    pub(super) tip: Tip,
    pub(super) mark: Watermark,
}

/// Opens the store, or creates one. Each write may take at most `write_timeout`.
pub(super) fn open(directory: &Directory, write_timeout: Duration, sync: &mut SyncFile) -> Result<Opened, OpenError> {
    match read_mark(directory)? {
        None => unmarked(directory, write_timeout, sync),
        Some(mark) => marked(directory, mark, write_timeout, sync),
    }
}

/// Reads the watermark; `None` if it is missing.
pub(super) fn read_mark(directory: &Directory) -> Result<Option<Mark>, OpenError> {
    Mark::read(&directory.watermark()).map_err(|error| unreadable(directory, format!("cannot use WATERMARK: {error}")))
}

/// Opens a directory without a watermark: it is new, or an older build wrote it.
fn unmarked(directory: &Directory, write_timeout: Duration, sync: &mut SyncFile) -> Result<Opened, OpenError> {
    let failed = |source| io_error(directory, source);
    let damaged = |reason| unreadable(directory, reason);
    if !directory.has_content().map_err(failed)? {
        if directory.was_served().map_err(failed)? {
            let reason = "the store and WATERMARK are missing, but CLOCK shows that a server has used this directory. \
                          To start with an empty store, delete CLOCK";
            return Err(damaged(reason.into()));
        }
        return create(directory, write_timeout, sync);
    }
    let snapshot = directory.has_snapshot().map_err(failed)?;
    if !snapshot && !preflight::holds(&directory.sled(), |_, _| true).map_err(damaged)? {
        return create(directory, write_timeout, sync); // an older build was stopped while it created the store
    }
    // Without a mark, a doubt cannot be resolved. sled would overwrite the doubtful bytes, or open an empty store.
    let nothing = Mark::new(Uuid::nil(), migrate::FROM, State::Open);
    let doubts = preflight::doubts(&directory.sled(), &nothing).map_err(damaged)?;
    if !doubts.is_empty() {
        return Err(unreadable(directory, format!("WATERMARK is missing, and {}", doubts.join("; "))));
    }
    let db = open_sled(directory, &directory.sled())?;
    let pages = TreeReader::new(Tree::clone(&db));
    match schema_of(&pages).map_err(|error| unreadable(directory, error.to_string()))? {
        Some(migrate::FROM) => {
            let mark = migrate::migrate(directory, &pages)?;
            drop((pages, db));
            marked(directory, mark, write_timeout, sync)
        }
        Some(schema) if schema == SCHEMA || UPGRADED.contains(&schema) => {
            Err(unreadable(directory, "WATERMARK is missing".into()))
        }
        Some(found) => Err(OpenError::Schema { path: directory.path().to_owned(), found, known: SCHEMA }),
        None => Err(unreadable(directory, "sled has data, but no schema version".into())),
    }
}

/// The schema version in sled; 0 if it is malformed.
fn schema_of(pages: &TreeReader) -> Result<Option<u32>, StoreError> {
    let schema = pages.get(keys::SCHEMA)?;
    Ok(schema.as_deref().map(|schema| schema.try_into().map(u32::from_be_bytes).unwrap_or(0)))
}

/// Creates a store. It writes the mark first, so that after a crash the next start knows that the store was never used.
fn create(directory: &Directory, write_timeout: Duration, sync: &mut SyncFile) -> Result<Opened, OpenError> {
    let failed = |source| io_error(directory, source);
    let store = store_id().map_err(failed)?;
    let mark = Mark::new(store, SCHEMA, State::Creating);
    let mut mark = Watermark::create(&directory.watermark(), mark).map_err(failed)?;
    directory.empty().map_err(failed)?;
    directory.sync().map_err(failed)?;
    let db = open_sled(directory, &directory.sled())?;
    let mut batch = Batch::default();
    batch.insert(keys::SCHEMA, &SCHEMA.to_be_bytes());
    batch.insert(keys::STORE, frame::seal(keys::STORE, store.as_bytes()));
    write_out(directory, &db, batch, write_timeout)?;
    let file = directory.log().map_err(failed)?;
    sync(&file).map_err(failed)?;
    directory.sync().map_err(failed)?;
    mark.settle(State::Open).map_err(failed)?;
    let pages = TreeReader::new(Tree::clone(&db));
    Ok(Opened { db, pages, file, tip: Tip::NONE, mark })
}

/// Opens a store with a watermark. The store must reach it; it may be ahead of it.
fn marked(
    directory: &Directory,
    mark: Mark,
    write_timeout: Duration,
    sync: &mut SyncFile,
) -> Result<Opened, OpenError> {
    let failed = |source| io_error(directory, source);
    if mark.schema != SCHEMA && !UPGRADED.contains(&mark.schema) {
        return Err(OpenError::Schema { path: directory.path().to_owned(), found: mark.schema, known: SCHEMA });
    }
    match mark.state {
        State::Creating => {
            let any = directory.has_content().map_err(failed)?
                && preflight::shows(&directory.sled(), |key, _| keys::is_whole_record(key))
                    .map_err(|reason| unreadable(directory, reason))?;
            if any {
                return Err(unreadable(directory, "WATERMARK says that the store is new, but it has records".into()));
            }
            return create(directory, write_timeout, sync);
        }
        State::Swapping => migrate::swap(directory).map_err(failed)?,
        State::Failed => directory.rewrite().map_err(failed)?,
        State::Open | State::Closed => {}
    }
    let doubts = preflight::doubts(&directory.sled(), &mark).map_err(|reason| unreadable(directory, reason))?;
    if !doubts.is_empty() {
        dispel(directory, &mark, &doubts)?;
    }
    let db = open_sled(directory, &directory.sled())?;
    let pages = TreeReader::new(Tree::clone(&db));
    let tip = end_of(&pages, &mark).map_err(|error| unreadable(directory, error.to_string()))?;
    match schema_of(&pages).map_err(|error| unreadable(directory, error.to_string()))? {
        Some(SCHEMA) => {}
        Some(from) if UPGRADED.contains(&from) && mark.schema == from => raise(directory, &db, from, write_timeout)?,
        found => {
            let found = found.unwrap_or(0);
            return Err(OpenError::Schema { path: directory.path().to_owned(), found, known: SCHEMA });
        }
    }
    let file = directory.log().map_err(failed)?;
    sync(&file).map_err(|source| {
        watermark::note_failure(&directory.watermark());
        failed(source)
    })?;
    directory.sync().map_err(failed)?;
    let mut watermark = if mark.schema == SCHEMA {
        Watermark::open(&directory.watermark(), mark).map_err(failed)?
    } else {
        // After the version in sled is durable. After a crash in between, the next start raises the mark.
        let raised = Watermark::create(&directory.watermark(), mark.raised(SCHEMA)).map_err(failed)?;
        directory.sync().map_err(failed)?;
        raised
    };
    watermark.settle_at(&tip, State::Open).map_err(failed)?;
    migrate::clean(directory).map_err(failed)?;
    Ok(Opened { db, pages, file, tip, mark: watermark })
}

/// Upgrades a store of an earlier version. Its records stay valid; only the version changes. The caller syncs.
fn raise(directory: &Directory, db: &Db, from: u32, write_timeout: Duration) -> Result<(), OpenError> {
    tracing::info!(path = %directory.path().display(), from, to = SCHEMA, "upgrading the store");
    let mut batch = Batch::default();
    batch.insert(keys::SCHEMA, &SCHEMA.to_be_bytes());
    write_out(directory, db, batch, write_timeout)
}

/// Compares sled's content with the mark, and follows the groups after it. Returns the newest group.
fn end_of(pages: &TreeReader, mark: &Mark) -> Result<Tip, StoreError> {
    let store = frame::get(pages, keys::STORE)?.ok_or_else(|| corrupt("sled has no store id"))?;
    if store != mark.store.as_bytes() {
        return Err(corrupt("WATERMARK and sled belong to different stores"));
    }
    let tip = Tip::read(pages)?;
    let acknowledged = mark.counter;
    match commit_log::hash_of(pages, acknowledged)? {
        Some(hash) if hash == mark.hash => {}
        Some(_) => {
            return Err(corrupt(format!("commit group {acknowledged} differs from the acknowledged one")));
        }
        None => {
            let newest = tip.counter;
            return Err(corrupt(format!("commit group {acknowledged} was acknowledged, but the newest is {newest}")));
        }
    }
    let marked = Tip { counter: acknowledged, hash: mark.hash, newest: None };
    let end = commit_log::walk(pages, marked, |_| Ok(()))?;
    if end.counter == tip.counter { Ok(tip) } else { Err(corrupt("records of commit groups are missing")) }
}

/// Resolves doubts by verifying the whole store, in a copy: opening lets sled overwrite bytes that it does not
/// understand.
fn dispel(directory: &Directory, mark: &Mark, doubts: &[String]) -> Result<(), OpenError> {
    tracing::warn!(doubts = doubts.join("; "), "the store's files may be damaged; verifying a copy of them");
    let copy = directory.copied();
    let outcome = directory.copy_to(&copy).map_err(|source| io_error(directory, source)).and_then(|()| {
        let db = open_sled(directory, &copy)?;
        let (pages, mark) = (TreeReader::new(Tree::clone(&db)), *mark);
        let findings = within(patience(&copy), move || verify(&pages, Some(&mark))).map_err(|reason| {
            unreadable(directory, format!("{}; sled cannot read the rest: {reason}", doubts.join("; ")))
        })?;
        drop(db);
        match findings.faults.as_slice() {
            [] => Ok(()),
            faults => {
                let named = faults.iter().take(NAMED).map(|fault| match fault.approval_id {
                    Some(id) => format!("{id}: {}", fault.what),
                    None => fault.what.clone(),
                });
                let mut reasons: Vec<_> = doubts.iter().take(NAMED).cloned().chain(named).collect();
                if faults.len() > NAMED {
                    reasons.push(format!("and {} more faults", faults.len() - NAMED));
                }
                Err(unreadable(directory, reasons.join("; ")))
            }
        }
    });
    migrate::remove(&copy).map_err(|source| io_error(directory, source))?;
    outcome?;
    tracing::warn!("verified the copy: no acknowledged data is missing");
    directory.remove_empty_snapshots().map_err(|source| io_error(directory, source))
}

/// Opens sled in a directory, with a time limit. Panics become errors.
pub(super) fn open_sled(directory: &Directory, path: &Path) -> Result<Db, OpenError> {
    forget_settings(path).map_err(|source| io_error(directory, source))?;
    // The writer flushes; a second flusher could deadlock with it.
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    match within(patience(path), move || config.open()) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => {
            // sled writes and syncs while it opens.
            match error {
                sled::Error::Io(source) if path != directory.sled() => {
                    return Err(OpenError::Io { path: path.to_owned(), source });
                }
                sled::Error::Io(_) => watermark::note_failure(&directory.watermark()),
                _ => {}
            }
            Err(unreadable(directory, format!("sled cannot open its files: {}", sentence(&error))))
        }
        Err(reason) => Err(unreadable(directory, format!("sled cannot open its files: {reason}"))),
    }
}

/// Writes a batch to a store that has no writer yet, and flushes it to the kernel. The caller syncs. After a failed
/// write, sled would write again when it is dropped, and can hang: so a handle is leaked.
pub(super) fn write_out(directory: &Directory, db: &Db, batch: Batch, limit: Duration) -> Result<(), OpenError> {
    let writing = db.clone();
    let write = move || {
        writing.apply_batch(batch)?;
        #[expect(clippy::disallowed_methods, reason = "before there is a writer; the sync follows")]
        writing.flush()
    };
    let source = match within(limit, write) {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(sled::Error::Io(source))) => source,
        Ok(Err(error)) => io::Error::other(sentence(&error)),
        Err(reason) => io::Error::other(format!("cannot write: {reason}")),
    };
    std::mem::forget(db.clone());
    Err(io_error(directory, source))
}

/// Time limit for reading all of a directory: far above what any working machine needs.
pub(super) fn patience(sled: &Path) -> Duration {
    let bytes = std::fs::metadata(sled.join("db")).map_or(0, |file| file.len());
    PATIENCE + Duration::from_secs(bytes / SLOWEST)
}

/// Makes a call on a new thread, and abandons the thread when the call takes too long: nothing can stop it.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, outcome) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("signoff-open".into())
        .spawn(move || done.send(guarded(call)))
        .map_err(|error| error.to_string())?;
    match outcome.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("it did not finish within {}", duration_text(limit))),
    }
}

pub(super) fn store_id() -> io::Result<Uuid> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}

pub(super) fn io_error(directory: &Directory, source: io::Error) -> OpenError {
    OpenError::Io { path: directory.path().to_owned(), source }
}

pub(super) fn unreadable(directory: &Directory, reason: String) -> OpenError {
    OpenError::Corrupt { path: directory.path().to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_is_abandoned() {
        let (end, ended) = mpsc::sync_channel::<()>(1);
        let hanging = move || ended.recv().is_ok();
        assert_eq!(within(Duration::ZERO, hanging), Err("it did not finish within 0s".into()));
        drop(end);
        assert_eq!(within(PATIENCE, || 7), Ok(7));
        assert_eq!(within(PATIENCE, || -> u8 { panic!("odd") }), Err("odd".into()));
    }

    /// For example when the disk for temporary files is full.
    #[test]
    fn failing_to_open_a_copy_does_not_mark_the_store_as_failed() {
        let path = tempfile::tempdir().unwrap();
        let directory = Directory::open(path.path()).unwrap();
        let mark = Mark::new(Uuid::from_u128(1), SCHEMA, State::Closed);
        drop(Watermark::create(&directory.watermark(), mark).unwrap());
        let state = || Mark::read(&directory.watermark()).unwrap().unwrap().state;
        for (path, failed) in [(directory.copied(), false), (directory.sled(), true)] {
            std::fs::create_dir_all(path.join("db")).unwrap(); // where the log should be
            let error = open_sled(&directory, &path).unwrap_err();
            assert_eq!(matches!(error, OpenError::Io { path: named, .. } if named == path), !failed);
            assert_eq!(state() == State::Failed, failed);
        }
    }
}
