//! Reading what the server has written, whole: tests know what is there.

use std::{io, path::Path};

/// What a file holds.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// What a file holds, as text.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub(crate) fn text(path: impl AsRef<Path>) -> io::Result<String> {
    std::fs::read_to_string(path)
}
