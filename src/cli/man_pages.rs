//! `signoff man-pages`: the manual pages, made from the same description as `--help`.

use std::{fs, io, path::Path};

/// Writes a page for each command into a directory, such as `signoff-token-create.1`. Creates the directory.
///
/// # Errors
/// When the directory or a page cannot be written.
pub(super) fn write(root: clap::Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(root, directory)
}
