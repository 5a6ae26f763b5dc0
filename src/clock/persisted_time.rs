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

/// A file in the data directory with the newest server time that was told. The store knows only when something was
/// recorded: a claim that was refused because its window had closed is not, and must not be granted after a restart
/// with a clock that was set back meanwhile.
///
/// It is written without a sync: a killed server leaves it in the kernel's cache, and after a power loss it may be half
/// a minute old. What does not fit its checksum counts as nothing, and the store's own time remains: a damaged year
/// would time out everything, for good.
#[derive(Debug)]
pub struct PersistedTime(File);

impl PersistedTime {
    /// The file's name.
    pub const FILE: &'static str = "CLOCK";

    /// Longest content that is looked at, in bytes.
    const LONGEST: u64 = 64;

    /// Opens or makes the file in a data directory, and reads it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(directory: &Path) -> io::Result<(Self, Option<Time>)> {
        let path = directory.join(Self::FILE);
        let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        bounded_file::ensure_regular(&file)?;
        let mut text = Vec::new();
        (&file).take(Self::LONGEST).read_to_end(&mut text)?;
        let time = parse(&text);
        if time.is_none() && !text.is_empty() {
            tracing::warn!(file = Self::FILE, "the file is damaged, and counts as empty");
            file.set_len(0)?; // what is kept next must not have its rest behind it
        }
        Ok((Self(file), time))
    }

    /// Keeps a time in place of the one before.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, time: Time) -> io::Result<()> {
        // As long as any other, so that one write replaces all of it.
        let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let line = format!("{time} {:08x}\n", crc32fast::hash(time.as_bytes()));
        self.0.write_all_at(line.as_bytes(), 0)
    }
}

/// The time in the file's content; `None` unless it is as it was written.
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
    fn the_newest_time_comes_back() {
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
    fn what_has_no_end_is_refused() {
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
    fn every_flip_is_noticed() {
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
