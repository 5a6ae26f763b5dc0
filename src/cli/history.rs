//! `signoff history`: approvals of any status, the newest first.

use chrono::{DateTime, Utc};
use clap::Args;
use comfy_table::{Cell, Table};

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    filters::{self, StatusFilter, parse_time, timestamp},
    rows::{Rows, arguments, id_cell, keep_ids_whole},
    text::{escape, moment, shorten},
};
use crate::proto::v1::{Approval, ApprovalStatus, ListApprovalsRequest};

const COMMENT_WIDTH: usize = 32;

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only these statuses; repeatable, or separated by commas
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',')]
    statuses: Vec<StatusFilter>,
    /// Only this tool
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    tool: String,
    /// Only this agent
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// Only requests of this caller
    #[arg(long, value_name = "ISSUER/SUBJECT", default_value = "", hide_default_value = true)]
    caller: String,
    /// Only approvals with this label; repeatable, all must match
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Only approvals created since then: a span before now (24h, 7d), or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<DateTime<Utc>>,
    /// Only approvals created before then
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<DateTime<Utc>>,
    /// Print at most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: HistoryArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut request = ListApprovalsRequest {
        statuses: args.statuses.iter().map(|status| ApprovalStatus::from(*status).into()).collect(),
        tool_name: args.tool,
        agent_name: args.agent,
        caller: args.caller,
        labels: filters::labels(&args.labels)?,
        created_from: args.since.map(timestamp),
        created_before: args.until.map(timestamp),
        ..ListApprovalsRequest::default()
    };
    let mut client = connection.connect().await?;
    let mut rows = Rows::new(args.limit);
    while let Some(size) = rows.next_page() {
        request.page_size = size;
        let page = client.list_approvals(unary(request.clone())).await?.into_inner();
        rows.warn(&page.unreadable_approval_ids, console)?;
        rows.take(page.approvals, &page.next_page_token, console)?;
        request.page_token = page.next_page_token;
    }
    rows.print(console, "nothing found", table)
}

fn table(approvals: &[Approval], _: DateTime<Utc>) -> Table {
    let mut table = Table::new();
    table.set_header(["ID", "CREATED", "STATUS", "TOOL", "AGENT", "CALLER", "ARGUMENTS", "DECIDED BY", "COMMENT"]);
    for approval in approvals {
        let decision = approval.decision.as_ref();
        table.add_row([
            id_cell(approval),
            Cell::new(moment(approval.create_time.as_ref())),
            describe::cell(approval.status),
            Cell::new(escape(&approval.tool_name)),
            Cell::new(describe::agent(approval)),
            Cell::new(describe::actor(approval.caller.as_ref())),
            Cell::new(arguments(approval)),
            Cell::new(describe::actor(decision.and_then(|decision| decision.decided_by.as_ref()))),
            Cell::new(decision.map_or_else(String::new, |decision| shorten(&decision.comment, COMMENT_WIDTH))),
        ]);
    }
    keep_ids_whole(&mut table);
    table
}
