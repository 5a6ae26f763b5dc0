//! `signoff pending`: the queue, once or live.

use clap::Args;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    filters, freeze,
    rows::{AGENT, CALLER, Rows, TOOL, View, arguments},
    table::{ARGUMENTS, Cell, Column, Table},
    text::escape,
    watch,
};
use crate::proto::v1::{Approval, ListPendingRequest, WatchPendingRequest};

#[derive(Debug, Args)]
pub(super) struct PendingArgs {
    /// Keep running, and print what is added (+), changed (~) and removed (-)
    #[arg(long, conflicts_with = "limit")]
    watch: bool,
    /// Show only approvals that you can decide now
    #[arg(long)]
    mine: bool,
    /// Show only calls of this tool
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    tool: String,
    /// Show only calls by this agent
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// Show only approvals with this label; repeatable, all must match
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Maximum number of approvals to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: PendingArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let labels = filters::labels(&args.labels)?;
    let client = connection.client().await?;
    if !console.json {
        for warning in freeze::warnings(&freeze::standing(&client).await?) {
            console.note(&warning)?;
        }
    }
    if args.watch {
        let (tool_name, agent_name, decidable_by_me) = (args.tool, args.agent, args.mine);
        let request = WatchPendingRequest { tool_name, agent_name, labels, decidable_by_me };
        return watch::run(request, client.approvals(), console).await;
    }
    let mut client = client.approvals();
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
        let page = rows.answer(client.list_pending(unary(request.clone())).await?);
        rows.warn(&page.unreadable_approval_ids, console)?;
        rows.take(page.approvals, &page.next_page_token, console)?;
        request.page_token = page.next_page_token;
    }
    rows.print(console, "nothing is pending", table)
}

pub(super) fn table(approvals: &[Approval], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("ID"),
        Column::whole(view.header("AGE", "CREATED")),
        Column::whole(view.header("LEFT", "DEADLINE")),
        Column::whole("VOTES"),
        Column::whole("PRIORITY"),
        TOOL,
        CALLER,
        Column::at_least(14, "ON BEHALF OF"),
        AGENT,
        Column::detail(40, ARGUMENTS),
        Column::detail(24, "REASON"),
    ]);
    let ids = view.ids(approvals.iter().map(|approval| approval.id.as_str()));
    for (approval, id) in approvals.iter().zip(ids) {
        table.row([
            id,
            view.ago(approval.create_time.as_ref()),
            view.until(approval.deadline.as_ref()),
            describe::votes(approval).into(),
            priority(approval),
            escape(&approval.tool_name).into(),
            describe::actor(approval.caller.as_ref()).into(),
            describe::actor(approval.on_behalf_of.as_ref()).into(),
            describe::agent(approval).into(),
            arguments(approval),
            escape(&approval.reason).into(),
        ]);
    }
    table
}

/// Shows only priorities above normal.
fn priority(approval: &Approval) -> Cell {
    describe::raised_priority(approval)
        .map_or_else(Cell::default, |priority| Cell::styled(priority, anstyle::AnsiColor::Yellow.on_default()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{cli::arguments::object, proto::v1::Panel};

    fn approval() -> Approval {
        Approval {
            id: "0198c1d2-3e4f-7abc-8def-000000000001".to_owned(),
            tool_name: "send_email".to_owned(),
            arguments: Some(object("", r#"{"to":"\u202eevil\u001b[2J"}"#).unwrap()),
            reason: "line\nbreak and a reason that is much too long for a table".to_owned(),
            create_time: Some(prost_types::Timestamp { seconds: 808, nanos: 0 }),
            deadline: Some(prost_types::Timestamp { seconds: 1_108, nanos: 0 }),
            panels: vec![Panel { quorum: 2, approvals: 1, ..Panel::default() }],
            ..Approval::default()
        }
    }

    fn lines(width: Option<usize>) -> Vec<String> {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        table(&[approval()], View { terminal: width.is_some(), now }).lines(width)
    }

    #[test]
    fn a_row_hides_no_characters() {
        let arguments = r#"{"to":"\u{202e}evil\u001b[2J"}"#;
        let reason = "line\\nbreak and a reason that is much too long for a table";
        assert_eq!(
            lines(Some(140)),
            [
                format!("{:13}  {:5}  {:5}  VOTES  {:10}  {:30}  REASON", "ID", "AGE", "LEFT", "TOOL", "ARGUMENTS"),
                format!("0198c1d2-3e4f  3m12s  1m48s  1/2    send_email  {arguments}  {reason}"),
            ]
        );
        assert_eq!(
            lines(Some(80))[1..],
            [
                "0198c1d2-3e4f  3m12s  1m48s  1/2    send_email".to_owned(),
                format!("    {arguments}  reason: line\\nbreak and a reason that is mu…"),
            ]
        );
    }

    #[test]
    fn redacted_arguments_are_named() {
        let row = |paths: &[&str]| {
            let redacted_paths = paths.iter().map(ToString::to_string).collect();
            let approval = Approval { redacted_paths, ..approval() };
            let now = DateTime::from_timestamp(1_000, 0).unwrap();
            table(&[approval], View { terminal: false, now }).lines(None).remove(1)
        };
        let arguments = r#"{"to":"\u{202e}evil\u001b[2J"}"#;
        let some = row(&["args.card", "args[\"a\u{202e}b\"]"]);
        assert!(some.contains(&format!(r#"{arguments} redacted: args.card, args["a\u{{202e}}b"]"#)), "{some}");
        let all = row(&["args"]);
        assert!(all.contains("  redacted: all arguments  ") && !all.contains("evil"), "{all}");
    }

    #[test]
    fn a_pipe_gets_whole_ids_times_and_texts() {
        let lines = lines(None);
        assert_eq!(lines.len(), 2);
        for part in [
            "0198c1d2-3e4f-7abc-8def-000000000001",
            "1970-01-01T00:13:28Z",
            "1970-01-01T00:18:28Z",
            r#"{"to":"\u{202e}evil\u001b[2J"}"#,
            "much too long for a table",
        ] {
            assert!(lines[1].contains(part), "{part} in {lines:?}");
        }
    }
}
