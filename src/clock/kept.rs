use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use chrono::{DateTime, SecondsFormat};

use crate::domain::{Time, truncate};

/// A file in the data directory with the newest server time that was told. The store knows only when something was recorded:
/// a claim that was refused because its window had closed is not, and must not be granted after a restart with a clock that
/// was set back meanwhile.
///
/// It is written without a sync: a killed server leaves it in the kernel's cache, and after a power loss it may be half a minute
/// old. What cannot be read counts as nothing; the store's own time remains.
#[derive(Debug)]
pub struct KeptTime(File);

impl KeptTime {
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
        let mut text = Vec::new();
        (&file).take(Self::LONGEST).read_to_end(&mut text)?;
        let time = std::str::from_utf8(&text).ok().and_then(|text| DateTime::parse_from_rfc3339(text.trim_end()).ok());
        if time.is_none() && !text.is_empty() {
            tracing::warn!(file = Self::FILE, "the file has no time in it, and counts as empty");
        }
        Ok((Self(file), time.map(|time| truncate(time.to_utc()))))
    }

    /// Keeps a time in place of the one before.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, time: Time) -> io::Result<()> {
        // As long as any other, so that one write replaces all of it.
        let text = format!("{}\n", time.to_rfc3339_opts(SecondsFormat::Micros, true));
        self.0.write_all_at(text.as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LAST_TIME, samples::at};

    #[test]
    fn the_newest_time_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let read = || KeptTime::open(directory.path()).unwrap().1;
        assert_eq!(read(), None);
        for time in [at(5), Time::UNIX_EPOCH, LAST_TIME, at(7) + chrono::TimeDelta::microseconds(1)] {
            KeptTime::open(directory.path()).unwrap().0.keep(time).unwrap();
            assert_eq!(read(), Some(time));
        }
        for nonsense in [&b"2027-01-"[..], b"\xff\xfe", &[0; 28], b"tomorrow\n"] {
            std::fs::write(directory.path().join(KeptTime::FILE), nonsense).unwrap();
            assert_eq!(read(), None, "{nonsense:?}");
        }
    }
}
