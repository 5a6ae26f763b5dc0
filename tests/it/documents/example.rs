//! The example of docs/concepts.md happens as the page tells it.

use std::fs;

use prost_types::{Struct, Value, value::Kind as ValueKind};
use signoff::proto::v1::{
    ActorKind, ApprovalStatus, ClaimExecutionRequest, CreateTokenRequest, ExecutionResult, GetApprovalRequest,
    ReportExecutionRequest, RequestApprovalRequest, Role, VoteChoice, event::Kind,
};

use super::page::Page;
use crate::{
    calls::{ask, decide, open},
    server::{Client, Server, age},
};

fn payment(amount: f64) -> Struct {
    let value = |kind| Value { kind: Some(kind) };
    let amount = ("amount".to_owned(), value(ValueKind::NumberValue(amount)));
    Struct { fields: [amount, ("to".to_owned(), value(ValueKind::StringValue("ACME GmbH".to_owned())))].into() }
}

/// A reviewer in the group finance.
async fn of_finance(server: &Server, subject: &str) -> Client {
    let request = CreateTokenRequest {
        request_id: subject.to_owned(),
        subject: subject.to_owned(),
        kind: ActorKind::Person.into(),
        roles: vec![Role::Reviewer.into()],
        groups: vec!["finance".to_owned()],
        ..CreateTokenRequest::default()
    };
    let created = server.access(&server.tokens().operator).create_token(request).await.unwrap().into_inner();
    server.client(&created.secret)
}

const fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Requested(_) => "requested",
        Kind::Voted(_) => "voted",
        Kind::Edited(_) => "edited",
        Kind::Decided(_) => "decided",
        Kind::Claimed(_) => "claimed",
        Kind::Reported(_) => "reported",
        Kind::Escalated(_) => "escalated",
        Kind::Revoked(_) => "revoked",
    }
}

#[tokio::test]
async fn the_example_of_the_concepts_happens_as_the_page_tells_it() {
    let page = Page::read("docs/concepts.md");
    let policy = page.blocks().into_iter().find(|block| block.language == "yaml").expect("a policy");
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    fs::write(&file, policy.code).unwrap();
    age(&file);
    let server = Server::start(&data.path().join("store"), &[&format!("policy={}", file.display())]).await;
    let (mut agent, mut rita, mut bob) =
        (server.agent(), of_finance(&server, "rita").await, of_finance(&server, "bob").await);

    let call = RequestApprovalRequest {
        tool_name: "process_payment".to_owned(),
        arguments: Some(payment(12_000.0)),
        ..ask("invoice")
    };
    let (_stream, asked) = open(&mut agent, call).await.unwrap();
    let mut edit = decide(&asked, "edit", VoteChoice::Approve);
    edit.edited_arguments = Some(payment(11_800.0));
    let edited = rita.decide(edit).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((edited.status(), edited.revision, edited.panels[0].approvals), (ApprovalStatus::Pending, 3, 1));
    assert_ne!(edited.digest, asked.digest);
    let decided =
        bob.decide(decide(&edited, "vote", VoteChoice::Approve)).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
    let claim = |request_id: &str| ClaimExecutionRequest {
        approval_id: asked.id.clone(),
        request_id: request_id.to_owned(),
        digest: decided.digest.clone(),
    };
    let claimed = agent.claim_execution(claim("first")).await.unwrap().into_inner();
    assert_eq!(claimed.approval.unwrap().arguments, Some(payment(11_800.0)));
    let report = ReportExecutionRequest {
        approval_id: asked.id.clone(),
        request_id: "report".to_owned(),
        claim_id: claimed.claim_id,
        result: ExecutionResult::Succeeded.into(),
        ..ReportExecutionRequest::default()
    };
    agent.report_execution(report).await.unwrap();
    let again = agent.claim_execution(claim("second")).await.unwrap_err();
    assert!(again.message().contains("claimed"), "{again}");

    let get = GetApprovalRequest { approval_id: asked.id.clone(), include_events: true };
    let events = agent.get_approval(get).await.unwrap().into_inner().events;
    let row = |(number, name): (u64, &str)| format!("| {number} | {name} |");
    let happened: Vec<String> =
        events.iter().map(|event| row((event.revision, name(event.kind.as_ref().unwrap())))).collect();
    // Up to the second column.
    let rows =
        page.lines().filter(|line| line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_digit()));
    let told: Vec<&str> = rows.map(|row| &row[..=row.match_indices('|').nth(2).unwrap().0]).collect();
    assert_eq!(happened, told);
}
