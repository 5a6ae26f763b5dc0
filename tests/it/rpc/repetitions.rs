//! Requests that come again: a caller that runs again, in other words, finds its approval.

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

/// The same call in other words.
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

/// Asks again, and lets the stream go.
async fn again(client: &mut Client, request: RequestApprovalRequest) -> Approval {
    open(client, request).await.unwrap().1
}

#[tokio::test]
async fn a_repetition_in_other_words_finds_the_first_request() {
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
    // The first request's schema is the one that an edit must satisfy.
    let mut reviewer = server.reviewer();
    let edit = |json| DecideRequest { edited_arguments: Some(object(&json)), ..decide(&asked, "", VoteChoice::Approve) };
    let status = reviewer.decide(edit(json!({"cc": "eve"}))).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    // What was asked is compared, not what may be run after an edit.
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

/// What a call says must be in order by itself, even where it does not count.
#[tokio::test]
async fn a_repetition_is_checked_as_every_call_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    let (_stream, asked) = open(&mut agent, first()).await.unwrap();
    let stricter = Some(object(&json!({"required": ["subject"]})));
    let too_long = Some(prost_types::Duration { seconds: 1 << 30, nanos: 0 });
    for (wrong, field) in [
        (RequestApprovalRequest { arguments_schema: stricter, ..first() }, "arguments"),
        (RequestApprovalRequest { timeout: too_long, ..first() }, "timeout"),
    ] {
        let status = open(&mut agent, wrong).await.err().unwrap();
        refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
    assert_eq!(again(&mut agent, first()).await, asked);
}

#[tokio::test]
async fn whoever_it_is_for_stays_the_same_whether_said_or_known_from_the_token() {
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
    let mut client = async |token: CreateTokenRequest| {
        server.client(&access.create_token(token).await.unwrap().into_inner().secret)
    };
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
    // The tool is named first, where more than one thing differs.
    let other = RequestApprovalRequest { tool_name: "x".into(), arguments: Some(arguments(&[])), ..ask("r") };
    let status = open(&mut plain, other).await.err().unwrap();
    assert_eq!(refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED")["field"], "tool_name");
}
