//! Protocol values in words: statuses, actors, events. Every returned text is escaped.

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Utc};
use prost_types::Struct;

use super::{
    arguments,
    table::Cell,
    text::{escape, instant, moment},
};
use crate::proto::v1::{
    Actor, ActorKind, Approval, ApprovalStatus, Assurance, AuthenticationMethod, DecidesFor, Decision, DecisionSurface,
    DeliveryState, Event, ExecutionOutcome, ExecutionResult, NotificationKind, Panel, Permission, PolicyEffect,
    PolicyEvaluation, Priority, Revocation, Role, RuleOutcome, RuleTrace, SessionState, TokenState, VoteChoice,
    event::Kind,
};

/// An enum value without its prefix. An unknown value is `UNKNOWN(number)`.
fn word(name: Option<&'static str>, prefix: &str, number: i32) -> String {
    name.map_or_else(|| format!("UNKNOWN({number})"), |name| name.strip_prefix(prefix).unwrap_or(name).to_owned())
}

macro_rules! words {
    ($($(#[$doc:meta])* $function:ident($of:ty) = $prefix:literal;)*) => {
        $($(#[$doc])*
        pub(super) fn $function(value: i32) -> String {
            word(<$of>::try_from(value).ok().map(|known| known.as_str_name()), $prefix, value)
        })*
    };
}

words! {
    /// A status, for example `PENDING`.
    status(ApprovalStatus) = "APPROVAL_STATUS_";
    /// The effect of a policy, for example `REQUIRE_APPROVAL`.
    effect(PolicyEffect) = "POLICY_EFFECT_";
    /// The outcome of a rule, for example `MATCHED`.
    rule_outcome(RuleOutcome) = "RULE_OUTCOME_";
    /// A vote, for example `APPROVE`.
    choice(VoteChoice) = "VOTE_CHOICE_";
    /// A priority, for example `HIGH`.
    priority(Priority) = "PRIORITY_";
    /// A role, for example `REVIEWER`.
    role(Role) = "ROLE_";
    /// A permission, for example `ASK_FOR_OTHERS`.
    permission(Permission) = "PERMISSION_";
    /// The kind of an actor, for example `PERSON`.
    kind(ActorKind) = "ACTOR_KIND_";
    /// The state of a token, for example `ACTIVE`.
    token_state(TokenState) = "TOKEN_STATE_";
    /// The state of a session, for example `ENDED`.
    session_state(SessionState) = "SESSION_STATE_";
    /// The event of a notification, for example `REQUESTED`.
    notification_kind(NotificationKind) = "NOTIFICATION_KIND_";
    /// The state of a delivery, for example `DEAD`.
    delivery_state(DeliveryState) = "DELIVERY_STATE_";
    /// How a caller was authenticated, for example `CERTIFICATE`.
    method(AuthenticationMethod) = "AUTHENTICATION_METHOD_";
    /// Where a person acted, for example `DESK`.
    surface(DecisionSurface) = "DECISION_SURFACE_";
    /// How a person was authenticated, for example `SESSION`.
    assurance(Assurance) = "ASSURANCE_";
    /// The result of an execution, for example `SUCCEEDED`.
    result(ExecutionResult) = "EXECUTION_RESULT_";
}

/// The colour of a status: green for approved, red for rejected, yellow for pending.
pub(super) fn colour(value: i32) -> Option<AnsiColor> {
    match ApprovalStatus::try_from(value) {
        Ok(ApprovalStatus::Approved | ApprovalStatus::AutoApproved) => Some(AnsiColor::Green),
        Ok(ApprovalStatus::Rejected | ApprovalStatus::AutoRejected | ApprovalStatus::TimedOut) => Some(AnsiColor::Red),
        Ok(ApprovalStatus::Pending) => Some(AnsiColor::Yellow),
        Ok(ApprovalStatus::Cancelled | ApprovalStatus::Unspecified) | Err(_) => None,
    }
}

fn style(value: i32) -> Style {
    colour(value).map_or_else(Style::new, |colour| Style::new().fg_color(Some(colour.into())))
}

/// A status with its colour. The stream removes the colour where it is not supported.
pub(super) fn painted(value: i32) -> String {
    let style = style(value);
    format!("{style}{}{style:#}", status(value))
}

/// A table cell with a status.
pub(super) fn cell(value: i32) -> Cell {
    Cell::styled(status(value), style(value))
}

/// Approving votes and quorum of each panel, then the rejecting votes: `1/2`, `1/2 0/1, 1 no`.
pub(super) fn votes(approval: &Approval) -> String {
    let panels: Vec<_> = approval.panels.iter().map(|panel| format!("{}/{}", panel.approvals, panel.quorum)).collect();
    let against = approval.votes.iter().filter(|vote| vote.choice == i32::from(VoteChoice::Reject)).count();
    let against = if against == 0 { String::new() } else { format!(", {against} no") };
    format!("{}{against}", panels.join(" "))
}

/// The priority, if it is above normal.
pub(super) fn raised_priority(approval: &Approval) -> Option<String> {
    (approval.priority > i32::from(Priority::Normal)).then(|| priority(approval.priority))
}

/// Whether the status is an approval. The call may still be revoked or its claim window closed.
pub(super) fn is_approved(approval: &Approval) -> bool {
    matches!(approval.status(), ApprovalStatus::Approved | ApprovalStatus::AutoApproved)
}

/// Whether the call is approved and can still be claimed at this server time.
pub(super) fn can_be_claimed(approval: &Approval, now: DateTime<Utc>) -> bool {
    let untouched = approval.claim.is_none() && approval.revocation.is_none();
    let decided = approval.decision.as_ref().and_then(|decision| decision.decide_time.as_ref()).and_then(instant);
    let window = approval.claim_window.and_then(|window| std::time::Duration::try_from(window).ok());
    is_approved(approval) && untouched && decided.zip(window).is_none_or(|(decided, window)| decided + window > now)
}

/// The progress of an approved call: claimed, revoked, or its result.
pub(super) fn progress_of_claim(approval: &Approval) -> String {
    if approval.revocation.is_some() {
        return "REVOKED".to_owned();
    }
    let Some(claim) = &approval.claim else { return String::new() };
    claim.outcome.as_ref().map_or_else(|| "CLAIMED".to_owned(), |outcome| result(outcome.result))
}

/// The name of an actor; `-` without one.
pub(super) fn actor(actor: Option<&Actor>) -> String {
    let Some(actor) = actor else { return "-".to_owned() };
    match ActorKind::try_from(actor.kind) {
        Ok(ActorKind::Policy) => format!("policy {}", escape(&actor.subject)).trim_end().to_owned(),
        Ok(ActorKind::Server) => "the server".to_owned(),
        _ => format!("{}/{}", escape(&actor.issuer), escape(&actor.subject)),
    }
}

/// The votes of the reviewers that one rule asks.
pub(super) fn panel(panel: &Panel) -> String {
    let reviewers: Vec<_> = panel.reviewers.iter().map(|reviewer| escape(reviewer)).collect();
    let of = if reviewers.is_empty() { String::new() } else { format!(" of {}", reviewers.join(", ")) };
    format!("{} of {} approving votes{of}", panel.approvals, panel.quorum)
}

/// The bridge that submitted a vote, if there is one.
pub(super) fn via(actor: Option<&Actor>) -> String {
    actor.map_or_else(String::new, |submitter| format!(" through {}", self::actor(Some(submitter))))
}

/// Where a person acted and how they were authenticated, if the server recorded it: `DESK, SESSION`.
pub(super) fn provenance(surface: i32, assurance: i32) -> Option<String> {
    (surface != 0 || assurance != 0).then(|| format!("{}, {}", self::surface(surface), self::assurance(assurance)))
}

/// [`provenance`] in brackets, to follow the name of the person. Empty if it is not recorded.
pub(super) fn in_brackets(surface: i32, assurance: i32) -> String {
    provenance(surface, assurance).map_or_else(String::new, |text| format!(" ({text})"))
}

/// The parts of an approval that a person opened.
pub(super) fn opened(parts: &[String]) -> String {
    parts.iter().map(|part| escape(part)).collect::<Vec<_>>().join(", ")
}

/// The people that a bridge may decide for.
pub(super) fn decides_for(scope: &DecidesFor) -> String {
    let joined = |names: &[String]| names.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    let people = format!("people of {}", joined(&scope.issuers));
    if scope.groups.is_empty() { people } else { format!("{people} in {}", joined(&scope.groups)) }
}

/// The agent's name; `-` without one.
pub(super) fn agent(approval: &Approval) -> String {
    let name = approval.agent.as_ref().map_or("", |agent| &agent.name);
    if name.is_empty() { "-".to_owned() } else { escape(name) }
}

/// Arguments on one line, neither cut nor escaped.
pub(super) fn compact(arguments: Option<&Struct>) -> String {
    arguments.map_or_else(|| "{}".to_owned(), |arguments| arguments::to_json(arguments).to_string())
}

/// The arguments of an approval in a list on one line, uncut, and which of them the policy redacts.
pub(super) fn listed_arguments(approval: &Approval) -> String {
    let redacted = &approval.redacted_paths;
    if redacted.iter().any(|path| path == "args") {
        return "redacted: all arguments".to_owned();
    }
    // An argument with the same text is no note: it is in quotes.
    let note = if redacted.is_empty() { String::new() } else { format!(" redacted: {}", redacted.join(", ")) };
    escape(&format!("{}{note}", compact(approval.arguments.as_ref())))
}

/// An object over several lines.
pub(super) fn pretty(object: Option<&Struct>) -> Vec<String> {
    let json = object.map_or_else(|| serde_json::json!({}), arguments::to_json);
    // JSON escapes line ends in strings, so every line end here belongs to the layout.
    format!("{json:#}").lines().map(escape).collect()
}

/// Appends a comment to a text, if there is one.
pub(super) fn commented(text: String, comment: &str) -> String {
    if comment.is_empty() { text } else { format!("{text}: {}", escape(comment)) }
}

/// The decision, its author and comment; in colour.
pub(super) fn decision(decision: &Decision) -> String {
    sentence(&painted(decision.status), decision, "")
}

/// [`decision`] without colour.
pub(super) fn plain_decision(decision: &Decision) -> String {
    sentence(&status(decision.status), decision, "")
}

fn sentence(status: &str, decision: &Decision, how: &str) -> String {
    if let Some(remembered) = &decision.remembered_rejection {
        let by = actor(remembered.decided_by.as_ref());
        let what =
            format!("{status}, because {by} rejected the same call in approval {}", escape(&remembered.approval_id));
        return commented(what, &remembered.comment);
    }
    let via = via(decision.submitted_by.as_ref());
    commented(format!("{status} by {}{via}{how}", actor(decision.decided_by.as_ref())), &decision.comment)
}

/// Who revoked an approval, when and why; ends a sentence.
pub(super) fn revocation(revocation: &Revocation) -> String {
    let (by, at) = (actor(revocation.revoked_by.as_ref()), moment(revocation.revoke_time.as_ref()));
    commented(format!("revoked by {by} at {at}"), &revocation.reason)
}

/// The outcome of a claimed call.
pub(super) fn outcome(outcome: &ExecutionOutcome) -> String {
    commented(result(outcome.result), &outcome.message)
}

/// The policy's verdict, without its trace.
pub(super) fn policy(policy: &PolicyEvaluation) -> String {
    let mut text = effect(policy.effect);
    for (before, part) in [(", rule ", &policy.rule), (", version ", &policy.policy_version)] {
        if !part.is_empty() {
            text = format!("{text}{before}{}", escape(part));
        }
    }
    commented(text, &policy.message)
}

/// The channels to notify about an approval; `None` if there are none.
pub(super) fn told(approval: &Approval) -> Option<String> {
    let named = approval.notify.iter().map(|channel| escape(channel));
    let default = approval.notify_default.then(|| "the server's default channels".to_owned());
    let told: Vec<_> = named.chain(default).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// An event on one line.
pub(super) fn event(event: &Event) -> String {
    let by = actor(event.actor.as_ref());
    let how = in_brackets(event.surface, event.assurance);
    let what = match &event.kind {
        Some(Kind::Requested(requested)) => {
            format!("{} requested by {by}, {}", painted(requested.status), escape(&requested.digest))
        }
        Some(Kind::Voted(vote)) => {
            let voter = actor(vote.decided_by.as_ref().or(event.actor.as_ref()));
            let how = via(vote.submitted_by.as_ref()) + &in_brackets(vote.surface, vote.assurance);
            commented(format!("vote {} by {voter}{how}", choice(vote.choice)), &vote.comment)
        }
        Some(Kind::Escalated(escalated)) => {
            let reviewers: Vec<_> = escalated.reviewers.iter().map(|reviewer| escape(reviewer)).collect();
            let more =
                if reviewers.is_empty() { String::new() } else { format!(", also asks {}", reviewers.join(", ")) };
            let more = if escalated.notify.is_empty() {
                more
            } else {
                format!("{more}, notifies {}", escape(&escalated.notify.join(", ")))
            };
            format!("escalated by rule {}: {}{more}", escape(&escalated.rule), priority(escalated.priority))
        }
        Some(Kind::Edited(edited)) => {
            let arguments = escape(&compact(edited.arguments.as_ref()));
            format!("edited by {by}{how}: {arguments}, {}", escape(&edited.digest))
        }
        Some(Kind::Decided(decided)) => {
            sentence(&painted(decided.status), decided, &in_brackets(decided.surface, decided.assurance))
        }
        Some(Kind::Claimed(claimed)) => {
            format!("claimed by {by}, claim {}, {}", escape(&claimed.claim_id), escape(&claimed.digest))
        }
        Some(Kind::Reported(reported)) => format!("reported by {by}: {}", outcome(reported)),
        Some(Kind::Revoked(revoked)) => commented(format!("revoked by {by}{how}"), &revoked.reason),
        None => format!("unknown kind of event, by {by}"),
    };
    format!("{}  #{} {what}", moment(event.event_time.as_ref()), event.revision)
}

/// The outcome of each rule, a line each.
pub(super) fn trace(policy: &PolicyEvaluation) -> Vec<String> {
    let line = |rule: &RuleTrace| {
        let line = format!("{}  {}", rule_outcome(rule.outcome), escape(&rule.rule));
        if rule.detail.is_empty() { line } else { format!("{line}: {}", escape(&rule.detail)) }
    };
    let omitted = (policy.trace_omitted > 0).then(|| format!("… and {} more", policy.trace_omitted));
    policy.trace.iter().map(line).chain(omitted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Vote, event};

    fn person(subject: &str) -> Option<Actor> {
        Some(Actor { kind: ActorKind::Person.into(), issuer: "dev".to_owned(), subject: subject.to_owned() })
    }

    #[test]
    fn unknown_values_are_numbers() {
        assert_eq!(status(ApprovalStatus::TimedOut.into()), "TIMED_OUT");
        assert_eq!(status(99), "UNKNOWN(99)");
        assert_eq!(choice(VoteChoice::Approve.into()), "APPROVE");
        assert_eq!(rule_outcome(RuleOutcome::NotMatched.into()), "NOT_MATCHED");
        assert_eq!(colour(99), None);
    }

    #[test]
    fn actors() {
        assert_eq!(actor(person("ali\u{200b}ce").as_ref()), "dev/ali\\u{200b}ce");
        assert_eq!(actor(None), "-");
        let policy = Actor { kind: ActorKind::Policy.into(), subject: "v7".to_owned(), ..Actor::default() };
        assert_eq!(actor(Some(&policy)), "policy v7");
    }

    #[test]
    fn every_event_is_one_line() {
        let time = Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 });
        let vote = Vote {
            decided_by: person("bob"),
            choice: VoteChoice::Approve.into(),
            comment: "fine\nby me\u{1b}[31m".to_owned(),
            surface: DecisionSurface::Desk.into(),
            assurance: Assurance::Session.into(),
            ..Vote::default()
        };
        let voted = Event {
            revision: 2,
            event_time: time,
            actor: person("bob"),
            kind: Some(Kind::Voted(vote)),
            ..Event::default()
        };
        assert_eq!(
            event(&voted),
            "2026-01-01T00:00:00Z  #2 vote APPROVE by dev/bob (DESK, SESSION): fine\\nby me\\u{1b}[31m"
        );
        let edited = event::Edited {
            arguments: Some(arguments::object("", r#"{"to":"x\u202ey"}"#).unwrap()),
            digest: "sha256:ab".to_owned(),
            ..event::Edited::default()
        };
        let edited = Event {
            revision: 3,
            event_time: time,
            actor: person("bob"),
            kind: Some(Kind::Edited(edited)),
            ..Event::default()
        };
        assert_eq!(event(&edited), "2026-01-01T00:00:00Z  #3 edited by dev/bob: {\"to\":\"x\\u{202e}y\"}, sha256:ab");
        let revoked = Event {
            actor: person("bob"),
            kind: Some(Kind::Revoked(event::Revoked { reason: "wrong".to_owned() })),
            surface: DecisionSurface::Grpc.into(),
            assurance: 9,
            ..Event::default()
        };
        assert!(event(&revoked).ends_with("revoked by dev/bob (GRPC, UNKNOWN(9)): wrong"), "{}", event(&revoked));
        let decided = Decision {
            status: ApprovalStatus::Approved.into(),
            decided_by: person("bob"),
            surface: DecisionSurface::Link.into(),
            assurance: Assurance::Session.into(),
            ..Decision::default()
        };
        assert_eq!(plain_decision(&decided), "APPROVED by dev/bob");
        let decided = Event { kind: Some(Kind::Decided(decided)), ..Event::default() };
        assert!(event(&decided).ends_with("by dev/bob (LINK, SESSION)"), "{}", event(&decided));
        assert!(event(&Event::default()).contains("unknown kind of event"));
    }

    #[test]
    fn pretty_arguments_escape_invisible_characters() {
        for c in crate::unicode::samples::INVISIBLE {
            let object = Some(arguments::object("", &serde_json::json!({ c.to_string(): c }).to_string()).unwrap());
            let shown = pretty(object.as_ref()).concat() + &escape(&compact(object.as_ref()));
            assert!(!shown.contains(crate::unicode::is_invisible), "{shown:?}");
        }
        let object = Some(arguments::object("", r#"{"a":"x\ny\u202e","n":[5]}"#).unwrap());
        let expected = ["{", "  \"a\": \"x\\ny\\u{202e}\",", "  \"n\": [", "    5", "  ]", "}"];
        assert_eq!(pretty(object.as_ref()), expected);
    }
}
