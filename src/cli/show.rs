//! `signoff show`: one approval, with all that is known of it.

use std::time::SystemTime;

use clap::Args;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    rows::left,
    text::{escape, moment, span},
};
use crate::proto::v1::{Approval, ApprovalStatus, Claim, Event, GetApprovalRequest, PolicyEvaluation, Priority, Vote};

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The approval's id
    id: String,
    /// Also show everything that was recorded, the oldest first
    #[arg(long)]
    events: bool,
}

pub(super) async fn run(args: ShowArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut client = connection.connect().await?;
    let request = GetApprovalRequest { approval_id: args.id, include_events: args.events };
    let response = client.get_approval(unary(request)).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let Some(approval) = &response.approval else { return Err(Failure::Protocol("no approval")) };
    for line in lines(approval, &response.events) {
        console.line(&line)?;
    }
    Ok(())
}

/// A label and its value, aligned with the others.
fn field(label: &str, value: &str) -> String {
    format!("{label:<12}{value}").trim_end().to_owned()
}

fn indented(lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

/// What a reviewer decides on: who wants to run what, and why.
pub(super) fn subject(approval: &Approval) -> Vec<String> {
    let mut lines = vec![field("Tool", &escape(&approval.tool_name)), field("Agent", &agent(approval))];
    lines.push(field("Caller", &describe::actor(approval.caller.as_ref())));
    if let Some(person) = &approval.on_behalf_of {
        lines.push(field("On behalf", &describe::actor(Some(person))));
    }
    lines.push(field("Reason", &or_dash(&approval.reason)));
    lines.push(field("Digest", &escape(&approval.digest)));
    lines.push("Arguments".to_owned());
    lines.extend(indented(describe::pretty(approval.arguments.as_ref())));
    lines
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { escape(text) }
}

fn agent(approval: &Approval) -> String {
    let mut text = describe::agent(approval);
    let Some(agent) = &approval.agent else { return text };
    if !agent.run_id.is_empty() {
        text = format!("{text}, run {}", escape(&agent.run_id));
    }
    if !agent.chain.is_empty() {
        let chain: Vec<_> = agent.chain.iter().map(|name| escape(name)).collect();
        text = format!("{text}, handed on by {}", chain.join(", then "));
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
fn lines(approval: &Approval, events: &[Event]) -> Vec<String> {
    let mut status = describe::painted(approval.status);
    let mut deadline = moment(approval.deadline.as_ref());
    if approval.status == i32::from(ApprovalStatus::Pending) {
        let asked: Vec<_> = approval.panels.iter().map(describe::panel).collect();
        status = format!("{status}, {}", asked.join(", "));
        if approval.priority > i32::from(Priority::Normal) {
            status = format!("{status}, priority {}", describe::priority(approval.priority));
        }
        deadline = format!("{deadline}, {} left", left(approval, SystemTime::now().into()));
    }
    let mut labels: Vec<_> =
        approval.labels.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    labels.sort();
    let window = approval.claim_window.and_then(|window| window.try_into().ok()).map_or_else(|| "-".to_owned(), span);
    let mut lines = vec![field("Approval", &escape(&approval.id)), field("Status", &status)];
    lines.extend(subject(approval));
    if let Some(schema) = &approval.arguments_schema {
        lines.push("Schema".to_owned());
        lines.extend(indented(describe::pretty(Some(schema))));
    }
    lines.push(field("Labels", &or_dash(&labels.join(", "))));
    lines.push(field("Request id", &escape(&approval.request_id)));
    lines.push(field("Revision", &approval.revision.to_string()));
    lines.push(field("Created", &moment(approval.create_time.as_ref())));
    lines.push(field("Updated", &moment(approval.update_time.as_ref())));
    lines.push(field("Deadline", &deadline));
    lines.push(field("Claim for", &format!("{window} after the decision")));
    if approval.cancel_on_disconnect {
        lines.push(field("Disconnect", "withdraws it"));
    }
    lines.extend(approval.policy.iter().flat_map(policy));
    if !approval.votes.is_empty() {
        lines.push("Votes".to_owned());
        lines.extend(indented(approval.votes.iter().map(vote)));
    }
    if let Some(decision) = &approval.decision {
        let time = moment(decision.decide_time.as_ref());
        lines.push(field("Decision", &format!("{time}, {}", describe::decision(decision))));
        let seen = match decision.revision_seen {
            0 => "nobody looked".to_owned(),
            revision => format!("revision {revision}"),
        };
        lines.push(field("  Seen", &seen));
        lines.push(field("  Digest", &escape(&decision.digest)));
    }
    lines.extend(approval.claim.iter().flat_map(claim));
    if !events.is_empty() {
        lines.push("Events".to_owned());
        lines.extend(indented(events.iter().map(describe::event)));
    }
    lines
}

fn policy(policy: &PolicyEvaluation) -> Vec<String> {
    [field("Policy", &describe::policy(policy))].into_iter().chain(indented(describe::trace(policy))).collect()
}

fn vote(vote: &Vote) -> String {
    let time = moment(vote.vote_time.as_ref());
    let by = describe::actor(vote.decided_by.as_ref()) + &describe::via(vote.submitted_by.as_ref());
    let line = format!("{time}, {} by {by}, who saw revision {}", describe::choice(vote.choice), vote.revision_seen);
    if vote.comment.is_empty() { line } else { format!("{line}: {}", escape(&vote.comment)) }
}

fn claim(claim: &Claim) -> Vec<String> {
    let by = describe::actor(claim.claimed_by.as_ref());
    let line = format!("{}, by {by}, claim {}", moment(claim.claim_time.as_ref()), escape(&claim.id));
    let outcome = claim.outcome.as_ref().map_or_else(
        || "not reported".to_owned(),
        |outcome| format!("{}, {}", moment(outcome.report_time.as_ref()), describe::outcome(outcome)),
    );
    vec![field("Claim", &line), field("  Outcome", &outcome)]
}
