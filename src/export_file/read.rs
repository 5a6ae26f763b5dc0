//! Reads the file.

use std::io::{self, BufRead};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{End, Header, write::shown};
use crate::{
    bounded_file,
    domain::{Block, Freeze, Lane, Token},
    store::{Forgotten, History, PolicyVersion, UnchangedPolicy},
};

/// Maximum length of a line, in bytes. Far above an approval with the maximum of edits and votes, or a policy.
pub const LINE_MAX: u64 = 16 << 20;

/// A line after the header.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// A version of the policy.
    Policy {
        /// The version.
        policy: PolicyVersion,
    },
    /// A SetPolicy call that changed nothing.
    UnchangedPolicy {
        /// The call.
        unchanged_policy: UnchangedPolicy,
    },
    /// A token.
    Token {
        /// The token.
        token: Box<Token>,
    },
    /// A freeze.
    Freeze {
        /// The freeze.
        freeze: Freeze,
    },
    /// A block of a subject.
    Block {
        /// The block.
        block: Block,
    },
    /// The `request_id` of a forgotten approval.
    Forgotten {
        /// The `request_id`.
        forgotten: Forgotten,
    },
    /// A lane of the outbox.
    Lane {
        /// The lane.
        lane: Box<Lane>,
    },
    /// An approval.
    Approval(History),
    /// The last line.
    End(End),
}

/// A line that cannot be read, with its number.
#[derive(Debug, thiserror::Error)]
#[error("line {0}: {1}")]
pub struct LineError(pub usize, pub String);

/// The lines of a file.
pub struct Lines<R> {
    input: R,
    number: usize,
    /// Of all lines so far.
    hash: Sha256,
}

impl<R: BufRead> Lines<R> {
    /// Begins to read a file: checks its header.
    ///
    /// # Errors
    /// When it is empty, is not an export, or is of a version that this build cannot read.
    pub fn begin(input: R) -> Result<Self, LineError> {
        let mut lines = Self { input, number: 0, hash: Sha256::new() };
        let header: Header = lines.next()?.ok_or_else(|| LineError(1, "the file is empty".into()))?;
        if header != Header::current() {
            return Err(LineError(1, "not an export, or not of a supported version".into()));
        }
        Ok(lines)
    }

    /// The number of the line that was read last.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The next line after the header. The last one must have the SHA-256 of all lines before it, if it has one.
    ///
    /// # Errors
    /// When it is missing, not valid, or too long, or when the SHA-256 differs.
    pub fn entry(&mut self) -> Result<Line, LineError> {
        let before = self.hash.clone();
        let truncated = "the file is truncated: its last line, with the counts, is missing";
        let line = self.next()?.ok_or_else(|| LineError(self.number + 1, truncated.into()))?;
        if let Line::End(End { sha256: Some(expected), .. }) = &line {
            let found = shown(before);
            if *expected != found {
                let damaged = format!("the file is damaged: its lines have {found}, but should have {expected}");
                return Err(LineError(self.number, damaged));
            }
        }
        Ok(line)
    }

    fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, LineError> {
        use io::Read as _;
        self.number += 1;
        let wrong = |what: String| LineError(self.number, what);
        // Reads bytes, because the limit may split a character.
        let mut line = Vec::new();
        (&mut self.input).take(LINE_MAX + 1).read_until(b'\n', &mut line).map_err(|error| wrong(error.to_string()))?;
        if line.len() as u64 > LINE_MAX {
            return Err(wrong(format!("is larger than the limit of {LINE_MAX} bytes")));
        }
        if line.is_empty() {
            self.number -= 1;
            return Ok(None);
        }
        self.hash.update(&line);
        let text = bounded_file::text(line).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }
}
