//! `signoff show`: one approval in full.

use chrono::{DateTime, Utc};
use clap::Args;
use signoff_client::Client;

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    ids::{self, Waiting},
    review::{ago, field, indented, standing, subject, vote},
    server_time::ServerTime,
    text::{between, escape, instant, moment, span},
};
use crate::proto::v1::{
    Approval, ApprovalStatus, Claim, Event, GetApprovalRequest, MinAssurance, PolicyEvaluation, Revocation,
};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[arg(help = ids::HELP)]
    id: String,
    /// Also show the recorded events, oldest first
    #[arg(long)]
    events: bool,
}

pub(super) async fn run(args: ShowArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    print(args, &connection.client().await?, console).await
}

pub(super) async fn print(args: ShowArgs, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let approval_id = ids::resolve(&args.id, Waiting::ForADecision, client).await?;
    // People need the events to see what an edit changed.
    let include_events = args.events || !console.json;
    let answer = client.approvals().get_approval(unary(GetApprovalRequest { approval_id, include_events })).await?;
    let mut time = ServerTime::of(&answer);
    let response = answer.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let Some(approval) = &response.approval else { return Err(Failure::Protocol("no approval")) };
    time.follow(approval);
    for line in lines(approval, &response.events, args.events, time.now()) {
        console.line(&line)?;
    }
    Ok(())
}

fn lines(approval: &Approval, events: &[Event], with_events: bool, now: DateTime<Utc>) -> Vec<String> {
    let pending = approval.status == i32::from(ApprovalStatus::Pending);
    let mut lines =
        vec![field("Approval", &escape(&approval.id)), field("Status", &describe::painted(approval.status))];
    lines.extend(subject(approval, events));
    if pending {
        lines.extend(standing(approval, now));
    }
    if let Some(schema) = &approval.arguments_schema {
        lines.push("Schema".to_owned());
        lines.extend(indented(describe::pretty(Some(schema))));
    }
    lines.push(field("Digest", &escape(&approval.digest)));
    lines.push(field("Request id", &escape(&approval.request_id)));
    lines.push(field("Revision", &approval.revision.to_string()));
    lines.push(field("Created", &ago(approval.create_time.as_ref(), now)));
    lines.push(field("Updated", &ago(approval.update_time.as_ref(), now)));
    lines.push(field("Deadline", &moment(approval.deadline.as_ref())));
    lines.push(field("Claim for", &claim_window(approval, now)));
    if approval.cancel_on_disconnect {
        lines.push(field("Disconnect", "cancels it"));
    }
    lines.extend(approval.policy.iter().flat_map(policy));
    if let Some(told) = describe::told(approval) {
        lines.push(field("Notifies", &told));
    }
    if approval.min_assurance() == MinAssurance::Chat {
        lines.push(field("From chat", "approvals from chat count"));
    }
    if !pending && !approval.votes.is_empty() {
        lines.push("Votes".to_owned());
        lines.extend(indented(approval.votes.iter().map(|it| vote(it, now))));
    }
    if let Some(decision) = &approval.decision {
        lines.push(field("Decision", &describe::decision(decision)));
        lines.push(field("  At", &ago(decision.decide_time.as_ref(), now)));
        let seen = match decision.revision_seen {
            0 => "no review".to_owned(),
            revision => format!("revision {revision}"),
        };
        lines.push(field("  Seen", &seen));
        lines.push(field("  Digest", &escape(&decision.digest)));
        if let Some(how) = describe::provenance(decision.surface, decision.assurance) {
            lines.push(field("  From", &how));
        }
        if !decision.opened.is_empty() {
            lines.push(field("  Opened", &describe::opened(&decision.opened)));
        }
    }
    if let Some(Revocation { revoked_by, reason, revoke_time }) = &approval.revocation {
        let by = format!("by {}, {}", describe::actor(revoked_by.as_ref()), ago(revoke_time.as_ref(), now));
        lines.push(field("Revoked", &describe::commented(by, reason)));
    }
    lines.extend(approval.claim.iter().flat_map(|it| claim(it, now)));
    if with_events {
        lines.push("Events".to_owned());
        lines.extend(indented(events.iter().map(describe::event)));
    }
    lines
}

/// The claim window of an approved call, and the time left in it.
fn claim_window(approval: &Approval, now: DateTime<Utc>) -> String {
    let Some(window) = approval.claim_window.and_then(|window| window.try_into().ok()) else { return "-".to_owned() };
    let text = format!("{} after the decision", span(window));
    let decided = approval.decision.as_ref().and_then(|decision| decision.decide_time.as_ref()).and_then(instant);
    match decided
        .filter(|_| describe::is_approved(approval) && approval.claim.is_none() && approval.revocation.is_none())
    {
        Some(decided) if decided + window > now => {
            format!("{text}, {} left", span(between(Some(now), Some(decided + window))))
        }
        Some(_) => format!("{text}, expired"),
        None => text,
    }
}

fn policy(policy: &PolicyEvaluation) -> Vec<String> {
    [field("Policy", &describe::policy(policy))].into_iter().chain(indented(describe::trace(policy))).collect()
}

fn claim(claim: &Claim, now: DateTime<Utc>) -> Vec<String> {
    let by = describe::actor(claim.claimed_by.as_ref());
    let line = format!("by {by}, claim {}, {}", escape(&claim.id), ago(claim.claim_time.as_ref(), now));
    let outcome = claim.outcome.as_ref().map_or_else(
        || "not reported".to_owned(),
        |outcome| format!("{}, {}", describe::outcome(outcome), ago(outcome.report_time.as_ref(), now)),
    );
    vec![field("Claim", &line), field("  Outcome", &outcome)]
}
