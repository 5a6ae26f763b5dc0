//! The data directory: locks it for one process, and removes files that would keep sled from opening.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{OpenError, log, open_files::OpenFiles};
use crate::{bounded_file, private_files};

/// sled's own directory, in the data directory.
pub(super) const SLED: &str = "sled";

/// How long threads of a dropped store may keep the lock on sled's file.
const SLED_LETS_GO: Duration = Duration::from_secs(2);

/// Time between two attempts to take that lock.
const LOOK: Duration = Duration::from_millis(10);

/// A data directory, locked by this process until dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
    /// The directory itself, locked too, so that deleting `LOCK` does not let a second server in.
    itself: File,
}

impl Directory {
    /// Creates the directory if it is missing, locks it, and removes unfinished snapshots of a killed process.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let path = &private_files::secured(path)?;
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let sled = path.join(SLED);
        // Arguments can be secrets, so other users must not read the directory.
        let made: Vec<_> = sled.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&sled).map_err(failed)?;
        // A new directory is durable once its parent is synced.
        for parent in made.iter().filter_map(|path| path.parent()) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
        }
        let (itself, lock) = lock(path)?;
        remove_half_written_snapshots(&sled).map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock, itself })
    }

    /// Locks an existing directory, and changes nothing else in it.
    pub(super) fn inspect(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        fs::read_dir(path).map_err(failed)?;
        let (itself, lock) = lock(path)?;
        Ok(Self { path: path.to_owned(), lock, itself })
    }

    /// The data directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the watermark.
    pub(super) fn watermark(&self) -> PathBuf {
        self.path.join("WATERMARK")
    }

    /// The directory of sled's files.
    pub(super) fn sled(&self) -> PathBuf {
        self.path.join(SLED)
    }

    // These three directories are removed without confirmation: no other program uses such names.

    /// The directory of a new store during a migration.
    pub(super) fn made(&self) -> PathBuf {
        self.path.join("sled.being-migrated")
    }

    /// The directory of the old store during a migration.
    pub(super) fn replaced(&self) -> PathBuf {
        self.path.join("sled.before-migration")
    }

    /// The directory of a copy to verify.
    pub(super) fn copied(&self) -> PathBuf {
        self.path.join("sled.being-compared")
    }

    /// Whether a server has used this directory: it creates `CLOCK` after it has opened a store.
    pub(super) fn was_served(&self) -> io::Result<bool> {
        self.path.join("CLOCK").try_exists()
    }

    /// Whether sled has written anything: its log, or a snapshot.
    pub(super) fn has_content(&self) -> io::Result<bool> {
        let entries = match fs::read_dir(self.sled()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") || (name == "db" && entry.metadata()?.len() > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether sled has written a snapshot: it does so when it opens or closes a log with content.
    pub(super) fn has_snapshot(&self) -> io::Result<bool> {
        for entry in fs::read_dir(self.sled())? {
            if entry?.file_name().to_string_lossy().starts_with("snap.") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes everything that sled has written.
    pub(super) fn empty(&self) -> io::Result<()> {
        fs::remove_dir_all(self.sled())?;
        fs::DirBuilder::new().mode(0o700).create(self.sled())
    }

    /// Removes empty snapshots. Call it only after the store is proven complete without them.
    pub(super) fn remove_empty_snapshots(&self) -> io::Result<()> {
        for name in log::empty_snapshots(&self.sled())? {
            tracing::warn!(file = name, "removing an empty snapshot; sled creates another one");
            fs::remove_file(self.sled().join(name))?;
        }
        Ok(())
    }

    /// Copies sled's files, except empty snapshots, to another directory, which is replaced.
    pub(super) fn copy_to(&self, copy: &Path) -> io::Result<()> {
        match fs::remove_dir_all(copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::DirBuilder::new().mode(0o700).create(copy)?,
        }
        copy_all(&self.sled(), copy)?;
        log::empty_snapshots(copy)?.iter().try_for_each(|name| fs::remove_file(copy.join(name)))
    }

    /// Copies sled's log to a new file, which replaces it.
    ///
    /// After a failed sync, the kernel may report pages as clean that are not on the disk, and another sync of that
    /// file would not write them. A new file has no such pages: writing and syncing it makes the log durable as the
    /// kernel shows it now. Only then is it opened.
    ///
    /// The kernel may have dropped those pages already, for example in a reboot. Then the copy equals the log on the
    /// disk. That is safe too: answered groups were durable before the failure, and the watermark does not require
    /// others. If the failure could not be recorded in the watermark, its disk also failed, and it has an older mark,
    /// which both versions of the log satisfy.
    pub(super) fn rewrite(&self) -> io::Result<()> {
        let (log, copy) = (self.sled().join("db"), self.sled().join("db.rewritten"));
        tracing::warn!("a write failed before the last shutdown; rewriting sled's log");
        copy_bytes(&log, &copy)?;
        fs::rename(&copy, &log)?;
        self.sync()
    }

    /// Syncs the files in a directory of sled, and the directory.
    pub(super) fn settle(sled: &Path) -> io::Result<()> {
        if !sled_lets_go(sled)? {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        for entry in fs::read_dir(sled)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        File::open(sled)?.sync_all()
    }

    /// The file that sled appends to, opened for syncing.
    pub(super) fn log(&self) -> io::Result<File> {
        File::options().read(true).write(true).open(self.sled().join("db"))
    }

    /// The files that must not be deleted or replaced while the store is open.
    pub(super) fn open_files(&self, log: &File) -> io::Result<OpenFiles> {
        let mut files = OpenFiles::default();
        files.add(&self.path, &self.itself)?;
        files.add(&self.path.join("LOCK"), &self.lock)?;
        files.add(&self.sled().join("db"), log)?;
        Ok(files)
    }

    /// Syncs the directories, so that the names of their files are durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        for directory in [self.sled(), self.path.clone()] {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

/// Locks a data directory, and writes the pid to `LOCK`. Returns the locked directory and `LOCK`.
fn lock(path: &Path) -> Result<(File, File), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let locked = |holder| OpenError::Locked { path: path.to_owned(), holder };
    let itself = File::open(path).map_err(failed)?;
    match itself.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(holder(path))),
        // Some network file systems cannot lock directories: there `LOCK` and sled's own file must suffice.
        Err(TryLockError::Error(_)) => {}
    }
    let mut lock = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join("LOCK"))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(holder(path))),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    // Before writing our pid: a server whose LOCK was deleted may still hold sled's file.
    if !sled_lets_go(&path.join(SLED)).map_err(failed)? {
        return Err(locked(None));
    }
    let write_pid = |lock: &mut File| {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    write_pid(&mut lock).map_err(failed)?;
    Ok((itself, lock))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Copies a file durably, through the kernel's cache. A copy-on-write clone could share the bad blocks on the disk.
fn copy_bytes(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.sync_all(),
            read => to.write_all(&buffer[..read])?,
        }
    }
}

