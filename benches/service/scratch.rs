//! Directories for data, inside the build directory: the system's directory for temporary files may be in memory.

use std::path::Path;

use tempfile::TempDir;

use crate::Outcome;

/// A directory that is removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self(tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
