//! Repeated requests: a caller that runs again, with other descriptions, finds its approval.

use serde_json::json;
use signoff::proto::v1::{
    ActorKind, Agent, Approval, ApprovalStatus, CreateTokenRequest, DecideRequest, Permission, Person,
    RequestApprovalRequest, Role, VoteChoice,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    calls::{arguments, ask, decide, open},
    checks::{get, object, refused},
    server::{Client, Server},
};

fn first() -> RequestApprovalRequest {
    RequestApprovalRequest {
        reason: "Invoice 7".into(),
        labels: [("env".to_owned(), "prod".to_owned())].into(),
        timeout: Some(prost_types::Duration { seconds: 120, nanos: 0 }),
        arguments_schema: Some(object(&json!({"required": ["to"]}))),
        ..ask("r")
    }
}

/// The same call with other descriptions.
fn reworded() -> Vec<RequestApprovalRequest> {
    vec![
        RequestApprovalRequest { reason: "As asked, once more".into(), ..first() },
        RequestApprovalRequest { labels: Default::default(), ..first() },
        RequestApprovalRequest { timeout: None, ..first() },
        RequestApprovalRequest { arguments_schema: None, ..first() },
        RequestApprovalRequest { arguments_schema: Some(object(&json!({"maxProperties": 1}))), ..first() },
        RequestApprovalRequest { agent: Some(Agent { name: "renamed".into(), ..Default::default() }), ..first() },
        RequestApprovalRequest { agent: None, ..first() },
        RequestApprovalRequest { cancel_on_disconnect: true, ..first() },
    ]
}

/// Repeats the request, and drops the stream.
async fn again(client: &mut Client, request: RequestApprovalRequest) -> Approval {
    open(client, request).await.unwrap().1
}

#[tokio::test]
async fn a_repetition_with_other_descriptions_finds_the_first_request() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    let (_stream, asked) = open(&mut server.agent(), first()).await.unwrap();
    for restarted in [false, true] {
        if restarted {
            server.kill().await;
            server = Server::start(data.path(), &[]).await;
        }
        for request in reworded() {
            assert_eq!(again(&mut server.agent(), request).await, asked);
        }
    }
    // An edit must satisfy the first request's schema.
    let mut reviewer = server.reviewer();
    let edit =
        |json| DecideRequest { edited_arguments: Some(object(&json)), ..decide(&asked, "", VoteChoice::Approve) };
    let status = reviewer.decide(edit(json!({"cc": "eve"}))).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    // The requested arguments are compared, not the edited ones.
    reviewer.decide(edit(json!({"to": "bob", "cc": "eve"}))).await.unwrap();
    let (edited, _) = get(&mut server.agent(), &asked.id).await;
    assert_eq!(edited.status(), ApprovalStatus::Approved);
    for request in reworded() {
        assert_eq!(again(&mut server.agent(), request).await, edited);
    }
    let as_edited = RequestApprovalRequest { arguments: edited.arguments.clone(), ..first() };
    let status = open(&mut server.agent(), as_edited).await.err().unwrap();
    let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!((&metadata["approval_id"], metadata["field"].as_str()), (&asked.id, "arguments"));
    assert!(status.message().contains("use a new request_id"), "{status:?}");
}

/// The same call, in a form that would be invalid as a new request.
fn unfit() -> Vec<(RequestApprovalRequest, &'static str)> {
    let schema = |schema| RequestApprovalRequest { arguments_schema: Some(object(&schema)), ..first() };
    let timeout = |seconds| {
        let timeout = Some(prost_types::Duration { seconds, nanos: 0 });
        RequestApprovalRequest { timeout, ..first() }
    };
    let label = [("no blanks".to_owned(), String::new())];
    vec![
        (schema(json!({"required": ["subject"]})), "arguments"),
        (schema(json!({"type": 7})), "arguments_schema"),
        (timeout(0), "timeout"),
        (timeout(1 << 30), "timeout"),
        (RequestApprovalRequest { reason: "x".repeat(5_000), ..first() }, "reason"),
        (RequestApprovalRequest { labels: label.into(), ..first() }, "labels[\"no blanks\"]"),
    ]
}

