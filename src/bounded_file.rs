//! Reads files with a size limit.
//!
//! Every file that is read as a whole is read here; clippy.toml bans functions that read without a limit. The limit
//! applies while the content is read, not before: a file system may report a wrong length, such as 0 in `/proc`, and a
//! file may grow. Opening never blocks forever, as it would for a pipe without a writer.

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

/// Maximum wait for the writer of a pipe that was named on a command line.
const WRITER_WAIT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// Reads a regular file: one of the server's own, or one that is polled.
///
/// # Errors
/// When it cannot be read, is not a regular file, or has more than `max` bytes.
pub(crate) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let content = up_to(&file, max)?;
    if content.len() > max { Err(too_large(&file, content.len(), max)) } else { Ok(content) }
}

/// Opens a regular file, to be read in parts.
///
/// # Errors
/// When it cannot be opened, or is not a regular file: reading a pipe or a device might never end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = open_without_blocking(path)?;
    ensure_regular(&file)?;
    Ok(file)
}

/// # Errors
/// When an open file is not a regular file.
pub(crate) fn ensure_regular(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, "is not a regular file"))
    }
}

/// Like [`read`], on a thread that may block. Errors begin with the path.
pub(crate) async fn read_named(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let found = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || read(&path, max)
    });
    found.await.map_err(io::Error::from).flatten().map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads what was named on a command line: a file, a pipe such as a shell's `<(…)`, or a device such as `/dev/stdin`.
///
/// # Errors
/// When it cannot be read, has more than `max` bytes, or is a pipe without a writer.
pub(crate) fn read_input(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut input = open_input(path)?;
    let content = up_to(&mut input, max)?;
    let (_, file) = input.get_ref();
    if content.len() > max && file.metadata()?.is_file() {
        return Err(too_large(file, content.len(), max));
    }
    within(content, max)
}

/// Reads a stream, such as standard input.
///
/// # Errors
/// When it cannot be read, or has more than `max` bytes.
pub(crate) fn read_stream(stream: impl Read, max: usize) -> io::Result<Vec<u8>> {
    within(up_to(stream, max)?, max)
}

/// An input that was named on a command line: the bytes read while waiting for its writer, then the rest.
pub(crate) type Input = Chain<Cursor<Vec<u8>>, File>;

/// Opens what was named on a command line, to be read in parts. Waits up to [`WRITER_WAIT`] for a pipe's writer.
///
/// # Errors
/// When it cannot be opened, or is a pipe without a writer.
pub(crate) fn open_input(path: &Path) -> io::Result<Input> {
    let file = open_without_blocking(path)?;
    let kind = file.metadata()?.file_type();
    let start = if kind.is_fifo() { await_writer(&file)? } else { Vec::new() };
    if !kind.is_file() {
        // Opening must not wait for a writer; reading must wait for its data.
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    }
    Ok(Cursor::new(start).chain(file))
}

/// Waits for the writer of a pipe that was opened without blocking. Until a writer comes, reading such a pipe returns
/// end of file. Returns the byte that was read to detect the writer, if any.
fn await_writer(mut pipe: &File) -> io::Result<Vec<u8>> {
    // Linux reports a hang-up only after a writer has come and gone: the pipe is empty, which is not an error. A system
    // that reports a hang-up immediately does not wait here.
    let mut polled = [PollFd::new(pipe, PollFlags::IN | PollFlags::HUP)];
    if retry_on_intr(|| poll(&mut polled, Some(&WRITER_WAIT)))? > 0 {
        return Ok(Vec::new());
    }
    // Only a read detects a writer that has written nothing yet, such as a command that starts slowly.
    let mut start = [0];
    match pipe.read(&mut start) {
        Ok(0) => Err(io::Error::new(ErrorKind::InvalidInput, "is a pipe without a writer")),
        Ok(read) => Ok(start[..read].to_vec()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Decodes UTF-8.
///
/// # Errors
/// When it is not UTF-8.
pub(crate) fn text(content: Vec<u8>) -> io::Result<String> {
    // The message of the standard library.
    let wrong = |_| io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(content).map_err(wrong)
}

fn open_without_blocking(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Reads at most one byte more than `max`.
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

/// The error reports the file's length, or the bytes that were read if that is more.
fn too_large(file: &File, read: usize, max: usize) -> io::Error {
    let found = file.metadata().map_or(0, |found| found.len()).max(read as u64);
    io::Error::new(ErrorKind::FileTooLarge, format!("has {found} bytes; at most {max} are allowed"))
}

/// The content of a test's own file.
#[cfg(test)]
pub(crate) fn whole(path: impl AsRef<Path>) -> Vec<u8> {
    read(path.as_ref(), 1 << 30).unwrap()
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
