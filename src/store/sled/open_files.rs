//! Checks that the store's paths still lead to the files that this process has open.
//!
//! Writes and syncs to a deleted or replaced file succeed, but the data is gone when the process ends. So the writer
//! checks the paths after every sync, before it answers. This also keeps two servers from serving one directory after
//! the files of the first one were deleted.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Open files, with their paths.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Vec<OpenFile>);

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: Identity,
}

/// Identifies a file among all that exist at the same time. An open file keeps its inode, even when deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A path that no longer leads to the open file.
#[derive(Debug, thiserror::Error)]
pub(super) enum LostFile {
    /// The path does not exist.
    #[error(
        "{} was deleted or renamed while it was in use. Put it back, or restore the whole data directory from a \
         backup, before you start the server again",
        .0.display()
    )]
    Gone(PathBuf),
    /// Another file has the path.
    #[error(
        "{} was replaced by another file while it was in use. Make sure that no other server uses this data directory, \
         and restore the whole directory from a backup if the original is lost",
        .0.display()
    )]
    Replaced(PathBuf),
    /// The path cannot be looked up.
    #[error("cannot look up {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
}

impl OpenFiles {
    /// Adds an open file or directory, with the path by which it was opened.
    pub(super) fn add(&mut self, path: &Path, file: &File) -> io::Result<()> {
        let identity = Identity::of(&file.metadata()?);
        self.0.push(OpenFile { path: path.to_owned(), identity });
        Ok(())
    }

    /// Looks up every path: about a microsecond each.
    pub(super) fn check(&self) -> Result<(), LostFile> {
        self.0.iter().try_for_each(|OpenFile { path, identity }| match fs::metadata(path) {
            Ok(found) if Identity::of(&found) == *identity => Ok(()),
            Ok(_) => Err(LostFile::Replaced(path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LostFile::Gone(path.clone())),
            Err(error) => Err(LostFile::Unreadable(path.clone(), error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_lost_by_deleting_renaming_and_replacing_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, aside) = (directory.path().join("db"), directory.path().join("aside"));
        let mut open_files = OpenFiles::default();
        open_files.add(&path, &File::create(&path).unwrap()).unwrap();
        open_files.add(directory.path(), &File::open(directory.path()).unwrap()).unwrap();
        open_files.check().unwrap();

        fs::rename(&path, &aside).unwrap();
        assert!(matches!(open_files.check(), Err(LostFile::Gone(gone)) if gone == path));
        fs::copy(&aside, &path).unwrap();
        assert!(matches!(open_files.check(), Err(LostFile::Replaced(replaced)) if replaced == path));
        fs::rename(&aside, &path).unwrap();
        open_files.check().unwrap();
        fs::hard_link(&path, &aside).unwrap();
        open_files.check().unwrap(); // a hard link, as a backup may make
        fs::remove_file(&path).unwrap();
        assert!(
            open_files.check().unwrap_err().to_string().contains("was deleted or renamed"),
            "a hard link does not help"
        );
    }

    #[test]
    fn renaming_the_directory_loses_its_files() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        fs::create_dir(&data).unwrap();
        let mut open_files = OpenFiles::default();
        open_files.add(&data.join("db"), &File::create(data.join("db")).unwrap()).unwrap();
        fs::rename(&data, parent.path().join("moved")).unwrap();
        assert!(matches!(open_files.check(), Err(LostFile::Gone(_))));
    }
}
