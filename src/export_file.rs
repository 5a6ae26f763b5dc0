//! The file of exports and backups: a store as JSON Lines.
//!
//! The first line is a [`Header`]. One line for each record follows: policy versions, SetPolicy calls that changed
//! nothing, tokens (with hashes, not secrets), freezes, blocks of subjects, `request_id`s of forgotten approvals,
//! approvals with their events, and lanes: what channels are still to be told about them. Sessions do not move: people
//! sign in again. The last line, [`End`], has the counts and the SHA-256 of all lines before it, so that a truncated or
//! damaged file is not mistaken for a whole one.

mod read;
mod write;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use read::{LINE_MAX, Line, LineError, Lines};
pub use write::{Encoder, Export, Summary};

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    version: u32,
}

impl Header {
    /// The header of the files that this build writes, and of those that it reads.
    #[must_use]
    pub fn current() -> Self {
        Self { format: "signoff-export".into(), version: 1 }
    }
}

/// The last line. Without it, the file is truncated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What the lines before it hold.
    #[serde(flatten)]
    pub counts: Counts,
    /// The SHA-256 of all lines before it, as `sha256:` and hex digits. Earlier versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Number of records of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Approvals.
    pub approvals: usize,
    /// Versions of the policy.
    #[serde(default)]
    pub policies: usize,
    /// SetPolicy calls that changed nothing.
    #[serde(default)]
    pub unchanged_policies: usize,
    /// Tokens.
    #[serde(default)]
    pub tokens: usize,
    /// Freezes.
    #[serde(default)]
    pub freezes: usize,
    /// Blocks of subjects.
    #[serde(default)]
    pub blocks: usize,
    /// `request_id`s of forgotten approvals.
    #[serde(default)]
    pub forgotten: usize,
    /// Lanes of the outbox.
    #[serde(default)]
    pub lanes: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { approvals, policies, unchanged_policies, tokens, freezes, blocks, forgotten, lanes } = self;
        write!(f, "{approvals} approvals, {policies} policy versions and {tokens} tokens")?;
        if *freezes > 0 {
            write!(f, ", {freezes} freezes")?;
        }
        if *blocks > 0 {
            write!(f, ", {blocks} blocks")?;
        }
        if *lanes > 0 {
            write!(f, ", {lanes} message queues")?;
        }
        if *unchanged_policies > 0 {
            write!(f, ", {unchanged_policies} request_ids of unchanged policies")?;
        }
        if *forgotten == 0 { Ok(()) } else { write!(f, ", and {forgotten} request_ids of forgotten approvals") }
    }
}

#[cfg(test)]
mod tests;
