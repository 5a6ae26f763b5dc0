//! `signoff pending`: the queue, once or live.

use chrono::{DateTime, Utc};
use clap::Args;
use comfy_table::{Cell, Table};

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    filters,
    rows::{Rows, arguments, id_cell, keep_ids_whole, left},
    text::{between, escape, instant, shorten, span},
    watch,
};
use crate::proto::v1::{Approval, ListPendingRequest, WatchPendingRequest};

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

fn age(approval: &Approval, now: DateTime<Utc>) -> String {
    span(between(approval.create_time.as_ref().and_then(instant), Some(now)))
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
