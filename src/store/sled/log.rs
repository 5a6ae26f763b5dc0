//! Reads sled's files without sled, and without changing them.
//!
//! sled 0.34.7 stores everything in `db`: segments of 512 KiB. Each segment has a header with its position in the log
//! (LSN), then messages: pieces of pages, each with a checksum. When sled opens, it reads the page table from the
//! newest `snap.*`, and follows the log from there. It treats the first message with a bad checksum as the end of the
//! segment, and later overwrites the data after it. This module reads the files before that happens.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::bounded_file;

/// Bytes of a segment.
pub(super) const SEGMENT: usize = 512 << 10;

/// Bytes of a segment's header.
const HEADER: usize = 20;

/// Maximum size of a message's header. No message starts where a segment has less room than this.
const MESSAGE_HEADER: usize = 32;

/// A position in the log (log sequence number).
pub(super) type Lsn = i64;

/// The segments of a log.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// File offsets of segments, by position in the log.
    pub(super) segments: BTreeMap<Lsn, u64>,
    /// File offsets of segments with data, but without an intact header.
    pub(super) headless: Vec<u64>,
    /// File offsets of segments that claim the position of another one.
    pub(super) others: Vec<u64>,
    /// Number of segments that are empty or erased.
    blank: usize,
    /// A position that two segments claim.
    pub(super) doubled: Option<Lsn>,
    /// The position up to which the newest snapshot has the page table; 0 without one.
    pub(super) snapshot: Lsn,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    #[error("the checksum of the snapshot {0} does not match")]
    Snapshot(String),
}

/// The content of a segment.
#[derive(Debug, Default)]
pub(super) struct Segment {
    bytes: Vec<u8>,
    base: Lsn,
}

/// A message in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) page: u64,
    pub(super) body: Body<'a>,
}

/// The content of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// A whole page of the tree.
    Node(&'a [u8]),
    /// A change of one key of a page.
    Link(&'a [u8]),
    /// The start of a batch. sled applies the batch only if the log is intact up to this position.
    Batch(Lsn),
}

/// How the messages of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the segment.
    Full,
    /// With bytes that are not a message, from this position on.
    Broken(Lsn),
}

impl Log {
    /// Reads the headers of all segments, and the position of the snapshot.
    pub(super) fn open(sled: &Path) -> Result<Self, LogError> {
        let snapshot = snapshot(sled)?;
        Ok(Self { snapshot, ..Self::open_unproven(sled)? })
    }

    /// As [`open`](Self::open), but ignores the snapshot: the whole log is its tail.
    pub(super) fn open_unproven(sled: &Path) -> Result<Self, LogError> {
        let failed = |error| LogError::Io("db", error);
        let file = bounded_file::open(&sled.join("db")).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut log = Self {
            file,
            segments: BTreeMap::new(),
            headless: Vec::new(),
            others: Vec::new(),
            blank: 0,
            doubled: None,
            snapshot: 0,
        };
        for at in (0..length).step_by(SEGMENT) {
            let mut header = [0; HEADER];
            let read = read_up_to(&log.file, &mut header, at).map_err(failed)?;
            match lsn_of(&header).filter(|_| read == HEADER) {
                Some(lsn) => {
                    if let Some(other) = log.segments.insert(lsn, at) {
                        log.others.push(other);
                        log.doubled = Some(lsn);
                    }
                }
                None if log.is_blank(at).map_err(failed)? => log.blank += 1,
                None => log.headless.push(at),
            }
        }
        Ok(log)
    }

    /// Segments with data newer than the snapshot, in the order of the log.
    pub(super) fn tail(&self) -> impl Iterator<Item = (Lsn, u64)> {
        let from = self.snapshot / SEGMENT as Lsn * SEGMENT as Lsn;
        self.segments.range(from..).map(|(lsn, at)| (*lsn, *at))
    }

    /// The first position in the tail that no segment has, if an erased segment may have had it. Positions are also
    /// missing after a segment was reused, but then none is erased.
    pub(super) fn erased(&self) -> Option<Lsn> {
        let from = self.snapshot / SEGMENT as Lsn * SEGMENT as Lsn;
        // A snapshot ends in a segment that was written.
        let last = self.segments.last_key_value().map_or(0, |(last, _)| *last).max(self.snapshot);
        let mut places = (from..last).step_by(SEGMENT);
        places.find(|place| self.blank > 0 && !self.segments.contains_key(place))
    }

    pub(super) fn read(&self, base: Lsn, at: u64, into: &mut Segment) -> io::Result<()> {
        into.bytes.resize(SEGMENT, 0);
        let read = read_up_to(&self.file, &mut into.bytes, at)?;
        into.bytes.truncate(read);
        into.base = base;
        Ok(())
    }

    fn is_blank(&self, at: u64) -> io::Result<bool> {
        let mut segment = Segment::default();
        self.read(0, at, &mut segment)?;
        Ok(segment.bytes.iter().all(|byte| *byte == 0))
    }
}

