//! Reading with a limit.
//!
//! Everything that is read whole is read through here; clippy.toml bans the functions that read without a limit. The
//! limit holds while the content is read, not before: a file system may give another length than there is, such as 0 in
//! `/proc`, and a file may grow meanwhile. Opening a file never waits for ever, as it would for a pipe that nobody
//! writes to.

use std::{
    fs::File,
    io::{self, Chain, Cursor, ErrorKind, Read},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::retry_on_intr,
};

/// How long a pipe that somebody named is waited for when nobody writes to it yet.
const WRITER_WAIT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// What a file of our own holds, or one that is looked at again and again.
///
/// # Errors
/// When it cannot be read, is not a regular file, or has more than `max` bytes.
pub(crate) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let content = up_to(&file, max)?;
    if content.len() > max { Err(too_large(&file, content.len(), max)) } else { Ok(content) }
}

/// Opens such a file, to be read in parts.
///
/// # Errors
/// When it cannot be opened, or is not a regular file: reading a pipe or a device might never end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = open_at_once(path)?;
    ensure_regular(&file)?;
    Ok(file)
}

/// # Errors
/// When an open file is not a regular one.
pub(crate) fn ensure_regular(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { Ok(()) } else { Err(io::Error::new(ErrorKind::InvalidInput, "is no file")) }
}

/// As [`read`], on a thread that may wait. Errors begin with the path.
pub(crate) async fn read_named(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let found = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || read(&path, max)
    });
    found.await.map_err(io::Error::from).flatten().map_err(|error| format!("{}: {error}", path.display()))
}

/// What somebody named on a command line: a file, a pipe such as a shell's `<(…)`, or a device such as `/dev/stdin`.
///
/// # Errors
/// When it cannot be read, has more than `max` bytes, or is a pipe that nobody writes to.
pub(crate) fn read_input(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut input = open_input(path)?;
    let content = up_to(&mut input, max)?;
    let (_, file) = input.get_ref();
    if content.len() > max && file.metadata()?.is_file() {
        return Err(too_large(file, content.len(), max));
    }
    within(content, max)
}

/// What comes from a stream, such as standard input.
///
/// # Errors
/// When it cannot be read, or has more than `max` bytes.
pub(crate) fn read_stream(stream: impl Read, max: usize) -> io::Result<Vec<u8>> {
    within(up_to(stream, max)?, max)
}

/// What somebody named on a command line: what was read of it while its writer was waited for, then the rest.
pub(crate) type Input = Chain<Cursor<Vec<u8>>, File>;

/// Opens what somebody named on a command line, to be read in parts. Waits a while for a pipe's writer.
///
/// # Errors
/// When it cannot be opened, or is a pipe that nobody writes to.
pub(crate) fn open_input(path: &Path) -> io::Result<Input> {
    let file = open_at_once(path)?;
    let kind = file.metadata()?.file_type();
    let start = if kind.is_fifo() { await_writer(&file)? } else { Vec::new() };
    if !kind.is_file() {
        // Opened without waiting for a writer; what writers write is waited for.
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    }
    Ok(Cursor::new(start).chain(file))
}

/// Waits for the writer of a pipe that was opened without waiting: until one comes, such a pipe reads as if it had
/// ended. Returns what had to be read to find the writer.
fn await_writer(mut pipe: &File) -> io::Result<Vec<u8>> {
    // Linux reports a hang-up only after a writer has come and gone: that pipe is empty, and no error. Where a system
    // reports it at once, nobody is waited for.
    let mut polled = [PollFd::new(pipe, PollFlags::IN | PollFlags::HUP)];
    if retry_on_intr(|| poll(&mut polled, Some(&WRITER_WAIT)))? > 0 {
        return Ok(Vec::new());
    }
    // A writer that has written nothing yet, such as a command that is slow to start, shows only when the pipe is read.
    let mut start = [0];
    match pipe.read(&mut start) {
        Ok(0) => Err(io::Error::new(ErrorKind::InvalidInput, "is a pipe that nobody writes to")),
        Ok(read) => Ok(start[..read].to_vec()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Content that is text.
///
/// # Errors
/// When it is not UTF-8.
pub(crate) fn text(content: Vec<u8>) -> io::Result<String> {
    // In the words of the standard library.
    let wrong = |_| io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(content).map_err(wrong)
}

fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// At most one byte more than `max`.
fn up_to(from: impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn within(content: Vec<u8>, max: usize) -> io::Result<Vec<u8>> {
    if content.len() > max {
        let message = format!("is larger than the limit of {max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

/// The file has as much as was read, or more if it says so.
fn too_large(file: &File, read: usize, max: usize) -> io::Error {
    let found = file.metadata().map_or(0, |found| found.len()).max(read as u64);
    io::Error::new(ErrorKind::FileTooLarge, format!("has {found} bytes; at most {max} are allowed"))
}

/// All of a test's own file.
#[cfg(test)]
pub(crate) fn whole(path: impl AsRef<Path>) -> Vec<u8> {
    read(path.as_ref(), 1 << 30).unwrap()
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
