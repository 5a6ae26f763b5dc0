use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use chrono::{DateTime, SecondsFormat};

use crate::{
    bounded_file,
    domain::{Time, truncate},
};

/// A file in the data directory with the newest server time.
///
/// The store has only the times of records. It does not record a claim that was rejected because its window had closed,
/// and such a claim must not be granted after a restart with a clock that was set back.
///
/// The file is written without a sync: after a kill it is in the kernel's cache, and after a power loss it may be half
/// a minute old. Content with a wrong checksum is ignored, and the store's time is used: a damaged year would time out
/// everything permanently.
#[derive(Debug)]
pub struct PersistedTime(File);

impl PersistedTime {
    /// Name of the file.
    pub const FILE: &'static str = "CLOCK";

    /// Maximum number of bytes that are read.
    const LONGEST: u64 = 64;

    /// Opens or creates the file in a data directory, and reads it.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(directory: &Path) -> io::Result<(Self, Option<Time>)> {
        let path = directory.join(Self::FILE);
        let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        bounded_file::ensure_regular(&file)?;
        let mut text = Vec::new();
        (&file).take(Self::LONGEST).read_to_end(&mut text)?;
        let time = parse(&text);
        if time.is_none() && !text.is_empty() {
            tracing::warn!(file = Self::FILE, "the file is damaged; ignoring its content");
            file.set_len(0)?; // the next time must not be followed by old content
        }
        Ok((Self(file), time))
    }

    /// Replaces the time.
    ///
    /// # Errors
    /// The system's error.
    pub fn keep(&self, time: Time) -> io::Result<()> {
        // The length is constant, so that one write replaces the content.
        let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let line = format!("{time} {:08x}\n", crc32fast::hash(time.as_bytes()));
        self.0.write_all_at(line.as_bytes(), 0)
    }
}

/// Parses the content of the file; `None` if it is damaged.
fn parse(text: &[u8]) -> Option<Time> {
    let (time, sum) = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split_once(' ')?;
    if sum != format!("{:08x}", crc32fast::hash(time.as_bytes())) {
        return None;
    }
    DateTime::parse_from_rfc3339(time).ok().map(|time| truncate(time.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LAST_TIME, samples::at};

    #[test]
    fn the_newest_time_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let read = || PersistedTime::open(directory.path()).unwrap().1;
        assert_eq!(read(), None);
        for time in [at(5), Time::UNIX_EPOCH, LAST_TIME, at(7) + chrono::TimeDelta::microseconds(1)] {
            PersistedTime::open(directory.path()).unwrap().0.keep(time).unwrap();
            assert_eq!(read(), Some(time));
        }
        for nonsense in
            [&b"2027-01-"[..], b"\xff\xfe", &[0; 28], b"tomorrow\n", b"2027-01-01T00:00:00.000000Z\n", &[b'x'; 60]]
        {
            std::fs::write(directory.path().join(PersistedTime::FILE), nonsense).unwrap();
            assert_eq!(read(), None, "{nonsense:?}");
            PersistedTime::open(directory.path()).unwrap().0.keep(at(5)).unwrap();
            assert_eq!(read(), Some(at(5)), "after {nonsense:?}");
        }
    }

    #[test]
    fn endless_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PersistedTime::FILE);
        let [zero, pipe, inner] = bounded_file::samples::endless(directory.path());
        for endless in [zero, pipe, inner] {
            std::fs::rename(&endless, &path).unwrap();
            assert!(PersistedTime::open(directory.path()).is_err(), "{}", endless.display());
            std::fs::rename(&path, &endless).unwrap();
        }
    }

    /// A flipped bit must not end every deadline.
    #[test]
    fn every_flipped_bit_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        PersistedTime::open(directory.path()).unwrap().0.keep(at(5)).unwrap();
        let line = bounded_file::whole(directory.path().join(PersistedTime::FILE));
        assert_eq!(parse(&line), Some(at(5)));
        for bit in 0..line.len() * 8 {
            let mut flipped = line.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), None, "bit {bit}");
        }
    }
}
