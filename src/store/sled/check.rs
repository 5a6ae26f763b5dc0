//! `signoff store check`: verifies a copy of the files. It does not change the store.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use sled::Tree;

use super::OpenError;
use super::{
    directory::Directory,
    migrate::{FROM, remove},
    open::{io_error, open_sled, patience, read_mark, within},
    preflight,
    salvage::salvage,
    tree_reader::TreeReader,
    verify::{Findings, verify},
};

/// Verifies the store in a data directory. Its server must not be running. The files are copied to `scratch`, because
/// sled writes when it opens.
///
/// # Errors
/// When the directory is missing, another process has locked it, or the disk fails. Damage is in the findings.
pub fn check(path: &Path, scratch: &Path) -> Result<Findings, OpenError> {
    let directory = Directory::inspect(path)?;
    let mut findings = Findings::default();
    let mark = match read_mark(&directory) {
        Ok(Some(mark)) => Some(mark),
        Ok(None) if preflight::schema(&directory.sled()) == Some(FROM) => {
            return Err(OpenError::Unmigrated { path: path.to_owned(), found: FROM });
        }
        Ok(None) => {
            findings.fault("WATERMARK is missing");
            None
        }
        Err(OpenError::Corrupt { reason, .. }) => {
            findings.fault(reason);
            None
        }
        Err(error) => return Err(error),
    };
    if let Some(mark) = &mark {
        match preflight::doubts(&directory.sled(), mark) {
            Ok(doubts) => findings.notes.extend(doubts),
            Err(reason) => findings.fault(reason),
        }
    }
    if directory.has_content().map_err(|source| io_error(&directory, source))? {
        let copy = Scratch::new(scratch, &directory)?;
        match open_sled(&directory, &copy.0) {
            Ok(db) => {
                let pages = TreeReader::new(Tree::clone(&db));
                let earlier = std::mem::take(&mut findings);
                match within(patience(&copy.0), move || verify(&pages, mark.as_ref())) {
                    Ok(found) => findings = found,
                    Err(reason) => findings.fault(format!("sled cannot read all of its files: {reason}")),
                }
                findings.faults.splice(0..0, earlier.faults);
                findings.notes.splice(0..0, earlier.notes);
            }
            Err(OpenError::Corrupt { reason, .. }) => findings.fault(reason),
            Err(error) => return Err(error),
        }
    } else {
        findings.fault("sled has no files");
    }
    drop(directory);
    if !findings.faults.is_empty()
        && let Ok(salvaged) = salvage(path, chrono::DateTime::UNIX_EPOCH)
    {
        findings.notes.push(format!(
            "`signoff store salvage` would save {} approvals, {} versions of the policy, {} tokens, {} freezes \
             and {} blocks, and leave out {}",
            salvaged.histories.len(),
            salvaged.policies.len(),
            salvaged.tokens.len(),
            salvaged.freezes.len(),
            salvaged.blocks.len(),
            salvaged.left_out.len(),
        ));
    }
    Ok(findings)
}

/// A copy of sled's files, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(scratch: &Path, directory: &Directory) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: scratch.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(scratch).map_err(failed)?;
        let copy = Self(scratch.join(format!("signoff-check-{}", std::process::id())));
        directory.copy_to(&copy.0).map_err(failed)?;
        Ok(copy)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "cannot remove the copy that was checked");
        }
    }
}
