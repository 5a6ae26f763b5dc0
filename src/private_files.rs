//! Files with secrets: only their owner can open them, and their content survives a crash.

use std::{
    fs::{self, File, Metadata, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::Mode,
    process::{geteuid, umask},
};

/// Permission bits of the group and of other users.
const OTHERS: u32 = 0o077;

/// Why a data directory is rejected.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// Other users can open it, and it belongs to another user.
    #[error(
        "{} is accessible to other users (mode {mode:04o}) and belongs to another user (uid {owner}); have its owner run \
         `chmod go-rwx`, or use a directory inside it",
        path.display()
    )]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Its owner.
        owner: u32,
    },
    /// Other users can open it, and its permissions cannot be changed.
    #[error(
        "{} is accessible to other users (mode {mode:04o}), and its file system ignores changes of permissions; use \
         another file system",
        path.display()
    )]
    NotKept {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is a symbolic link to a missing directory.
    #[error(
        "{} is a symbolic link to {}, which does not exist; create that directory, or remove the link",
        path.display(), target.display()
    )]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Its target.
        target: PathBuf,
    },
    /// It does not exist, and cannot be created.
    #[error("cannot create the data directory {}: {source}", path.display())]
    NotCreated {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Its permissions cannot be read.
    #[error("cannot read the permissions of {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Sets the umask so that only the owner can open new files. sled creates files with the default permissions of the
/// process.
pub(crate) fn keep_new_files_private() {
    umask(Mode::from_raw_mode(OTHERS));
}

/// Creates a data directory unless it exists, and makes it private. A store in a directory does this for itself, and durably:
/// without one, a crash may forget the directory, because it holds nothing that must be kept.
///
/// # Errors
/// When it cannot be created, or other users can open it and its permissions cannot be changed.
pub(crate) fn create(directory: &Path) -> Result<(), PrivacyError> {
    let path = secured(directory)?;
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    created.map_err(|source| PrivacyError::NotCreated { path, source })
}

/// Resolves the links of a data directory, and makes the directory and our files in it private. Does nothing if the
/// directory does not exist.
///
/// # Errors
/// When other users can open it, and its permissions cannot be changed.
pub(crate) fn secured(directory: &Path) -> Result<PathBuf, PrivacyError> {
    let failed = |source| PrivacyError::Io { path: directory.to_owned(), source };
    let directory = match fs::canonicalize(directory) {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match fs::read_link(directory) {
                Ok(target) => Err(PrivacyError::Dangling { path: directory.to_owned(), target }),
                Err(_) => Ok(directory.to_owned()),
            };
        }
        Err(error) => return Err(failed(error)),
    };
    if !directory.is_dir() {
        return Ok(directory); // opening it reports the error; permissions of other files are not changed
    }
    if let Some(mode) = secure(&directory)? {
        tracing::warn!(
            "other users could open the data directory {} (mode {mode:04o}); made it private",
            directory.display()
        );
    }
    // The directory already protects its files. They become private too: they may be copied or linked elsewhere.
    let mut opened = ours_in(&directory)?;
    opened.extend(all_in(&directory.join("sled"))?);
    if let Some((path, mode)) = opened.first() {
        let count = opened.len();
        tracing::warn!(
            "other users could open {count} files, such as {} (mode {mode:04o}); made them private",
            path.display()
        );
    }
    Ok(directory)
}

/// Makes private the files directly in a directory that belong to this user: an operator may keep other things there.
fn ours_in(directory: &Path) -> Result<Vec<(PathBuf, u32)>, PrivacyError> {
    let ours = |found: &Metadata| found.is_file() && found.uid() == geteuid().as_raw();
    let mut opened = Vec::new();
    for path in entries(directory)? {
        if fs::symlink_metadata(&path).is_ok_and(|found| ours(&found)) {
            opened.extend(secure(&path)?.map(|mode| (path, mode)));
        }
    }
    Ok(opened)
}

