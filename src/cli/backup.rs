//! `signoff backup`: a backup of a running server, in a file for `signoff import`.
//!
//! The file appears only when it is complete. Until then its content is in a file beside it, which is removed when the
//! command fails: half a backup would look like a backup.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use super::{
    connection::{AdminClient, ConnectionArgs},
    console::Console,
    failure::Failure,
    text::escape,
};
use crate::{
    private_files,
    proto::v1::{BackupComplete, BackupRequest, backup_response::Part},
};

pub(super) const LONG: &str = "\
Back up a running server into a file for `signoff import`

The file is the state of one moment; the server continues to work. It has everything that `signoff export` writes: \
policy versions, tokens (as hashes), freezes, blocks, approvals with their arguments and events, and messages that were \
not delivered. Only its owner can read it, because arguments can be secrets.

The file appears only when it is complete, and is then on the disk. Requires the role operator.";

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// File to write, or - for standard output
    #[arg(value_name = "FILE")]
    output: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(
    args: BackupArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let BackupArgs { output, force } = args;
    if output.as_os_str() == OsStr::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::Usage("cannot write a backup to a terminal; name a file".to_owned()));
        }
        let complete = receive(&mut connection.admin().await?, &mut io::stdout(), Failure::from).await?;
        return Ok(console.note(&format!("backed up {}", told(&complete)))?);
    }
    replaceable(&output, force)?;
    let mut client = connection.admin().await?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut file = UnfinishedFile::beside(&output).map_err(|error| unwritable(&output, &error))?;
    let received = receive(&mut client, &mut file.file, |error| unwritable(&output, &error));
    let complete = tokio::select! {
        complete = received => complete?,
        () = interrupt => return Err(interrupted()),
        _ = terminated.recv() => return Err(interrupted()),
    };
    replaceable(&output, force)?;
    file.finish(&output).map_err(|error| unwritable(&output, &error))?;
    if console.json {
        return Ok(console.message(&complete)?);
    }
    Ok(console.line(&format!("backed up {} to {}", told(&complete), escape(&output.display().to_string())))?)
}

fn interrupted() -> Failure {
    Failure::Stopped("interrupted; no backup was written".to_owned())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Files(vec![format!("{}: {error}", path.display())])
}

/// Fails if a file exists that must not be replaced.
fn replaceable(path: &Path, force: bool) -> Result<(), Failure> {
    let problem = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => error.to_string(),
        Ok(found) if !found.is_file() => "exists, and is not a regular file; name another one".to_owned(),
        Ok(_) if force => return Ok(()),
        Ok(_) => "exists; name another file, or set --force to replace it".to_owned(),
    };
    Err(Failure::Files(vec![format!("{}: {problem}", path.display())]))
}

/// Receives a backup, and compares it with what the server says about it.
async fn receive(
    client: &mut AdminClient,
    output: &mut impl Write,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<BackupComplete, Failure> {
    let mut parts = client.backup(BackupRequest {}).await?.into_inner();
    let (mut hash, mut size) = (Sha256::new(), 0);
    loop {
        match parts.message().await?.and_then(|message| message.part) {
            Some(Part::Data(data)) => {
                output.write_all(&data).map_err(&failed)?;
                hash.update(&data);
                size += data.len() as u64;
            }
            Some(Part::Complete(complete)) => {
                output.flush().map_err(&failed)?;
                let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                if complete.size_bytes != size || complete.sha256 != format!("sha256:{hex}") {
                    return Err(Failure::Protocol("the backup differs from the server's size or SHA-256 of it"));
                }
                return Ok(complete);
            }
            None => return Err(Failure::Protocol("the backup ended before it was complete")),
        }
    }
}

/// The content of a backup, in words.
fn told(complete: &BackupComplete) -> String {
    let BackupComplete { size_bytes, approval_count, policy_version_count, token_count, .. } = complete;
    format!(
        "{approval_count} approvals, {policy_version_count} policy versions and {token_count} tokens, \
         {size_bytes} bytes"
    )
}

/// A file that is removed unless it was finished.
#[derive(Debug)]
struct UnfinishedFile {
    file: File,
    path: Option<PathBuf>,
}

impl UnfinishedFile {
    /// Creates a file in the directory of another one, so that it can take its name.
    fn beside(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        name.push(format!(".{}.part", Uuid::new_v4().simple()));
        let path = path.with_file_name(name);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path: Some(path) })
    }

    /// Makes the content durable, and then the file's name.
    fn finish(mut self, name: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(path) = &self.path {
            fs::rename(path, name)?;
        }
        self.path = None;
        private_files::sync_name(name)
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path); // it may be gone already
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn only_a_finished_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        let files = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        let unfinished = UnfinishedFile::beside(&path).unwrap();
        assert_eq!(files().len(), 1);
        drop(unfinished);
        assert!(files().is_empty());
        for content in ["one", "two"] {
            let mut unfinished = UnfinishedFile::beside(&path).unwrap();
            unfinished.file.write_all(content.as_bytes()).unwrap();
            unfinished.finish(&path).unwrap();
            assert_eq!(files(), std::slice::from_ref(&path));
            assert_eq!(crate::bounded_file::whole(&path), content.as_bytes());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn only_a_regular_file_is_replaced_and_only_by_force() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("a.jsonl"), directory.path().join("link"));
        let told = |path: &Path, force| replaceable(path, force).map_err(|failure| format!("{failure:?}"));
        assert_eq!(told(&path, false), Ok(()));
        fs::write(&path, "old").unwrap();
        assert_eq!(told(&path, true), Ok(()));
        assert!(told(&path, false).unwrap_err().contains("exists; name another file, or set --force to replace it"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for other in [directory.path(), &link, Path::new("/dev/null")] {
            assert!(told(other, true).unwrap_err().contains("is not a regular file"), "{}", other.display());
        }
        let missing = UnfinishedFile::beside(&directory.path().join("missing/a.jsonl")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
