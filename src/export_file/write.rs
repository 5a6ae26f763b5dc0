//! Writes the file.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Counts, End, Header};
use crate::{
    domain::{Block, Freeze, Lane, Token},
    store::{Forgotten, History, PolicyVersion, Record, Snapshot, StoreError, UnchangedPolicy},
};

/// A line with a record.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RecordLine<'a> {
    Policy(&'a PolicyVersion),
    UnchangedPolicy(&'a UnchangedPolicy),
    Token(&'a Token),
    Freeze(&'a Freeze),
    Block(&'a Block),
    Forgotten(&'a Forgotten),
    Lane(&'a Lane),
    #[serde(untagged)]
    Approval(&'a History),
}

impl<'a> From<&'a Record> for RecordLine<'a> {
    fn from(record: &'a Record) -> Self {
        match record {
            Record::Policy(version) => Self::Policy(version),
            Record::UnchangedPolicy(call) => Self::UnchangedPolicy(call),
            Record::Token(token) => Self::Token(token),
            Record::Freeze(freeze) => Self::Freeze(freeze),
            Record::Block(block) => Self::Block(block),
            Record::Forgotten(forgotten) => Self::Forgotten(forgotten),
            Record::Approval(history) => Self::Approval(history),
            Record::Lane(lane) => Self::Lane(lane),
        }
    }
}

/// A file that was written completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its records.
    pub counts: Counts,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The SHA-256 of the whole file, as `sha256:` and hex digits.
    pub sha256: String,
}

/// Encodes the lines of a file, and counts and hashes them.
#[derive(Default)]
pub struct Encoder {
    hash: Sha256,
    bytes: u64,
    counts: Counts,
}

impl Encoder {
    /// Begins a file. Returns its first line.
    ///
    /// # Errors
    /// When a value cannot be written as JSON. None of ours is such a value.
    pub fn begin() -> Result<(Self, Vec<u8>), serde_json::Error> {
        let mut encoder = Self::default();
        let mut line = Vec::new();
        encoder.line(&Header::current(), &mut line)?;
        Ok((encoder, line))
    }

    /// Adds the line of a record to `lines`.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn record(&mut self, record: &Record, lines: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let count = match record {
            Record::Policy(_) => &mut self.counts.policies,
            Record::UnchangedPolicy(_) => &mut self.counts.unchanged_policies,
            Record::Token(_) => &mut self.counts.tokens,
            Record::Freeze(_) => &mut self.counts.freezes,
            Record::Block(_) => &mut self.counts.blocks,
            Record::Forgotten(_) => &mut self.counts.forgotten,
            Record::Approval(_) => &mut self.counts.approvals,
            Record::Lane(_) => &mut self.counts.lanes,
        };
        *count += 1;
        self.line(&RecordLine::from(record), lines)
    }

    /// Ends the file: adds its last line to `lines`.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn end(mut self, lines: &mut Vec<u8>) -> Result<Summary, serde_json::Error> {
        let counts = self.counts;
        self.line(&End { counts, sha256: Some(shown(self.hash.clone())) }, lines)?;
        Ok(Summary { counts, bytes: self.bytes, sha256: shown(self.hash) })
    }

    fn line(&mut self, value: &impl Serialize, lines: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let start = lines.len();
        serde_json::to_writer(&mut *lines, value)?;
        lines.push(b'\n');
        self.hash.update(&lines[start..]);
        self.bytes += (lines.len() - start) as u64;
        Ok(())
    }
}

/// A hash, as files and messages hold it.
pub(super) fn shown(hash: Sha256) -> String {
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A snapshot as a file, in parts.
pub struct Export {
    snapshot: Box<dyn Snapshot>,
    state: State,
}

enum State {
    Starting,
    Writing(Encoder),
    Ended(Summary),
    Failed,
}

impl Export {
    /// A file with this snapshot.
    #[must_use]
    pub fn of(snapshot: Box<dyn Snapshot>) -> Self {
        Self { snapshot, state: State::Starting }
    }

    /// The next bytes of the file: the lines of one portion of the snapshot, at most some MiB. `None` at the end, and
    /// after an error.
    ///
    /// # Errors
    /// Those of [`Snapshot::next`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let unwritable = |error: serde_json::Error| StoreError::Corrupt(error.to_string().into());
        let mut encoder = match std::mem::replace(&mut self.state, State::Failed) {
            State::Starting => {
                let (encoder, line) = Encoder::begin().map_err(unwritable)?;
                self.state = State::Writing(encoder);
                return Ok(Some(line));
            }
            State::Writing(encoder) => encoder,
            ended @ (State::Ended(_) | State::Failed) => {
                self.state = ended;
                return Ok(None);
            }
        };
        let mut lines = Vec::new();
        match self.snapshot.next().await? {
            Some(records) => {
                records.iter().try_for_each(|record| encoder.record(record, &mut lines)).map_err(unwritable)?;
                self.state = State::Writing(encoder);
            }
            None => self.state = State::Ended(encoder.end(&mut lines).map_err(unwritable)?),
        }
        Ok(Some(lines))
    }

    /// The whole file, once [`next`](Self::next) has returned all of it.
    #[must_use]
    pub const fn summary(&self) -> Option<&Summary> {
        match &self.state {
            State::Ended(summary) => Some(summary),
            _ => None,
        }
    }
}
