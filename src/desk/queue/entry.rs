//! An entry of a list: one row, or similar ones that open.

use askama::Template;

use super::{fold::fold, row::Row};

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
}
