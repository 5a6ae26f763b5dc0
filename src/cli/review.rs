//! What a reviewer needs to know about a call, most important first.

use chrono::{DateTime, Utc};

use super::{
    describe, difference,
    rows::left,
    text::{between, escape, instant, moment, span},
};
use crate::proto::v1::{Approval, Event, RuleOutcome, Vote, event::Kind};

/// A label and its value, aligned with other fields.
pub(super) fn field(label: &str, value: &str) -> String {
    format!("{label:<12}{value}").trim_end().to_owned()
}

pub(super) fn indented(lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

/// The escaped text, or a dash.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { escape(text) }
}

/// A time, and its age.
pub(super) fn ago(time: Option<&prost_types::Timestamp>, now: DateTime<Utc>) -> String {
    match time.and_then(instant) {
        Some(then) => format!("{}, {} ago", moment(time), span(between(Some(then), Some(now)))),
        None => moment(time),
    }
}

/// Who wants to run which tool, with which arguments, and why. `events` show the edits.
pub(super) fn subject(approval: &Approval, events: &[Event]) -> Vec<String> {
    let mut lines = vec![field("Tool", &escape(&approval.tool_name)), "Arguments".to_owned()];
    lines.extend(indented(describe::pretty(approval.arguments.as_ref())));
    lines.extend(edits(approval, events));
    lines.push(field("Asked by", &describe::actor(approval.caller.as_ref())));
    if let Some(person) = &approval.on_behalf_of {
        lines.push(field("On behalf", &describe::actor(Some(person))));
    }
    if approval.agent.is_some() {
        lines.push(field("Agent", &agent(approval)));
    }
    lines.push(field("Reason", &or_dash(&approval.reason)));
    let mut labels: Vec<_> =
        approval.labels.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    labels.sort();
    if !labels.is_empty() {
        lines.push(field("Labels", &labels.join(", ")));
    }
    lines
}

/// The state of a pending approval: time left, priority, votes, and the rule that requires it.
pub(super) fn standing(approval: &Approval, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = vec![field("Time left", &left(approval, now))];
    lines.extend(describe::raised_priority(approval).map(|priority| field("Priority", &priority)));
    for (label, panel) in ["Votes"].into_iter().chain(std::iter::repeat("")).zip(&approval.panels) {
        let rule = if panel.rule.is_empty() { String::new() } else { format!(", by rule {}", escape(&panel.rule)) };
        lines.push(field(label, &format!("{}{rule}", describe::panel(panel))));
    }
    lines.extend(indented(approval.votes.iter().map(|vote| recent_vote(vote, now))));
    if let Some(policy) = &approval.policy {
        if !policy.message.is_empty() {
            lines.push(field("Rule", &format!("{}: {}", escape(&policy.rule), escape(&policy.message))));
        } else if approval.panels.iter().all(|panel| panel.rule != policy.rule) {
            lines.push(field("Rule", &or_dash(&policy.rule)));
        }
        let failed = policy.trace.iter().filter(|rule| rule.outcome == i32::from(RuleOutcome::Failed));
        lines.extend(
            failed.map(|rule| field("Rule failed", &format!("{}: {}", escape(&rule.rule), escape(&rule.detail)))),
        );
    }
    if approval.comment_required {
        lines.push(field("Comment", "required for every vote: set --comment"));
    }
    lines
}

/// Who edited the call, and what the edits changed.
fn edits(approval: &Approval, events: &[Event]) -> Vec<String> {
    let Some(edit) = events.iter().rfind(|event| matches!(event.kind, Some(Kind::Edited(_)))) else {
        return Vec::new();
    };
    let by = describe::actor(edit.actor.as_ref());
    let mut lines = vec![field("Edited by", &by)];
    match asked(events) {
        Some(asked) => {
            let changes = difference::lines(Some(asked), approval.arguments.as_ref(), ["as asked", "as edited"]);
            if changes.is_empty() {
                lines.push("  same as asked".to_owned());
            }
            lines.extend(indented(changes));
        }
        None => lines.push("  the original arguments are not on record".to_owned()),
    }
    lines
}

/// The original arguments. Older servers did not record them.
fn asked(events: &[Event]) -> Option<&prost_types::Struct> {
    events.iter().find_map(|event| match &event.kind {
        Some(Kind::Requested(requested)) => requested.arguments.as_ref(),
        _ => None,
    })
}

fn agent(approval: &Approval) -> String {
    let mut text = describe::agent(approval);
    let Some(agent) = &approval.agent else { return text };
    if !agent.run_id.is_empty() {
        text = format!("{text}, run {}", escape(&agent.run_id));
    }
    if !agent.chain.is_empty() {
        let chain: Vec<_> = agent.chain.iter().map(|name| escape(name)).collect();
        text = format!("{text}, handed off by {}", chain.join(", then "));
    }
    text
}

/// Who voted, through whom, and how.
fn voter(vote: &Vote) -> String {
    let via = describe::via(vote.submitted_by.as_ref());
    let how = describe::in_brackets(vote.surface, vote.assurance);
    format!("{}{via}{how}", describe::actor(vote.decided_by.as_ref()))
}

/// A vote on a pending approval: who, and how long ago.
fn recent_vote(vote: &Vote, now: DateTime<Utc>) -> String {
    let by = voter(vote);
    let age = span(between(vote.vote_time.as_ref().and_then(instant), Some(now)));
    describe::commented(format!("{} by {by}, {age} ago", describe::choice(vote.choice)), &vote.comment)
}

/// A vote on one line.
pub(super) fn vote(vote: &Vote, now: DateTime<Utc>) -> String {
    let by = voter(vote);
    let opened = describe::opened(&vote.opened);
    let opened = if opened.is_empty() { opened } else { format!(" and opened {opened}") };
    let time = ago(vote.vote_time.as_ref(), now);
    let seen = format!("who saw revision {}{opened}", vote.revision_seen);
    let line = format!("{} by {by}, {seen}, {time}", describe::choice(vote.choice));
    if vote.comment.is_empty() { line } else { format!("{line}: {}", escape(&vote.comment)) }
}