/// Makes private a directory and everything in it.
fn all_in(directory: &Path) -> Result<Vec<(PathBuf, u32)>, PrivacyError> {
    let (mut opened, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(path) = left.pop() {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => left.extend(entries(&path)?),
            Ok(found) if found.is_file() => {}
            _ => continue, // links are not followed: their targets may be outside
        }
        opened.extend(secure(&path)?.map(|mode| (path, mode)));
    }
    Ok(opened)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, PrivacyError> {
    let failed = |source| PrivacyError::Io { path: directory.to_owned(), source };
    let entries = fs::read_dir(directory).map_err(failed)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

/// Removes the permissions of other users. Returns the previous mode if it was changed. A missing file is private.
pub(crate) fn secure(path: &Path) -> Result<Option<u32>, PrivacyError> {
    let failed = |source| PrivacyError::Io { path: path.to_owned(), source };
    let look = || match fs::metadata(path) {
        Ok(found) => Ok(Some((found.permissions().mode() & 0o7777, found.uid()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    };
    let Some((mode, owner)) = look()?.filter(|(mode, _)| mode & OTHERS != 0) else { return Ok(None) };
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(PrivacyError::NotOurs { path: path.to_owned(), mode, owner });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    match look()? {
        Some((mode, _)) if mode & OTHERS != 0 => Err(PrivacyError::NotKept { path: path.to_owned(), mode }),
        _ => Ok(Some(mode)),
    }
}

/// Replaces a file atomically: after a crash there is the old file or the new one.
///
/// # Errors
/// The system's error.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file: an old one might belong to another user, or be open in another process.
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    sync_name(path)
}

/// Makes the name of a file durable by syncing its directory.
///
/// # Errors
/// The system's error.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::bounded_file;
    use crate::telemetry::{Format, test_logs::capture};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn open_to(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A data directory with files, all accessible to other users.
    fn opened() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        fs::create_dir_all(data.join("sled/blobs")).unwrap();
        for file in ["LOCK", "dev-tokens.json", "sled/db", "sled/blobs/1"] {
            fs::write(data.join(file), b"x").unwrap();
            open_to(&data.join(file), 0o664);
        }
        for directory in ["sled/blobs", "sled", ""] {
            open_to(&data.join(directory), 0o2775);
        }
        (parent, data)
    }

    #[test]
    fn files_that_other_users_can_open_are_made_private_and_logged() {
        let (_parent, data) = opened();
        let (lines, _guard) = capture(Format::Text, "warn", None);
        assert_eq!(secured(&data).unwrap(), fs::canonicalize(&data).unwrap());
        for directory in ["", "sled", "sled/blobs"] {
            assert_eq!(mode(&data.join(directory)) & 0o777, 0o700, "{directory}");
        }
        for file in ["LOCK", "dev-tokens.json", "sled/db", "sled/blobs/1"] {
            assert_eq!(mode(&data.join(file)), 0o600, "{file}");
        }
        let told = lines.text();
        assert!(told.contains("data (mode 2775); made it private"), "{told}");
        assert!(told.contains("other users could open 6 files"), "{told}");
        let before = told.len();
        secured(&data).unwrap();
        assert_eq!(lines.text().len(), before, "nothing is left to report");
    }

    #[test]
    fn a_link_to_the_directory_is_followed_and_a_dangling_one_rejected() {
        let (parent, data) = opened();
        let link = parent.path().join("link");
        symlink(&data, &link).unwrap();
        assert_eq!(secured(&link).unwrap(), fs::canonicalize(&data).unwrap());
        assert_eq!(mode(&data) & 0o777, 0o700);
        fs::remove_dir_all(&data).unwrap();
        let refused = secured(&link).unwrap_err();
        assert!(matches!(&refused, PrivacyError::Dangling { target, .. } if *target == data), "{refused}");
        assert!(refused.to_string().contains("which does not exist; create that directory"), "{refused}");
        assert_eq!(secured(&data).unwrap(), data, "it will be created, and private");
    }

    #[test]
    fn a_missing_directory_is_created_private() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("new/data");
        for _ in 0..2 {
            create(&data).unwrap();
            assert_eq!((mode(&data) & 0o777, mode(data.parent().unwrap()) & 0o777), (0o700, 0o700));
        }
        fs::write(parent.path().join("file"), b"").unwrap();
        let refused = create(&parent.path().join("file/data")).unwrap_err();
        assert!(refused.to_string().contains("file/data"), "{refused}");
    }

    #[test]
    fn links_inside_are_not_followed() {
        let (parent, data) = opened();
        let outside = parent.path().join("outside");
        fs::write(&outside, b"x").unwrap();
        open_to(&outside, 0o644);
        symlink(&outside, data.join("sled/link")).unwrap();
        symlink(&outside, data.join("policy.yaml")).unwrap();
        symlink("nowhere", data.join("sled/dangling")).unwrap();
        secured(&data).unwrap();
        assert_eq!(mode(&outside), 0o644);
    }

    #[test]
    fn files_of_other_users_are_rejected_with_a_remedy() {
        // Even root cannot change permissions of /proc.
        let refused = secure(Path::new("/proc/self/status")).unwrap_err().to_string();
        assert!(refused.contains("is accessible to other users (mode 0444)"), "{refused}");
        assert!(refused.contains("have its owner run `chmod go-rwx`, or use a directory inside it"), "{refused}");
    }

    #[test]
    fn a_file_is_replaced_atomically() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        for content in [&b"one"[..], b"two"] {
            // The rest of a crash, readable by all users.
            fs::write(directory.path().join("a.json.new"), b"half").unwrap();
            replace(&path, content).unwrap();
            assert_eq!((bounded_file::whole(&path).as_slice(), mode(&path)), (content, 0o600));
            assert_eq!(entries(directory.path()).unwrap(), std::slice::from_ref(&path));
        }
    }
}
