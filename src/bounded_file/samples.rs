//! Things that have no end, in place of each kind of file that is read.

use std::path::{Path, PathBuf};

/// A device without an end, a pipe that nobody writes to, and a directory; as links and names in `directory`.
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
