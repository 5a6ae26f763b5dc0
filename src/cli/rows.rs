//! Lists of approvals: their rows, page by page, and the cells that several lists have.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use comfy_table::{Cell, Table};

use super::{
    console::Console,
    describe,
    failure::Failure,
    text::{between, escape, instant, shorten, span},
};
use crate::proto::v1::Approval;

/// As many approvals of the greatest size as one message can carry.
pub(super) const PAGE: u32 = 200;
const ARGUMENTS_WIDTH: usize = 48;

/// The rows of a list that comes in pages: collected for a table, printed at once as JSON.
pub(super) struct Rows {
    left: u32,
    more: bool,
    found: Vec<Approval>,
    printed: bool,
}

impl Rows {
    pub(super) fn new(limit: u32) -> Self {
        Self { left: limit, more: true, found: Vec::new(), printed: false }
    }

    /// The size of the page to ask for next; `None` when there is enough, or no more.
    pub(super) fn next_page(&self) -> Option<i32> {
        (self.more && self.left > 0).then(|| self.left.min(PAGE).cast_signed())
    }

    pub(super) fn take(&mut self, page: Vec<Approval>, token: &str, console: &mut Console) -> Result<(), Failure> {
        for approval in page.into_iter().take(self.left as usize) {
            self.left -= 1;
            if console.json {
                console.message(&approval)?;
            } else {
                self.found.push(approval);
            }
            self.printed = true;
        }
        self.more = !token.is_empty();
        Ok(())
    }

    /// Names approvals that the server cannot read.
    pub(super) fn warn(&mut self, unreadable: &[String], console: &mut Console) -> Result<(), Failure> {
        if !unreadable.is_empty() {
            let ids = unreadable.iter().map(|id| escape(id)).collect::<Vec<_>>().join(", ");
            self.printed = true;
            console.note(&format!(
                "warning: the server cannot read {ids}: their records are damaged or too new; run `signoff store check`"
            ))?;
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
    pub(super) fn print(
        self,
        console: &mut Console,
        nothing: &str,
        table: fn(&[Approval], DateTime<Utc>) -> Table,
    ) -> Result<(), Failure> {
        if !console.json && !self.found.is_empty() {
            console.table(&mut table(&self.found, SystemTime::now().into()))?;
        }
        if !self.printed && !console.json {
            console.note(nothing)?;
        }
        if self.more && self.left == 0 {
            console.note("there is more; see --limit")?;
        }
        Ok(())
    }
}

pub(super) fn id_cell(approval: &Approval) -> Cell {
    Cell::new(escape(&approval.id))
}

/// Ids are there to be copied: other columns give way.
pub(super) fn keep_ids_whole(table: &mut Table) {
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
    }
}

pub(super) fn arguments(approval: &Approval) -> String {
    shorten(&describe::compact(approval.arguments.as_ref()), ARGUMENTS_WIDTH)
}

/// Time left until the deadline, by this machine's clock.
pub(super) fn left(approval: &Approval, now: DateTime<Utc>) -> String {
    span(between(Some(now), approval.deadline.as_ref().and_then(instant)))
}
