//! Checks sled's files before sled opens them. sled treats the first bad checksum as the end of a segment, and
//! overwrites the data after it, so damage must be found first.

use std::path::Path;

use super::{
    frame, keys,
    log::{self, Body, End, Entries, Log, Lsn, Segment},
    watermark::Mark,
};
use crate::domain::Digest;

/// Reads all data that was written since sled was last opened, which sled will read too. Returns possible damage. An
/// interrupted write before a power loss can look the same, so a doubt is a reason to verify the whole store.
///
/// # Errors
/// Why sled cannot, or must not, open its files.
pub(super) fn doubts(sled: &Path, mark: &Mark) -> Result<Vec<String>, String> {
    match std::fs::metadata(sled.join("db")) {
        Ok(file) if file.len() > 0 => {}
        Ok(_) => return Err("sled/db is empty".into()),
        Err(error) => return Err(format!("cannot read sled/db: {error}")),
    }
    let log = Log::open(sled).map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| format!("cannot read sled/db: {error}");
    let empty = log::empty_snapshots(sled).map_err(failed)?;
    let mut doubts: Vec<_> = empty.iter().map(|name| format!("the snapshot sled/{name} is empty")).collect();
    if let Some(lsn) = log.doubled {
        doubts.push(format!("two segments claim log position {lsn}"));
    }
    doubts.extend(log.headless.iter().map(|at| format!("the segment at byte {at} has data, but no header")));
    if let Some(lsn) = log.erased() {
        doubts.push(format!("no segment has log position {lsn}, and a segment is blank"));
    }
    let tail: Vec<_> = log.tail().collect();
    let mut segment = Segment::default();
    let mut sought = Sought::new(mark);
    // Search from the end, where the record is unless something is wrong.
    for (lsn, at) in tail.iter().rev().copied() {
        if sought.is_done() {
            break;
        }
        log.read(lsn, at, &mut segment).map_err(failed)?;
        sought.search(&segment);
    }
    let last = tail.last().map(|(lsn, _)| *lsn);
    for (lsn, at) in tail {
        log.read(lsn, at, &mut segment).map_err(failed)?;
        let End::Broken(place) = segment.messages(|_| {}) else { continue };
        let ends_log = Some(lsn) == last;
        // At the end of the log, remains of unacknowledged writes are normal after a kill.
        if !ends_log || !(sought.is_whole(place) || segment.is_blank_from(place)) {
            let byte = at + u64::try_from(place - lsn).unwrap_or_default();
            doubts.push(format!("sled/db is unreadable at byte {byte}"));
        }
    }
    Ok(doubts)
}

/// Whether the log contains an entry that `sought` accepts, anywhere; or a segment without a header, which could
/// contain one.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn holds(sled: &Path, sought: impl FnMut(&[u8], &[u8]) -> bool) -> Result<bool, String> {
    search(sled, sought).map(|(found, log)| found || !log.headless.is_empty())
}

/// As [`holds`], but only for readable entries. sled writes the header of a segment separately from its content: a new
/// store that was interrupted can have a segment without a header.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn shows(sled: &Path, sought: impl FnMut(&[u8], &[u8]) -> bool) -> Result<bool, String> {
    search(sled, sought).map(|(found, _)| found)
}

fn search(sled: &Path, mut sought: impl FnMut(&[u8], &[u8]) -> bool) -> Result<(bool, Log), String> {
    let log = Log::open_unproven(sled).map_err(|error| error.to_string())?;
    let (mut segment, mut entries, mut found) = (Segment::default(), Entries::default(), false);
    let whole = log.segments.iter().map(|(lsn, at)| (Some(*lsn), *at));
    for (lsn, at) in whole.chain(log.headless.iter().chain(&log.others).map(|at| (None, *at))) {
        log.read(lsn.unwrap_or(0), at, &mut segment).map_err(|error| format!("cannot read sled/db: {error}"))?;
        segment.every_message(lsn.is_some(), |message| {
            entries.of(&message, |prefix, rest, value| {
                found |= sought(&[prefix.unwrap_or_default(), rest].concat(), value);
            });
        });
    }
    Ok((found, log))
}

/// The newest schema version in the log.
pub(super) fn schema(sled: &Path) -> Option<u32> {
    let mut schema = None;
    let read = |key: &[u8], value: &[u8]| {
        if key == keys::SCHEMA {
            schema = value.try_into().map(u32::from_be_bytes).ok();
        }
        false
    };
    holds(sled, read).ok()?;
    schema
}

/// The search for the record of the newest acknowledged group.
struct Sought {
    key: Vec<u8>,
    hash: Digest,
    found: bool,
    /// The end of its batch, once found.
    batch: Option<Lsn>,
}

impl Sought {
    fn new(mark: &Mark) -> Self {
        let nothing = mark.counter == 0;
        Self { key: keys::group(mark.counter), hash: mark.hash, found: nothing, batch: nothing.then_some(0) }
    }

    /// Whether the search is complete.
    const fn is_done(&self) -> bool {
        self.found && self.batch.is_some()
    }

    /// Whether sled applies the whole group if it reads the log up to `end`.
    fn is_whole(&self, end: Lsn) -> bool {
        self.found && self.batch.is_none_or(|last| last < end)
    }

    /// Searches a segment; call it from the last segment to the first. A batch can begin in the segment before the one
    /// with its record.
    fn search(&mut self, segment: &Segment) {
        let (before, mut batch) = (self.found, None);
        segment.messages(|message| match message.body {
            Body::Batch(last) if before || !self.found => batch = Some(last),
            Body::Batch(_) => {}
            _ if self.found => {}
            _ => Entries::default().of(&message, |_, rest, value| self.look(rest, value)),
        });
        if self.found {
            self.batch = batch;
        }
    }

    fn look(&mut self, rest: &[u8], value: &[u8]) {
        if !self.found && self.key.ends_with(rest) && !rest.is_empty() {
            self.found = frame::open(&self.key, value).is_ok_and(|payload| Digest::of_bytes(payload) == self.hash)
                || frame::is_first_of_several(value);
        }
    }
}
