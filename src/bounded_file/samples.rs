//! Files that never end, for tests of every reader of files.

use std::path::{Path, PathBuf};

/// An endless device, a pipe without a writer, and a directory, each in `directory`.
pub(crate) fn endless(directory: &Path) -> [PathBuf; 3] {
    let [zero, pipe, inner] = ["zero", "pipe", "directory"].map(|name| directory.join(name));
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    std::fs::create_dir(&inner).unwrap();
    [zero, pipe, inner]
}
