//! The examples in docs/command.md: the output of the commands on a terminal of 80 columns.

use std::fmt::Write as _;

use super::{fake::Server, *};
use crate::proto::v1::{
    Agent, Claim, DecideResponse, ExecutionOutcome, ExecutionResult, GetApprovalResponse, ListApprovalsResponse,
    ListPendingResponse, PolicyEffect, PolicyEvaluation, Priority, Vote, VoteChoice,
};

/// Columns of the terminal.
const WIDTH: usize = 80;
/// The server's time in the examples, and as an HTTP header. Ages are hours, so that the seconds of a slow test do not
/// show.
const NOW: i64 = 1_800_000_000;
const DATE: &str = "Fri, 15 Jan 2027 08:00:00 GMT";

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: NOW + seconds, nanos: 0 })
}

fn actor(kind: ActorKind, name: &str) -> Option<Actor> {
    let (issuer, subject) = name.split_once('/').unwrap();
    Some(Actor { kind: kind.into(), issuer: issuer.to_owned(), subject: subject.to_owned() })
}

fn agent(name: &str, run: &str) -> Option<Agent> {
    Some(Agent { name: name.to_owned(), run_id: run.to_owned(), ..Agent::default() })
}

/// A pending approval.
fn asked(id: &str, tool: &str, arguments: &str) -> Approval {
    let arguments = arguments::object("", arguments).unwrap();
    Approval {
        id: id.to_owned(),
        revision: 1,
        status: ApprovalStatus::Pending.into(),
        tool_name: tool.to_owned(),
        digest: signoff_client::digest(tool, &arguments),
        arguments: Some(arguments),
        request_id: "call:1".to_owned(),
        caller: actor(ActorKind::Agent, "local/agents"),
        create_time: at(-7_830),
        update_time: at(-7_830),
        deadline: at(5_430),
        claim_window: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
        ..Approval::default()
    }
}

