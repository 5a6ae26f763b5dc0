//! The data directory: one process at a time, and nothing in it that keeps sled from opening.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{private_files, store::OpenError};

/// A data directory that this process has for itself, until dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates the directory where needed, locks it, and removes what a killed process left half-written.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let path = &private_files::secured(path)?;
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let sled = path.join("sled");
        // Arguments can be secrets: nobody else on this machine is to read them.
        let made: Vec<_> = sled.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&sled).map_err(failed)?;
        // A new directory is durable once the one that names it is.
        for parent in made.iter().filter_map(|path| path.parent()) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
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
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder); // only for the message
                return Err(OpenError::Locked { path: path.to_owned(), holder: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let write_pid = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        write_pid(&mut lock).map_err(failed)?;
        wait_for_sled(&sled).map_err(failed)?;
        remove_half_written_snapshots(&sled).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The data directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What proves how far the store had come.
    pub(super) fn watermark(&self) -> PathBuf {
        self.path.join("WATERMARK")
    }

    /// Where sled keeps its files.
    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// Where a store is made that will take the place of one with an older schema.
    pub(super) fn made(&self) -> PathBuf {
        self.path.join("sled.new")
    }

    /// Where a store stays whose place another one takes.
    pub(super) fn replaced(&self) -> PathBuf {
        self.path.join("sled.old")
    }

    /// Where a copy is compared.
    pub(super) fn copied(&self) -> PathBuf {
        self.path.join("sled.check")
    }

    /// Whether sled has written anything: its log, or a snapshot of it.
    pub(super) fn has_content(&self) -> io::Result<bool> {
        for entry in fs::read_dir(self.sled())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") || (name == "db" && entry.metadata()?.len() > 0) {
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

    /// Copies sled's files to another directory, which is made anew.
    pub(super) fn copy_to(&self, copy: &Path) -> io::Result<()> {
        match fs::remove_dir_all(copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::DirBuilder::new().mode(0o700).create(copy)?,
        }
        copy_all(&self.sled(), copy)
    }

    /// Writes sled's log to a new file that takes the old one's place. After a failed sync the kernel may call pages clean that
    /// are not on the disk; what it shows is made durable so.
    pub(super) fn rewrite(&self) -> io::Result<()> {
        let (log, copy) = (self.sled().join("db"), self.sled().join("db.rewritten"));
        tracing::warn!("a write failed before the store was last closed; writing its log anew");
        fs::copy(&log, &copy)?;
        File::open(&copy)?.sync_all()?;
        fs::rename(&copy, &log)?;
        self.sync()
    }

    /// Makes the files in a directory of sled durable, with their names.
    pub(super) fn settle(sled: &Path) -> io::Result<()> {
        wait_for_sled(sled)?;
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

    /// Makes the files' names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        for directory in [self.sled(), self.path.clone()] {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
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

/// After a store was dropped, threads of sled may still write and keep its file locked for a moment. Nobody else does:
/// the directory is ours by now.
fn wait_for_sled(sled: &Path) -> io::Result<()> {
    match File::open(sled.join("db")) {
        Ok(file) => file.lock(), // until dropped here
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// sled cannot open a store beside which a kill left such a file, and never needs it.
fn remove_half_written_snapshots(sled: &Path) -> io::Result<()> {
    for entry in fs::read_dir(sled)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %name, "removing a snapshot that was never finished");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_new_directory_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let _directory = Directory::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("LOCK")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
