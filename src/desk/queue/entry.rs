//! An entry of a list: one row, or similar ones that open.

use askama::Template;
use sha2::{Digest as _, Sha256};

use super::{fold::fold, row::Row};
use crate::domain::{ApprovalId, Revision};

/// One row, or similar ones.
#[derive(Template, Debug)]
#[template(path = "queue_entry.html")]
pub(in crate::desk) struct Entry {
    pub(in crate::desk) rows: Vec<Row>,
}

impl Entry {
    /// The entries of sorted rows.
    pub(super) fn fold(rows: Vec<Row>) -> Vec<Self> {
        fold(rows).into_iter().filter(|rows| !rows.is_empty()).map(|rows| Self { rows }).collect()
    }

    /// The place of its first row.
    pub(super) fn sort(&self) -> String {
        self.rows.first().map(|row| row.sort.to_string()).unwrap_or_default()
    }

    /// What it shows.
    pub(super) fn version(&self) -> String {
        version(self.rows.iter().map(|row| (row.id, row.revision)))
    }
}

/// What an entry shows: its requests, and their revisions.
pub(super) fn version(rows: impl Iterator<Item = (ApprovalId, Revision)>) -> String {
    let rows: Vec<String> = rows.map(|(id, revision)| format!("{id}:{revision}")).collect();
    rows.join(",")
}

/// What a page shows, as a short text: an open page need not get again what it has.
pub(super) fn seen<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    let hash = versions.fold(Sha256::new(), |hash, version| hash.chain_update(version).chain_update(";"));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
