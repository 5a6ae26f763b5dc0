//! The data directory: one process at a time, and nothing in it that keeps sled from opening.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::store::OpenError;

/// A data directory that this process has for itself, until dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates the directory where needed, locks it, and removes what a killed process left half-written.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
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

    /// Where sled keeps its files.
    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
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
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