#[tokio::test]
async fn a_repetition_that_is_invalid_as_a_new_request_finds_the_first_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    let fields = |status: &tonic::Status| {
        refused(status, Code::InvalidArgument, "INVALID_REQUEST");
        status.get_details_bad_request().unwrap().field_violations[0].field.clone()
    };
    for (request, field) in unfit() {
        assert_eq!(fields(&open(&mut agent, request).await.err().unwrap()), field, "nothing to repeat");
    }
    let (_stream, asked) = open(&mut agent, first()).await.unwrap();
    for (request, _) in unfit() {
        assert_eq!(again(&mut agent, request.clone()).await, asked);
        let seen = RequestApprovalRequest { after_revision: 1, ..request.clone() };
        assert_eq!(again(&mut agent, seen).await, asked);
        let beyond = RequestApprovalRequest { after_revision: 2, ..request };
        let status = open(&mut agent, beyond).await.err().unwrap();
        refused(&status, Code::OutOfRange, "REVISION_OUT_OF_RANGE");
    }
    // Another call, or another caller's call, is checked as a new request.
    for (request, field) in unfit() {
        let other = RequestApprovalRequest { arguments: Some(arguments(&[("to", "eve")])), ..request.clone() };
        assert_eq!(fields(&open(&mut agent, other).await.err().unwrap()), field);
        let keyless = RequestApprovalRequest { request_id: String::new(), ..request };
        assert_eq!(fields(&open(&mut agent, keyless).await.err().unwrap()), field);
    }
    // The first request's schema still applies to edits.
    let edit = Some(object(&json!({"cc": "eve"})));
    let deciding = DecideRequest { edited_arguments: edit, ..decide(&asked, "", VoteChoice::Approve) };
    let status = server.reviewer().decide(deciding).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    server.reviewer().decide(decide(&asked, "", VoteChoice::Approve)).await.unwrap();
    for (request, _) in unfit() {
        assert_eq!(again(&mut agent, request).await.status(), ApprovalStatus::Approved);
    }
}

#[tokio::test]
async fn on_behalf_of_must_match_whether_it_is_sent_or_from_the_token() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let person = |subject: &str| Some(Person { subject: subject.into(), ..Default::default() });
    let token = CreateTokenRequest {
        subject: "mailer".into(),
        kind: ActorKind::Agent.into(),
        roles: vec![Role::Agent.into()],
        ..Default::default()
    };
    let mut client =
        async |token: CreateTokenRequest| server.client(&access.create_token(token).await.unwrap().into_inner().secret);
    // Three tokens of one caller.
    let mut bound = client(CreateTokenRequest { on_behalf_of: person("alice"), ..token.clone() }).await;
    let asserts = vec![Permission::AskForOthers.into()];
    let mut asserting = client(CreateTokenRequest { permissions: asserts, ..token.clone() }).await;
    let mut plain = client(token).await;
    let naming = |subject| RequestApprovalRequest { on_behalf_of: person(subject), ..ask("r") };

    let (_stream, asked) = open(&mut bound, ask("r")).await.unwrap();
    assert_eq!(asked.on_behalf_of.as_ref().unwrap().subject, "alice");
    assert_eq!(again(&mut bound, naming("alice")).await, asked);
    assert_eq!(again(&mut asserting, naming("alice")).await, asked);
    let mut refusals = vec![open(&mut plain, ask("r")).await.err().unwrap()];
    refusals.push(open(&mut asserting, ask("r")).await.err().unwrap());
    refusals.push(open(&mut asserting, naming("bob")).await.err().unwrap());
    for status in refusals {
        let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!((&metadata["approval_id"], metadata["field"].as_str()), (&asked.id, "on_behalf_of"));
    }
    // If several fields differ, the error names the tool.
    let other = RequestApprovalRequest { tool_name: "x".into(), arguments: Some(arguments(&[])), ..ask("r") };
    let status = open(&mut plain, other).await.err().unwrap();
    assert_eq!(refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED")["field"], "tool_name");
}
