//! Lists of approvals: their pages, and the cells that several lists share.

use chrono::{DateTime, Utc};
use tonic::Response;

use super::{
    console::Console,
    describe,
    failure::Failure,
    server_time::ServerTime,
    table::{Cell, Column, Table},
    text::{between, escape, instant, moment, span},
};
use crate::proto::v1::Approval;

/// Page size: one message can carry this number of approvals of the maximum size.
pub(super) const PAGE: u32 = 200;
/// Minimum length of an id in a table: the creation time, in milliseconds.
const ID_WIDTH: usize = 13;

/// How a table is read: short on a terminal, complete elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) terminal: bool,
    /// The server's time.
    pub(super) now: DateTime<Utc>,
}

impl View {
    /// The header of a time column: `age` on a terminal, `time` elsewhere.
    pub(super) fn header(&self, age: &'static str, time: &'static str) -> &'static str {
        if self.terminal { age } else { time }
    }

    /// The age of a time; without a terminal, the time itself.
    pub(super) fn ago(&self, time: Option<&prost_types::Timestamp>) -> Cell {
        match time.and_then(instant).filter(|_| self.terminal) {
            Some(then) => span(between(Some(then), Some(self.now))).into(),
            None => moment(time).into(),
        }
    }

    /// The time left until a time; without a terminal, the time itself.
    pub(super) fn until(&self, time: Option<&prost_types::Timestamp>) -> Cell {
        match time.and_then(instant).filter(|_| self.terminal) {
            Some(then) => span(between(Some(self.now), Some(then))).into(),
            None => moment(time).into(),
        }
    }

    /// The ids of the rows. On a terminal, shortened to prefixes that differ from each other.
    pub(super) fn ids<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<Cell> {
        let ids: Vec<_> = ids.map(escape).collect();
        let shown = if self.terminal { shortened(&ids) } else { ids };
        shown.into_iter().map(Cell::from).collect()
    }
}

/// The shortest prefix of an id that differs from the ids in `among`, which may include it.
pub(super) fn short_id<'a>(id: &str, among: impl Iterator<Item = &'a String>) -> String {
    let ids: Vec<_> = [escape(id)].into_iter().chain(among.map(|id| escape(id))).collect();
    shortened(&ids).swap_remove(0)
}

/// The shortest prefixes that differ from each other, at least [`ID_WIDTH`] long.
fn shortened(ids: &[String]) -> Vec<String> {
    let mut sorted: Vec<_> = ids.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let common = |a: &str, b: &str| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let needed = |id: &String| {
        let at = sorted.binary_search(&id).unwrap_or_default();
        let neighbours = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| sorted.get(at));
        let shared = neighbours.map(|other| common(id, other)).max().unwrap_or_default();
        (shared + 1).max(ID_WIDTH)
    };
    ids.iter().map(|id| id.chars().take(needed(id)).collect::<String>().trim_end_matches('-').to_owned()).collect()
}

/// The rows of a paged list. Collects them for a table, or prints each immediately as JSON.
pub(super) struct Rows {
    left: u32,
    more: bool,
    found: Vec<Approval>,
    printed: bool,
    time: Option<ServerTime>,
}

impl Rows {
    pub(super) fn new(limit: u32) -> Self {
        Self { left: limit, more: true, found: Vec::new(), printed: false, time: None }
    }

    /// The size of the next page to request; `None` at the limit or after the last page.
    pub(super) fn next_page(&self) -> Option<i32> {
        (self.more && self.left > 0).then(|| self.left.min(PAGE).cast_signed())
    }

    /// Unwraps the response with a page, and keeps its time.
    pub(super) fn answer<T>(&mut self, response: Response<T>) -> T {
        self.time = Some(ServerTime::of(&response));
        response.into_inner()
    }

    pub(super) fn take(&mut self, page: Vec<Approval>, token: &str, console: &mut Console) -> Result<(), Failure> {
        for approval in page.into_iter().take(self.left as usize) {
            self.left -= 1;
            if console.json {
                console.message(&approval)?;
            } else {
                if let Some(time) = &mut self.time {
                    time.follow(&approval);
                }
                self.found.push(approval);
            }
            self.printed = true;
        }
        self.more = !token.is_empty();
        Ok(())
    }

    /// Warns about approvals that the server cannot read.
    pub(super) fn warn(&mut self, unreadable: &[String], console: &mut Console) -> Result<(), Failure> {
        if !unreadable.is_empty() {
            let ids = unreadable.iter().map(|id| escape(id)).collect::<Vec<_>>().join(", ");
            self.printed = true;
            console.note(&format!(
                "warning: the server cannot read {ids}: damaged, or from a newer version; run `signoff store check`"
            ))?;
        }
        Ok(())
    }

    pub(super) fn print(
        self,
        console: &mut Console,
        nothing: &str,
        table: fn(&[Approval], View) -> Table,
    ) -> Result<(), Failure> {
        if let Some(time) = self.time.filter(|_| !console.json && !self.found.is_empty()) {
            let view = View { terminal: console.out_width.is_some(), now: time.now() };
            console.table(&table(&self.found, view))?;
        }
        if !self.printed && !console.json {
            console.note(nothing)?;
        }
        if self.more && self.left == 0 {
            console.note("there are more; raise --limit")?;
        }
        Ok(())
    }
}

/// Columns of the call, which every list of approvals has; the most important first.
pub(super) const TOOL: Column = Column::at_least(14, "TOOL");
pub(super) const CALLER: Column = Column::at_least(14, "CALLER");
pub(super) const AGENT: Column = Column::at_least(12, "AGENT");

/// The arguments on one line, uncut: the table cuts them if necessary.
pub(super) fn arguments(approval: &Approval) -> Cell {
    describe::listed_arguments(approval).into()
}

/// Time left until the deadline.
pub(super) fn left(approval: &Approval, now: DateTime<Utc>) -> String {
    span(between(Some(now), approval.deadline.as_ref().and_then(instant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shortened_while_they_differ() {
        let ids = [
            "0198c1d2-3e4f-7abc-8def-000000000001",
            "0198c1d2-3e4f-7abc-8def-000000000002",
            "0198c1d2-3e4f-7abd-8def-000000000001",
            "0198c1d2-3e50-7abc-8def-000000000001",
            "x\u{1b}",
        ];
        let ids = ids.map(str::to_owned);
        let expected = [
            "0198c1d2-3e4f-7abc-8def-000000000001",
            "0198c1d2-3e4f-7abc-8def-000000000002",
            "0198c1d2-3e4f-7abd",
            "0198c1d2-3e50",
            "x\u{1b}",
        ];
        assert_eq!(shortened(&ids), expected);
    }
}
