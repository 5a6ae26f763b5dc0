//! Looks at sled's files before sled does: what sled takes for the end of its log, or passes over, it then overwrites.

use std::path::Path;

use super::{
    frame, keys,
    log::{End, Entries, Log, Segment},
    watermark::Mark,
};
use crate::domain::Digest;

/// Reads everything that was written since sled was last opened, which is what sled will read. Returns what could be damage.
/// A power loss in the middle of a write can look the same, so that a doubt is a reason to compare the whole store.
///
/// # Errors
/// Why sled cannot or must not be let near its files.
pub(super) fn doubts(sled: &Path, mark: &Mark) -> Result<Vec<String>, String> {
    match std::fs::metadata(sled.join("db")) {
        Ok(file) if file.len() > 0 => {}
        Ok(_) => return Err("sled/db is empty".into()),
        Err(error) => return Err(format!("sled/db cannot be read: {error}")),
    }
    let log = Log::open(sled).map_err(|error| error.to_string())?;
    let mut doubts = Vec::new();
    if let Some(lsn) = log.doubled {
        doubts.push(format!("two segments claim the place {lsn}"));
    }
    doubts.extend(log.headless.iter().map(|at| format!("the segment at byte {at} has content, but no header")));
    let mut sought = Sought { key: keys::group(mark.counter), hash: mark.hash, found: mark.counter == 0 };
    let (mut segment, mut entries) = (Segment::default(), Entries::default());
    let last = log.tail().last().map(|(lsn, _)| lsn);
    for (lsn, at) in log.tail() {
        log.read(lsn, at, &mut segment).map_err(|error| format!("sled/db cannot be read: {error}"))?;
        let end = segment.messages(|message| {
            if !sought.found {
                entries.of(&message, |_, rest, value| sought.look(rest, value));
            }
        });
        let End::Broken(place) = end else { continue };
        let ends_log = Some(lsn) == last;
        // Where the log ends, leftovers of what was never acknowledged are usual after a kill.
        if !ends_log || !(sought.found || segment.is_blank_from(place)) {
            let byte = at + u64::try_from(place - lsn).unwrap_or_default();
            doubts.push(format!("sled/db holds something unreadable at byte {byte}"));
        }
    }
    Ok(doubts)
}

/// The record of the group that was acknowledged last, among what was written since sled was last opened.
struct Sought {
    key: Vec<u8>,
    hash: Digest,
    found: bool,
}

impl Sought {
    fn look(&mut self, rest: &[u8], value: &[u8]) {
        if !self.found && self.key.ends_with(rest) && !rest.is_empty() {
            self.found = frame::open(&self.key, value).is_ok_and(|payload| Digest::of_bytes(payload) == self.hash)
                || frame::is_first_of_several(value);
        }
    }
}
