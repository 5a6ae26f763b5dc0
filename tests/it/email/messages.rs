//! Messages to send.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use signoff::{
    domain::{
        Actor, ActorKind, Agent, Approval, ApprovalId, Arguments, Choice, Decision, Digest, Effect, NotificationKind,
        Request, Requirement, RuleOutcome, RuleTrace, Status, Time, Verdict, Vote, request,
    },
    notify::{Bundle, Links, Message, Subject},
    policy::{Display, Document},
};

/// Seconds after the request.
pub(super) fn soon_after(seconds: i64) -> Time {
    "2027-01-15T08:00:00Z".parse::<Time>().unwrap() + chrono::TimeDelta::seconds(seconds)
}

fn actor(kind: ActorKind, subject: &str) -> Actor {
    Actor { kind, issuer: "test".into(), subject: subject.into() }
}

fn arguments(value: Value) -> Arguments {
    let Value::Object(object) = value else { panic!("an object") };
    Arguments::new(object).unwrap()
}

/// A payment that waits for 300 s.
pub(super) fn payment() -> Approval {
    let arguments = arguments(json!({"amount": 12_400, "currency": "EUR", "to": "Acme GmbH"}));
    let asked = Request {
        request_id: "r1".into(),
        caller: actor(ActorKind::Agent, "agent"),
        on_behalf_of: None,
        tool_name: "process_payment".into(),
        digest: Digest::of("process_payment", &arguments),
        agent: Agent { name: "billing-bot".into(), run_id: "run-1".into(), chain: vec!["planner".into()] },
        reason: "Invoice 4711 is due today.".into(),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        timeout: Duration::from_secs(300),
        cancel_on_disconnect: false,
        schema: None,
    };
    let verdict = Verdict {
        policy_version: "1".into(),
        effect: Effect::RequireApproval(Requirement::any(1)),
        rule: "payments".into(),
        message: "A person must look at payments.".into(),
        trace: vec![RuleTrace { rule: "payments".into(), outcome: RuleOutcome::Matched, detail: "".into() }],
        trace_omitted: 0,
        frozen: None,
        claim_window: Duration::from_secs(300),
        remembered_rejection: None,
        notify: Vec::new(),
    };
    let id: ApprovalId = "01946881-5c00-7000-8000-000000000001".parse().unwrap();
    request(id, Arc::new(asked), arguments, Arc::new(verdict), soon_after(0)).unwrap().0
}

/// The same approval with other arguments.
pub(super) fn with_arguments(approval: Approval, args: Value) -> Approval {
    Approval { arguments: arguments(args), ..approval }
}

/// The same approval of another request.
pub(super) fn requested(approval: Approval, change: impl FnOnce(&mut Request)) -> Approval {
    let mut request = approval.request.as_ref().clone();
    change(&mut request);
    Approval { request: request.into(), ..approval }
}

/// The same approval, decided by Alice after a minute.
pub(super) fn decided(approval: Approval, status: Status, comment: &str) -> Approval {
    let alice = actor(ActorKind::Person, "alice");
    let decision = Decision {
        status,
        actor: alice.clone(),
        via: None,
        comment: comment.into(),
        at: soon_after(60),
        seen: 1,
        digest: approval.digest,
        revision: 2,
        provenance: None,
    };
    let vote = Vote {
        actor: alice,
        via: None,
        counted_for: vec!["".into()],
        choice: if status == Status::Approved { Choice::Approve } else { Choice::Reject },
        comment: comment.into(),
        at: soon_after(60),
        seen: 1,
        digest: approval.digest,
        provenance: None,
    };
    Approval {
        status,
        decision: Some(decision),
        votes: vec![vote],
        revision: 2,
        updated_at: soon_after(60),
        ..approval
    }
}

/// A message about an approval.
pub(super) fn about(approval: &Approval, kind: NotificationKind, now: Time) -> Message {
    let display = Display::new("1", &Document::default()).unwrap();
    Message {
        id: format!("msg_{}_{}_mail", approval.id.uuid().simple(), approval.revision),
        subject: Subject::Approval {
            kind,
            revision: approval.revision,
            at: approval.updated_at,
            approval: Box::new(display.redacted(approval)),
        },
        now,
        links: Links::new(Some("https://signoff.example.org".parse().unwrap())),
    }
}

/// A message of several requests.
pub(super) fn bundle(agent: &str, count: usize) -> Message {
    let bundle = Bundle {
        agent: Some(agent.into()),
        tools: vec!["process_payment".into()],
        approvals: vec![payment().id; count],
        since: soon_after(0),
    };
    Message { subject: Subject::Bundle(bundle), ..test() }
}

/// A test by an operator.
pub(super) fn test() -> Message {
    Message { subject: Subject::Test, ..about(&payment(), NotificationKind::Requested, soon_after(60)) }
}