/// A payment with one of two votes.
fn payment() -> Approval {
    let vote = Vote {
        decided_by: actor(ActorKind::Person, "sso/bob"),
        choice: VoteChoice::Approve.into(),
        comment: "Amount is right".to_owned(),
        vote_time: at(-3_930),
        revision_seen: 2,
        ..Vote::default()
    };
    Approval {
        revision: 3,
        agent: agent("billing-bot", "run-7"),
        reason: "Invoice 4711 is due on Friday".to_owned(),
        labels: [("customer", "acme"), ("env", "prod")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        priority: Priority::High.into(),
        on_behalf_of: actor(ActorKind::Person, "sso/carol"),
        edits_allowed: true,
        panels: vec![Panel {
            rule: "large-payment".to_owned(),
            reviewers: vec!["group:finance".to_owned()],
            quorum: 2,
            approvals: 1,
        }],
        policy: Some(PolicyEvaluation {
            policy_version: "3".to_owned(),
            effect: PolicyEffect::RequireApproval.into(),
            rule: "large-payment".to_owned(),
            message: "Two people look at large payments.".to_owned(),
            ..PolicyEvaluation::default()
        }),
        votes: vec![vote],
        ..asked("019bb8e6-3d70-7c1a-9f1e-2b4f6a8c0d12", "process_payment", r#"{"amount":9800,"to":"ACME GmbH"}"#)
    }
}

/// The payment's events: it was edited before the vote.
fn payment_events() -> Vec<Event> {
    let before = arguments::object("", r#"{"amount":12000,"to":"ACME GmbH"}"#).unwrap();
    let requested = event::Requested {
        digest: signoff_client::digest("process_payment", &before),
        status: ApprovalStatus::Pending.into(),
        arguments: Some(before),
    };
    let edited = event::Edited {
        arguments: payment().arguments,
        digest: payment().digest,
        revision_seen: 1,
        ..event::Edited::default()
    };
    let event = |revision, seconds, actor, kind| Event {
        revision,
        event_time: at(seconds),
        actor,
        kind: Some(kind),
        ..Event::default()
    };
    vec![
        event(1, -7_830, actor(ActorKind::Agent, "local/agents"), event::Kind::Requested(requested)),
        event(2, -5_430, actor(ActorKind::Person, "sso/bob"), event::Kind::Edited(edited)),
        event(3, -3_930, actor(ActorKind::Person, "sso/bob"), event::Kind::Voted(payment().votes[0].clone())),
    ]
}

fn email() -> Approval {
    Approval {
        agent: agent("mail-bot", ""),
        create_time: at(-3_750),
        update_time: at(-3_750),
        panels: vec![Panel { quorum: 1, ..Panel::default() }],
        ..asked("019bb8ff-5a61-7d02-8c3b-91e2d7a4b6f0", "send_email", r#"{"subject":"Hello","to":"bob@example.com"}"#)
    }
}

fn history() -> Vec<Approval> {
    let decided = |approval: Approval, status: ApprovalStatus, by, comment: &str| Approval {
        status: status.into(),
        decision: Some(Decision {
            status: status.into(),
            decided_by: by,
            comment: comment.to_owned(),
            digest: approval.digest.clone(),
            ..Decision::default()
        }),
        ..approval
    };
    let outcome = ExecutionOutcome { result: ExecutionResult::Succeeded.into(), ..ExecutionOutcome::default() };
    let claim = Claim { outcome: Some(outcome), ..Claim::default() };
    let deploy = asked("019bb8c8-1b2e-7a55-b0c1-3d5e7f901122", "deploy", r#"{"to":"production","version":"1.10"}"#);
    let query = asked("019bb7d4-9e10-7333-8a77-5566778899aa", "sql.query", r#"{"query":"DROP TABLE users"}"#);
    let deploy =
        decided(deploy, ApprovalStatus::Approved, actor(ActorKind::Person, "sso/bob"), "Fine, tests are green");
    let policy = Some(Actor { kind: ActorKind::Policy.into(), subject: "3".to_owned(), ..Actor::default() });
    let query = decided(query, ApprovalStatus::AutoRejected, policy, "Dropping tables is not allowed.");
    vec![
        Approval { agent: agent("release-bot", ""), create_time: at(-3_690), claim: Some(claim), ..deploy },
        Approval { agent: agent("report-bot", ""), create_time: at(-19_830), ..query },
    ]
}

/// What the user of a terminal sees: stderr, the typed answer, and stdout.
async fn capture(server: &Server, line: &[&str], answer: Option<&str>) -> String {
    *server.fake.date.lock().unwrap() = DATE.parse().ok();
    let ran = run_at(&server.address, line, answer, Some(WIDTH), |_| std::future::pending()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let typed = answer.map_or_else(String::new, str::to_owned);
    let err = anstream::adapter::strip_str(&ran.err).to_string();
    let mut text = format!("$ signoff {}\n{err}{typed}{}", line.join(" "), ran.out);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH || line.contains("sha256:"), "{line}");
    }
    // Trailing blanks are invisible on a terminal.
    text = text.lines().map(str::trim_end).fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    text
}

#[expect(clippy::disallowed_methods, reason = "the repository's own file")]
fn assert_documented(capture: &str) {
    let document = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command.md");
    let document = std::fs::read_to_string(document).unwrap();
    let block = format!("```console\n{capture}```\n");
    assert!(document.contains(&block), "docs/command.md has another example; the output is:\n\n{block}");
}

#[tokio::test]
async fn pending_in_the_documentation_is_what_is_printed() {
    let server = Server::start().await;
    let approvals = vec![payment(), email()];
    server.fake.list_pending.answers(Ok(ListPendingResponse { approvals, ..Default::default() }));
    assert_documented(&capture(&server, &["pending"], None).await);
}

#[tokio::test]
async fn history_in_the_documentation_is_what_is_printed() {
    let server = Server::start().await;
    server.fake.list_approvals.answers(Ok(ListApprovalsResponse { approvals: history(), ..Default::default() }));
    assert_documented(&capture(&server, &["history"], None).await);
}

#[tokio::test]
async fn show_in_the_documentation_is_what_is_printed() {
    let server = Server::start().await;
    server.fake.list_approvals.answers(Ok(ListApprovalsResponse { approvals: vec![email()], ..Default::default() }));
    server.fake.get.answers(Ok(GetApprovalResponse { approval: Some(email()), events: Vec::new() }));
    assert_documented(&capture(&server, &["show", "019bb8ff-5a61"], None).await);
}

#[tokio::test]
async fn approve_in_the_documentation_is_what_is_printed() {
    let server = Server::start().await;
    server.fake.list_pending.answers(Ok(ListPendingResponse { approvals: vec![payment()], ..Default::default() }));
    server.fake.get.answers(Ok(GetApprovalResponse { approval: Some(payment()), events: payment_events() }));
    let decided_by = actor(ActorKind::Person, "sso/alice");
    let decision = Decision { status: ApprovalStatus::Approved.into(), decided_by, ..Decision::default() };
    let approved = Approval { status: ApprovalStatus::Approved.into(), decision: Some(decision), ..payment() };
    server.fake.decide.answers(Ok(DecideResponse { approval: Some(approved) }));
    assert_documented(&capture(&server, &["approve", "-"], Some("y\n")).await);
}
