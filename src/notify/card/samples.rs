//! Messages for the tests of channels.

use serde_json::{Value, json};

use super::super::{Bundle, Links, Message, Subject};
use crate::{
    domain::{
        Actor, Approval, Choice, Decision, NotificationKind, Status, Time, Vote,
        samples::{arguments, at, id, opened, quorum, reviewer},
    },
    policy::Display,
};

/// The desk's address in the links of samples.
pub(in crate::notify) const PUBLIC_URL: &str = "https://signoff.example.org";

/// A payment that waits, requested at `at(0)` with 300 s to decide.
pub(in crate::notify) fn payment() -> Approval {
    let approval = opened(quorum(1));
    let mut request = approval.request.as_ref().clone();
    request.tool_name = "process_payment".into();
    request.agent.name = "billing-bot".into();
    request.reason = "Invoice 4711 is due today.".into();
    let args = json!({"amount": 12_400, "currency": "EUR", "to": "Acme GmbH", "iban": "DE89 3704 0044 0532 0130 00"});
    Approval { request: request.into(), arguments: arguments(&args), ..approval }
}

/// The same approval with other arguments.
pub(in crate::notify) fn with_arguments(approval: Approval, args: &Value) -> Approval {
    Approval { arguments: arguments(args), ..approval }
}

/// The same approval, decided at `at(60)` by the first reviewer.
pub(in crate::notify) fn decided(approval: Approval, status: Status, comment: &str) -> Approval {
    let actor = match status {
        Status::TimedOut => Actor::deadline(),
        Status::Cancelled => approval.request.caller.clone(),
        Status::AutoApproved | Status::AutoRejected => Actor::policy("7"),
        _ => reviewer(1),
    };
    let decision = Decision {
        status,
        actor: actor.clone(),
        via: None,
        comment: comment.into(),
        at: at(60),
        seen: 1,
        digest: approval.digest,
        revision: 2,
        provenance: None,
    };
    let choice = match status {
        Status::Approved => Some(Choice::Approve),
        Status::Rejected => Some(Choice::Reject),
        _ => None,
    };
    let vote = choice.map(|choice| Vote {
        actor,
        via: None,
        counted_for: vec!["".into()],
        choice,
        comment: comment.into(),
        at: at(60),
        seen: 1,
        digest: approval.digest,
        provenance: Some(crate::domain::samples::at_the_desk()),
    });
    let votes = approval.votes.iter().cloned().chain(vote).collect();
    Approval { status, decision: Some(decision), votes, revision: 2, updated_at: at(60), ..approval }
}

/// A message about an approval at a time, under a policy with these fields.
pub(in crate::notify) fn message(approval: &Approval, kind: NotificationKind, now: Time, policy: Value) -> Message {
    let display = Display::new("1", &serde_json::from_value(policy).unwrap()).unwrap();
    Message {
        id: format!("msg_{}_{}_mail", approval.id.uuid().simple(), approval.revision),
        subject: Subject::Approval {
            kind,
            revision: approval.revision,
            at: approval.updated_at,
            approval: Box::new(display.redacted(approval)),
        },
        now,
        links: Links::new(Some(PUBLIC_URL.parse().unwrap())),
    }
}

/// A message of several requests.
pub(in crate::notify) fn bundle(agent: Option<&str>, count: u64) -> Message {
    let bundle = Bundle {
        agent: agent.map(Into::into),
        tools: vec!["process_payment".into(), "send_email".into()],
        approvals: (0..count).map(|n| id(0, n)).collect(),
        since: at(0),
    };
    Message { subject: Subject::Bundle(bundle), ..message(&payment(), NotificationKind::Requested, at(120), json!({})) }
}

/// A test message.
pub(in crate::notify) fn test() -> Message {
    Message { subject: Subject::Test, ..message(&payment(), NotificationKind::Requested, at(0), json!({})) }
}