impl Segment {
    /// Calls `see` with every message, and returns how they end.
    pub(super) fn messages<'a>(&'a self, mut see: impl FnMut(Message<'a>)) -> End {
        let number = self.base / SEGMENT as Lsn;
        let mut at = HEADER;
        while at + MESSAGE_HEADER <= SEGMENT {
            let lsn = self.base + at as Lsn;
            let Some(parsed) = self.bytes.get(at..).and_then(|rest| parse(rest, SEGMENT - at, Some(number))) else {
                return End::Broken(lsn);
            };
            if parsed.kind == CAP {
                return End::Full;
            }
            if let Some(body) = parsed.body() {
                see(Message { page: parsed.page, body });
            }
            at += parsed.length;
        }
        End::Full
    }

    /// Calls `see` with every message, in the order of the log, including those after unreadable bytes and in a segment
    /// without a header. Returns whether there were unreadable bytes.
    pub(super) fn every_message<'a>(&'a self, headed: bool, mut see: impl FnMut(Message<'a>)) -> bool {
        let mut number = headed.then_some(self.base / SEGMENT as Lsn);
        let (mut at, mut unreadable) = (HEADER, !headed);
        while at + MESSAGE_HEADER <= SEGMENT && at < self.bytes.len() {
            let Some(parsed) = parse(&self.bytes[at..], SEGMENT - at, number) else {
                unreadable |= self.bytes[at] != 0;
                at += 1;
                continue;
            };
            // Without a header, the first message gives the number of the segment.
            number = Some(parsed.segment);
            if let Some(body) = parsed.body() {
                see(Message { page: parsed.page, body });
            }
            at += parsed.length;
        }
        unreadable
    }

    /// Whether only zeros follow a position: nothing was written there, or sled has erased it.
    pub(super) fn is_blank_from(&self, lsn: Lsn) -> bool {
        let at = usize::try_from(lsn - self.base).unwrap_or(usize::MAX);
        self.bytes.get(at..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0))
    }
}

/// Codes of messages.
const CORRUPTED: u8 = 0;
const CAP: u8 = 2;
const BATCH: u8 = 3;
const NODE: u8 = 8;
const LINK: u8 = 10;
const LAST: u8 = 11;

struct Parsed<'a> {
    kind: u8,
    segment: Lsn,
    page: u64,
    body: &'a [u8],
    length: usize,
}

impl<'a> Parsed<'a> {
    /// Its change of the tree; `None` for bookkeeping.
    fn body(&self) -> Option<Body<'a>> {
        match self.kind {
            BATCH => self.body.try_into().ok().map(|last| Body::Batch(Lsn::from_le_bytes(last))),
            NODE => Some(Body::Node(self.body)),
            LINK => Some(Body::Link(self.body)),
            _ => None,
        }
    }
}

/// The message at the start of some bytes, if its checksum matches, it fits into the room, and it belongs to the
/// segment, if that is known.
fn parse(bytes: &[u8], room: usize, segment: Option<Lsn>) -> Option<Parsed<'_>> {
    let (sum, mut rest) = bytes.split_first_chunk::<4>()?;
    let kind = *rest.split_off_first()?;
    let (length, number, page) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    let header = bytes.len() - rest.len();
    let length =
        usize::try_from(length).ok().filter(|length| room.checked_sub(header).is_some_and(|left| *length <= left))?;
    let body = rest.get(..length)?;
    let number = Lsn::try_from(number).ok().filter(|number| segment.is_none_or(|segment| segment == *number))?;
    if kind == CORRUPTED || kind > LAST {
        return None;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(&bytes[4..header]);
    let fits = hasher.finalize() ^ u32::MAX == u32::from_le_bytes(*sum);
    fits.then_some(Parsed { kind, segment: number, page, body, length: header + length })
}

/// The position in a segment's header, if its checksum matches.
fn lsn_of(header: &[u8; HEADER]) -> Option<Lsn> {
    let (sum, rest) = header.split_first_chunk::<4>()?;
    let lsn = i64::from_le_bytes(*rest.first_chunk()?) ^ i64::MAX;
    let fits = crc32fast::hash(rest) ^ u32::MAX == u32::from_le_bytes(*sum);
    (fits && lsn >= 0 && lsn % SEGMENT as Lsn == 0).then_some(lsn)
}

/// The position of the newest snapshot; 0 without one. An [empty](empty_snapshots) one does not count.
fn snapshot(sled: &Path) -> Result<Lsn, LogError> {
    let failed = |error| LogError::Io("the snapshot", error);
    let found = snapshots(sled).map_err(failed)?;
    let Some((newest, _)) = found.into_iter().filter(|(_, length)| *length > 0).max() else { return Ok(0) };
    let file = bounded_file::open(&sled.join(&newest)).map_err(failed)?;
    snapshot_lsn(&file).map_err(failed)?.ok_or(LogError::Snapshot(newest))
}

