//! Reads whole files that the server has written, without a limit.

use std::{io, path::Path};

/// The content of a file.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// The content of a file, as text.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub(crate) fn text(path: impl AsRef<Path>) -> io::Result<String> {
    std::fs::read_to_string(path)
}
