//! `signoff pending`: the queue, once or live.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use clap::Args;
use comfy_table::{Cell, Table};

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    filters,
    text::{between, escape, instant, shorten, span},
    watch,
};
use crate::proto::v1::{Approval, ListPendingRequest, WatchPendingRequest};

/// As many approvals of the greatest size as one message can carry.
pub(super) const PAGE: u32 = 200;
const ARGUMENTS_WIDTH: usize = 48;
const REASON_WIDTH: usize = 32;

#[derive(Debug, Args)]
pub struct PendingArgs {
    /// Stay, and print what is added (+), changed (~) and removed (-)
    #[arg(long, conflicts_with = "limit")]
    watch: bool,
    /// Only what this token's owner can decide now
    #[arg(long)]
    mine: bool,
    /// Only this tool
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    tool: String,
    /// Only this agent
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// Only approvals with this label; repeatable, all must match
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Print at most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: PendingArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let labels = filters::labels(&args.labels)?;
    if args.watch {
        let (tool_name, agent_name, decidable_by_me) = (args.tool, args.agent, args.mine);
        let request = WatchPendingRequest { tool_name, agent_name, labels, decidable_by_me };
        return watch::run(request, connection, console).await;
    }
    let mut client = connection.connect().await?;
    let mut request = ListPendingRequest {
        tool_name: args.tool,
        agent_name: args.agent,
        labels,
        decidable_by_me: args.mine,
        ..ListPendingRequest::default()
    };
    let mut rows = Rows::new(args.limit);
    while let Some(size) = rows.next_page() {
        request.page_size = size;
        let page = client.list_pending(unary(request.clone())).await?.into_inner();
        rows.warn(&page.unreadable_approval_ids, console)?;
        rows.take(page.approvals, &page.next_page_token, console)?;
        request.page_token = page.next_page_token;
    }
    rows.print(console, "nothing is pending", table)
}

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

fn table(approvals: &[Approval], now: DateTime<Utc>) -> Table {
    let mut table = Table::new();
    table.set_header(["ID", "AGE", "LEFT", "TOOL", "AGENT", "CALLER", "ARGUMENTS", "REASON"]);
    for approval in approvals {
        table.add_row([
            id_cell(approval),
            Cell::new(age(approval, now)),
            Cell::new(left(approval, now)),
            Cell::new(escape(&approval.tool_name)),
            Cell::new(describe::agent(approval)),
            Cell::new(describe::actor(approval.caller.as_ref())),
            Cell::new(arguments(approval)),
            Cell::new(shorten(&approval.reason, REASON_WIDTH)),
        ]);
    }
    keep_ids_whole(&mut table);
    table
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

fn age(approval: &Approval, now: DateTime<Utc>) -> String {
    span(between(approval.create_time.as_ref().and_then(instant), Some(now)))
}

/// Time left until the deadline, by this machine's clock.
pub(super) fn left(approval: &Approval, now: DateTime<Utc>) -> String {
    span(between(Some(now), approval.deadline.as_ref().and_then(instant)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::build;

    #[test]
    fn a_row_is_one_line_with_nothing_hidden_in_it() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let approval = Approval {
            id: "0198".to_owned(),
            tool_name: "send_email".to_owned(),
            arguments: build(Some(r#"{"to":"\u202eevil\u001b[2J"}"#), &[]).unwrap(),
            reason: "line\nbreak and a reason that is much too long for a table".to_owned(),
            create_time: Some(prost_types::Timestamp { seconds: 808, nanos: 0 }),
            deadline: Some(prost_types::Timestamp { seconds: 1_108, nanos: 0 }),
            ..Approval::default()
        };
        let mut table = table(&[approval], now);
        let text = table.force_no_tty().load_style(comfy_table::presets::NOTHING).trim_fmt();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        for part in ["0198", "3m12s", "1m48s", "send_email", r#"{"to":"\u{202e}evil\u001b[2J"}"#, "line\\nbreak", "…"]
        {
            assert!(lines[1].contains(part), "{part} in {text}");
        }
        assert!(text.chars().all(|c| c == '\n' || c == '…' || (' '..='~').contains(&c)), "{text}");
    }
}
