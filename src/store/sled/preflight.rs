//! Looks at sled's files before sled does: what sled takes for the end of its log, or passes over, it then overwrites.

use std::path::Path;

use super::{
    frame, keys,
    log::{self, Body, End, Entries, Log, Lsn, Segment},
    watermark::Mark,
};
use crate::domain::Digest;

/// Reads everything that was written since sled was last opened, which is what sled will read. Returns what could be
/// damage. A power loss in the middle of a write can look the same, so that a doubt is a reason to compare the whole
/// store.
///
/// # Errors
/// Why sled cannot or must not be let near its files.
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
    // From the end, where it stands unless something is wrong.
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
        // Where the log ends, leftovers of what was never acknowledged are usual after a kill.
        if !ends_log || !(sought.is_whole(place) || segment.is_blank_from(place)) {
            let byte = at + u64::try_from(place - lsn).unwrap_or_default();
            doubts.push(format!("sled/db is unreadable at byte {byte}"));
        }
    }
    Ok(doubts)
}

/// Whether a log has a key that is sought, with its value, wherever it stands there; or something that could be one.
///
/// # Errors
/// Why that cannot be told.
pub(super) fn holds(sled: &Path, sought: impl FnMut(&[u8], &[u8]) -> bool) -> Result<bool, String> {
    search(sled, sought).map(|(found, log)| found || !log.headless.is_empty())
}

/// Whether a log has a key that is sought, as [`holds`], but only counts what can be read. sled writes a segment's
/// beginning and what follows it apart, so that the end of the first write of a new store can be there without its
/// beginning.
///
/// # Errors
/// Why that cannot be told.
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

/// The newest schema version that the log tells.
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

/// The record of the group that was acknowledged last, among what was written since sled was last opened.
struct Sought {
    key: Vec<u8>,
    hash: Digest,
    found: bool,
    /// Where the batch that it belongs to ends, as far as that has been found.
    batch: Option<Lsn>,
}

impl Sought {
    fn new(mark: &Mark) -> Self {
        let nothing = mark.counter == 0;
        Self { key: keys::group(mark.counter), hash: mark.hash, found: nothing, batch: nothing.then_some(0) }
    }

    /// Whether there is nothing more to look for.
    const fn is_done(&self) -> bool {
        self.found && self.batch.is_some()
    }

    /// Whether sled, which reads the log up to a place, takes the whole group.
    fn is_whole(&self, end: Lsn) -> bool {
        self.found && self.batch.is_none_or(|last| last < end)
    }

    /// Looks through a segment, after those that come after it. A batch can begin in the one before its record's.
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