/// Names of empty snapshots. A power loss leaves one if the file's name was durable before its content. sled cannot
/// open with such a file. It does not need a snapshot if its log is complete, which must be proven without it.
pub(super) fn empty_snapshots(sled: &Path) -> io::Result<Vec<String>> {
    Ok(snapshots(sled)?.into_iter().filter(|(_, length)| *length == 0).map(|(name, _)| name).collect())
}

/// Finished snapshots, with their lengths.
fn snapshots(sled: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(sled)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && !name.ends_with(".generating") {
            found.push((name, entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// The position of a snapshot; `None` if its checksum does not match. A snapshot is as large as the page table, so it
/// is read in pieces. Its content is all but the last 12 bytes; the last 4 are the checksum of the content.
fn snapshot_lsn(file: &File) -> io::Result<Option<Lsn>> {
    let Some(end) = file.metadata()?.len().checked_sub(12) else { return Ok(None) };
    let (mut hasher, mut lsn) = (crc32fast::Hasher::new(), None);
    let mut piece = vec![0; 1 << 16];
    let mut at = 0;
    while at < end {
        let length = piece.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let read = read_up_to(file, &mut piece[..length], at)?;
        if read < length {
            return Ok(None); // it became shorter
        }
        if at == 0 {
            lsn = piece[..read].first_chunk().map(|first| i64::from_le_bytes(*first));
        }
        hasher.update(&piece[..read]);
        at += read as u64;
    }
    let mut sum = [0; 4];
    let whole = read_up_to(file, &mut sum, end + 8)? == sum.len() && hasher.finalize() == u32::from_le_bytes(sum);
    // sled writes `None` as 0, and everything else one higher.
    Ok(lsn.filter(|_| whole).map(|lsn: i64| (lsn - 1).max(0)))
}

fn read_up_to(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match file.read_at(&mut into[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Decodes sled's variable-length numbers: one byte up to 240; for larger numbers the first byte gives the form.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let first = *rest.split_off_first()?;
    Some(match first {
        0..=240 => u64::from(first),
        241..=248 => 240 + 256 * (u64::from(first) - 241) + u64::from(*rest.split_off_first()?),
        249 => {
            let [high, low] = *rest.split_off(..2)?.first_chunk()?;
            2288 + 256 * u64::from(high) + u64::from(low)
        }
        _ => {
            let taken = rest.split_off(..usize::from(first) - 247)?;
            let mut bytes = [0; 8];
            bytes[..taken.len()].copy_from_slice(taken);
            u64::from_le_bytes(bytes)
        }
    })
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    rest.split_off(..length)
}

/// Decodes keys and values of messages. Keys lack the common prefix of their page, which only whole pages contain.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The common prefix of the keys of each page.
    prefixes: HashMap<u64, Vec<u8>>,
}

impl Entries {
    /// Calls `see` with the prefix, the rest of the key, and the value of each entry in a message. The prefix is `None`
    /// if the key's page was not read before.
    pub(super) fn of(&mut self, message: &Message<'_>, mut see: impl FnMut(Option<&[u8]>, &[u8], &[u8])) {
        match message.body {
            Body::Node(bytes) => {
                let Some((prefix, pairs)) = node(bytes) else { return };
                pairs.iter().for_each(|(key, value)| see(Some(prefix), key, value));
                self.prefixes.insert(message.page, prefix.to_vec());
            }
            Body::Link(mut bytes) => {
                let set = bytes.split_off_first().filter(|kind| **kind == 0);
                if let Some(key) = set.and_then(|_| text(&mut bytes))
                    && let Some(value) = text(&mut bytes)
                {
                    see(self.prefixes.get(&message.page).map(Vec::as_slice), key, value);
                }
            }
            Body::Batch(_) => {}
        }
    }
}

/// The rest of a key, and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The common prefix of a leaf's keys; the rests of the keys, with their values.
fn node(mut rest: &[u8]) -> Option<(&[u8], Vec<Pair<'_>>)> {
    let (_next, _merging_child) = (varint(&mut rest)?, varint(&mut rest)?);
    let (_merging, prefix) = (rest.split_off_first()?, *rest.split_off_first()?);
    let (low, _high) = (text(&mut rest)?, text(&mut rest)?);
    let prefix = low.get(..usize::from(prefix))?;
    let leaf = *rest.split_off_first()? == 0;
    let count = usize::try_from(varint(&mut rest)?).ok()?;
    if !leaf {
        return Some((prefix, Vec::new()));
    }
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(text(&mut rest)?);
    }
    let mut pairs = Vec::with_capacity(keys.len());
    for key in keys {
        pairs.push((key, text(&mut rest)?));
    }
    Some((prefix, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are not a message may give any length.
    #[test]
    fn an_overflowing_length_is_not_a_message() {
        let mut bytes = [0xff; 64];
        bytes[4] = NODE;
        assert!(parse(&bytes, bytes.len(), None).is_none());
    }
}
