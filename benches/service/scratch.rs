//! Directories for data: below the build directory, because the system's one for temporary files may be memory.

use std::path::Path;

use tempfile::TempDir;

use crate::Outcome;

/// A directory that goes away.
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
