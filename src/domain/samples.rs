//! Sample approvals for tests.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

/// A time in seconds after an arbitrary start.
pub(crate) fn at(seconds: i64) -> Time {
    chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// An id with the time `at(seconds)` and the random part `n`.
pub(crate) fn id(seconds: i64, n: u64) -> ApprovalId {
    let millis = u64::try_from(at(seconds).timestamp_millis()).unwrap();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    ApprovalId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

pub(crate) fn claim_id(n: u64) -> ClaimId {
    ClaimId::new(Uuid::from_u64_pair(7, n))
}

pub(crate) fn actor(kind: ActorKind, subject: &str) -> Actor {
    Actor { kind, issuer: "test".into(), subject: subject.into() }
}

pub(crate) fn agent() -> Actor {
    actor(ActorKind::Agent, "agent")
}

pub(crate) fn reviewer(n: usize) -> Actor {
    actor(ActorKind::Person, &format!("reviewer-{n}"))
}

pub(crate) fn arguments(value: &Value) -> Arguments {
    Arguments::new(value.as_object().unwrap().clone()).unwrap()
}

pub(crate) fn verdict(effect: Effect) -> Arc<Verdict> {
    Arc::new(Verdict {
        policy_version: "1".into(),
        effect,
        rule: "rule".into(),
        message: String::new(),
        trace: vec![RuleTrace { rule: "rule".into(), outcome: RuleOutcome::Matched, detail: "".into() }],
        trace_omitted: 0,
        frozen: None,
        claim_window: Duration::from_secs(300),
        remembered_rejection: None,
        notify: Vec::new(),
    })
}

pub(crate) fn quorum(quorum: u32) -> Arc<Verdict> {
    verdict(Effect::RequireApproval(Requirement::any(quorum)))
}

/// A request for `send_email` with a timeout of 300 s.
pub(crate) fn a_request(request_id: &str) -> (Request, Arguments) {
    let arguments = arguments(&json!({"to": "alice@company.com"}));
    let request = Request {
        request_id: request_id.into(),
        caller: agent(),
        on_behalf_of: None,
        tool_name: "send_email".into(),
        digest: Digest::of("send_email", &arguments),
        agent: Agent { name: "bot".into(), run_id: "run-1".into(), chain: vec!["planner".into()] },
        reason: "because".into(),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        timeout: Duration::from_secs(300),
        cancel_on_disconnect: false,
        schema: None,
    };
    (request, arguments)
}

/// An approval, opened at `at(0)` with a verdict.
#[cfg(test)]
pub(crate) fn opened(verdict: Arc<Verdict>) -> Approval {
    let (asked, arguments) = a_request("r1");
    request(id(0, 1), Arc::new(asked), arguments, verdict, at(0)).unwrap().0
}

pub(crate) fn decide(actor: Actor, choice: Choice, seen: Seen) -> Deciding {
    Deciding {
        actor,
        groups: BTreeSet::new(),
        via: None,
        needs_others: false,
        request_id: None,
        choice,
        seen,
        comment: "seen".into(),
        edit: None,
        provenance: None,
    }
}

/// The provenance of a call at the desk, after opening a part.
pub(crate) fn at_the_desk() -> Provenance {
    Provenance { surface: Surface::Desk, assurance: Assurance::Session, opened: vec!["raw".into()] }
}

/// The same call at the desk.
pub(crate) fn from_desk(mut command: Command) -> Command {
    if let Command::Decide(Deciding { provenance, .. }) | Command::Revoke(Revoking { provenance, .. }) = &mut command {
        *provenance = Some(at_the_desk());
    }
    command
}

/// The same call with an idempotency key.
pub(crate) fn keyed(mut command: Command, key: &str) -> Command {
    match &mut command {
        Command::Decide(Deciding { request_id, .. })
        | Command::Cancel { request_id, .. }
        | Command::Claim(Claiming { request_id, .. })
        | Command::Report(Reporting { request_id, .. })
        | Command::Revoke(Revoking { request_id, .. }) => *request_id = Some(key.into()),
        Command::Tick => {}
    }
    command
}
