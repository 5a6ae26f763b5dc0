//! `signoff history`: approvals of any status, newest first.

use chrono::{DateTime, Utc};
use clap::Args;
use signoff_client::Client;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    filters::{self, StatusFilter, TimeFilter, parse_time, timestamp},
    rows::{AGENT, CALLER, Rows, TOOL, View, arguments},
    server_time::ServerTime,
    table::{ARGUMENTS, Column, Table},
    text::escape,
};
use crate::proto::v1::{Approval, ApprovalStatus, Decision, GetCallerRequest, ListApprovalsRequest};

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Show only these statuses; repeatable or comma-separated
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',', ignore_case = true)]
    statuses: Vec<StatusFilter>,
    /// Show only calls of this tool
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    tool: String,
    /// Show only calls by this agent
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// Show only requests by this caller
    #[arg(long, value_name = "ISSUER/SUBJECT", default_value = "", hide_default_value = true)]
    caller: String,
    /// Show only approvals with this label; repeatable, all must match
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Show only approvals created since this time: a duration before now (24h, 7d), or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<TimeFilter>,
    /// Show only approvals created before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<TimeFilter>,
    /// Maximum number of approvals to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: HistoryArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    print(args, &connection.client().await?, console).await
}

pub(super) async fn print(args: HistoryArgs, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let now = match (args.since, args.until) {
        (Some(TimeFilter::Ago(_)), _) | (_, Some(TimeFilter::Ago(_))) => server_now(client).await?,
        _ => DateTime::UNIX_EPOCH,
    };
    let time = |filter: TimeFilter| timestamp(filter.time(now));
    let mut request = ListApprovalsRequest {
        statuses: args.statuses.iter().map(|status| ApprovalStatus::from(*status).into()).collect(),
        tool_name: args.tool,
        agent_name: args.agent,
        caller: args.caller,
        labels: filters::labels(&args.labels)?,
        created_from: args.since.map(time),
        created_before: args.until.map(time),
        ..ListApprovalsRequest::default()
    };
    let mut client = client.approvals();
    let mut rows = Rows::new(args.limit);
    while let Some(size) = rows.next_page() {
        request.page_size = size;
        let page = rows.answer(client.list_approvals(unary(request.clone())).await?);
        rows.warn(&page.unreadable_approval_ids, console)?;
        rows.take(page.approvals, &page.next_page_token, console)?;
        request.page_token = page.next_page_token;
    }
    rows.print(console, "no approvals match", table)
}

/// Where the decider voted, and how the decider was authenticated.
fn from(decision: &Decision) -> Option<String> {
    describe::provenance(decision.surface, decision.assurance)
}

/// The server's time. The server dates the approvals, and this machine's clock may differ.
async fn server_now(client: &Client) -> Result<DateTime<Utc>, Failure> {
    Ok(ServerTime::of(&client.access().get_caller(unary(GetCallerRequest {})).await?).now())
}

pub(super) fn table(approvals: &[Approval], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("ID"),
        Column::whole(view.header("AGE", "CREATED")),
        Column::whole("STATUS"),
        Column::whole("OUTCOME"),
        TOOL,
        Column::at_least(14, "DECIDED BY"),
        Column::detail(20, "FROM"),
        CALLER,
        AGENT,
        Column::detail(40, ARGUMENTS),
        Column::detail(24, "COMMENT"),
    ]);
    let ids = view.ids(approvals.iter().map(|approval| approval.id.as_str()));
    for (approval, id) in approvals.iter().zip(ids) {
        let decision = approval.decision.as_ref();
        table.row([
            id,
            view.ago(approval.create_time.as_ref()),
            describe::cell(approval.status),
            describe::progress_of_claim(approval).into(),
            escape(&approval.tool_name).into(),
            describe::actor(decision.and_then(|decision| decision.decided_by.as_ref())).into(),
            decision.and_then(from).unwrap_or_default().into(),
            describe::actor(approval.caller.as_ref()).into(),
            describe::agent(approval).into(),
            arguments(approval),
            decision.map_or_else(String::new, |decision| escape(&decision.comment)).into(),
        ]);
    }
    table
}