/// The pid in `LOCK`, for messages only.
fn holder(path: &Path) -> Option<u32> {
    let content = bounded_file::read(&path.join("LOCK"), 64).ok()?;
    std::str::from_utf8(&content).ok()?.trim().parse().ok()
}

/// Whether sled's file is unlocked. After this process dropped a store, threads of sled may still write, and keep the
/// lock for a moment. A process that keeps it longer has the store open, even though the directory could be locked.
#[expect(clippy::disallowed_methods, reason = "another process's lock is waited for before there is a clock")]
fn sled_lets_go(sled: &Path) -> io::Result<bool> {
    let file = match bounded_file::open(&sled.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true), // until dropped here
            Err(TryLockError::WouldBlock) if started.elapsed() < SLED_LETS_GO => pause(),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a lock of another process cannot be waited for with a limit")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// Removes snapshots that a kill left unfinished. sled cannot open with such a file, and never needs it.
fn remove_half_written_snapshots(sled: &Path) -> io::Result<()> {
    for entry in fs::read_dir(sled)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %name, "removing an unfinished snapshot");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes sled's `conf`. sled writes this file if it is missing, in two pieces and without a sync, and cannot open if
/// a failed write or a power loss left it half-written. Its content is known: the version of sled, which is pinned, and
/// settings that never change.
pub(super) fn forget_settings(sled: &Path) -> io::Result<()> {
    match fs::remove_file(sled.join("conf")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn a_new_directory_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let _directory = Directory::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("LOCK")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_half_written_conf_does_not_matter() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("sled");
        let open = || sled::Config::new().path(&path).flush_every_ms(None).open();
        drop(open().unwrap());
        let conf = bounded_file::whole(path.join("conf"));
        fs::write(path.join("conf"), &conf[..conf.len() - 4]).unwrap();
        assert!(open().is_err(), "sled reads its settings now: forget_settings is not needed any more");
        forget_settings(&path).unwrap();
        open().unwrap();
    }

    #[test]
    fn a_rewritten_log_is_another_file_with_the_same_content() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let (log, leftover) = (directory.sled().join("db"), directory.sled().join("db.rewritten"));
        let content = vec![7; 3 << 20];
        fs::write(&log, &content).unwrap();
        fs::write(&leftover, vec![1; 4 << 20]).unwrap(); // left by an interrupted rewrite
        let before = fs::metadata(&log).unwrap().ino();
        directory.rewrite().unwrap();
        assert_ne!(fs::metadata(&log).unwrap().ino(), before);
        assert!(bounded_file::whole(&log) == content && !leftover.exists());
    }

    /// Locks of one file exclude each other between its descriptors, whichever process has them.
    #[test]
    fn deleting_lock_does_not_let_a_second_server_in() {
        let parent = tempfile::tempdir().unwrap();
        let first = Directory::open(parent.path()).unwrap();
        fs::remove_file(parent.path().join("LOCK")).unwrap();
        assert!(matches!(Directory::open(parent.path()), Err(OpenError::Locked { .. })));
        drop(first);
        Directory::open(parent.path()).unwrap();
    }

    #[test]
    fn a_log_that_is_no_file_is_refused_at_once() {
        let parent = tempfile::tempdir().unwrap();
        let log = parent.path().join("sled/db");
        fs::create_dir(parent.path().join("sled")).unwrap();
        for endless in bounded_file::samples::endless(parent.path()) {
            fs::rename(&endless, &log).unwrap();
            let refused = Directory::open(parent.path()).unwrap_err();
            assert!(refused.to_string().contains("is not a regular file"), "{}: {refused}", endless.display());
            fs::rename(&log, &endless).unwrap();
        }
    }

    #[test]
    fn a_log_that_another_process_locks_is_rejected_after_a_wait() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("sled")).unwrap();
        let log = File::create(parent.path().join("sled/db")).unwrap();
        log.lock().unwrap();
        let refused = Directory::open(parent.path()).unwrap_err();
        assert!(matches!(&refused, OpenError::Locked { .. }), "{refused}");
        assert!(!parent.path().join("LOCK").exists() || bounded_file::whole(parent.path().join("LOCK")).is_empty());
        drop(log);
        Directory::open(parent.path()).unwrap();
    }
}
