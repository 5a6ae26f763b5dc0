//! Invalid requests: one error lists all violations.

use serde_json::json;
use signoff::proto::v1::{
    Agent, CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, GetApprovalRequest, ListApprovalsRequest,
    ListPendingRequest, ReportExecutionRequest, RequestApprovalRequest, VoteChoice, WaitApprovalRequest,
    WatchApprovalRequest, WatchPendingRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    calls::{ask, decide, open},
    checks::{object, refused},
    server::Server,
};

/// The fields in an error, sorted.
#[track_caller]
fn fields<T>(outcome: Result<T, Status>) -> Vec<String> {
    let Err(status) = outcome else { panic!("the call succeeded") };
    refused(&status, Code::InvalidArgument, "INVALID_REQUEST");
    let violations = status.get_details_bad_request().expect("a BadRequest").field_violations;
    assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    let mut fields: Vec<_> = violations.into_iter().map(|violation| violation.field).collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn all_violations_of_a_request_are_reported_together() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let everything = RequestApprovalRequest {
        request_id: "x".repeat(129),
        tool_name: "drop table".into(),
        arguments: Some(object(&json!({"text": "x".repeat(50_000)}))),
        agent: Some(Agent { name: "a\u{200b}b".into(), run_id: "r".repeat(129), chain: vec!["c".into(); 17] }),
        reason: "r".repeat(4_097),
        timeout: Some(prost_types::Duration { seconds: 0, nanos: 999_999_999 }),
        labels: [("no spaces".to_owned(), "v".repeat(257))].into(),
        arguments_schema: Some(object(&json!({"type": "nonsense"}))),
        ..Default::default()
    };
    let found = fields(server.agent().request_approval(everything).await);
    let expected = [
        "agent.chain",
        "agent.name",
        "agent.run_id",
        "arguments",
        "arguments_schema",
        "reason",
        "request_id",
        "timeout",
        "tool_name",
    ];
    for field in expected {
        assert_eq!(found.iter().filter(|found| *found == field).count(), 1, "{field} in {found:?}");
    }
    assert_eq!(found.iter().filter(|found| found.starts_with("labels")).count(), 2, "{found:?}");
    assert_eq!(found.len(), expected.len() + 2, "{found:?}");
}

/// A request at each limit is accepted, and one beyond it rejected.
#[tokio::test]
async fn limits_are_as_documented() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut agent = server.agent();
    let text = |bytes: usize| object(&json!({"t": "x".repeat(bytes - r#"{"t":""}"#.len())}));
    let nested = |levels: usize| {
        let innermost = json!({});
        object(&(1..levels).fold(innermost, |inner, _| json!({"a": inner})))
    };
    let labels = |count: usize| (0..count).map(|n| (format!("k{n}"), String::new())).collect();
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let base = || ask("");
    type Case = (&'static str, RequestApprovalRequest, RequestApprovalRequest);
    let cases: Vec<Case> = vec![
        (
            "arguments",
            RequestApprovalRequest { arguments: Some(text(49_152)), ..base() },
            RequestApprovalRequest { arguments: Some(text(49_153)), ..base() },
        ),
        (
            "arguments",
            RequestApprovalRequest { arguments: Some(nested(32)), ..base() },
            RequestApprovalRequest { arguments: Some(nested(33)), ..base() },
        ),
        (
            "tool_name",
            RequestApprovalRequest { tool_name: "t".repeat(128), ..base() },
            RequestApprovalRequest { tool_name: "t".repeat(129), ..base() },
        ),
        (
            "tool_name",
            RequestApprovalRequest { tool_name: "aZ0_.:/-".into(), ..base() },
            RequestApprovalRequest { tool_name: String::new(), ..base() },
        ),
        (
            "request_id",
            RequestApprovalRequest { request_id: "r".repeat(128), ..base() },
            RequestApprovalRequest { request_id: "r".repeat(129), ..base() },
        ),
        (
            "reason",
            RequestApprovalRequest { reason: "r".repeat(4_096), ..base() },
            RequestApprovalRequest { reason: "r".repeat(4_097), ..base() },
        ),
        (
            "labels",
            RequestApprovalRequest { labels: labels(32), ..base() },
            RequestApprovalRequest { labels: labels(33), ..base() },
        ),
        (
            "labels",
            RequestApprovalRequest { labels: [("k".repeat(63), "v".repeat(256))].into(), ..base() },
            RequestApprovalRequest { labels: [("k".repeat(64), String::new())].into(), ..base() },
        ),
        (
            "timeout",
            RequestApprovalRequest { timeout: seconds(1), ..base() },
            RequestApprovalRequest { timeout: seconds(0), ..base() },
        ),
        (
            "timeout",
            RequestApprovalRequest { timeout: seconds(604_800), ..base() },
            RequestApprovalRequest { timeout: seconds(604_801), ..base() },
        ),
        (
            "agent.chain",
            RequestApprovalRequest {
                agent: Some(Agent { chain: vec!["c".into(); 16], ..Default::default() }),
                ..base()
            },
            RequestApprovalRequest {
                agent: Some(Agent { chain: vec!["c".into(); 17], ..Default::default() }),
                ..base()
            },
        ),
        (
            "agent.name",
            RequestApprovalRequest { agent: Some(Agent { name: "n".repeat(128), ..Default::default() }), ..base() },
            RequestApprovalRequest { agent: Some(Agent { name: "n".repeat(129), ..Default::default() }), ..base() },
        ),
        (
            "arguments_schema",
            RequestApprovalRequest { arguments_schema: Some(text(16_384)), ..base() },
            RequestApprovalRequest { arguments_schema: Some(text(16_385)), ..base() },
        ),
    ];
    for (field, taken, beyond) in cases {
        open(&mut agent, taken).await.unwrap_or_else(|status| panic!("{field}: {status:?}"));
        let found = fields(agent.request_approval(beyond).await);
        assert!(found.len() == 1 && found[0].starts_with(field), "{field}: {found:?}");
    }
    for number in [f64::NAN, f64::INFINITY] {
        let mut arguments = object(&json!({"n": 0}));
        arguments.fields.get_mut("n").unwrap().kind = Some(prost_types::value::Kind::NumberValue(number));
        let request = RequestApprovalRequest { arguments: Some(arguments), ..base() };
        assert_eq!(fields(agent.request_approval(request).await), ["arguments.n"]);
    }
}

#[tokio::test]
async fn arguments_must_satisfy_their_schema() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let schema = json!({"type": "object", "required": ["to", "subject"], "properties": {"to": {"type": "string"}}});
    let request = |arguments| RequestApprovalRequest {
        arguments: Some(object(&arguments)),
        arguments_schema: Some(object(&schema)),
        ..ask("")
    };
    assert_eq!(fields(server.agent().request_approval(request(json!({"to": 1}))).await), ["arguments", "arguments"]);
    open(&mut server.agent(), request(json!({"to": "a", "subject": "b"}))).await.unwrap();
}

#[tokio::test]
async fn each_call_names_its_bad_fields() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (id, long) = ("not-a-uuid".to_owned(), "x".repeat(4_097));

    let get = GetApprovalRequest { approval_id: id.clone(), ..Default::default() };
    assert_eq!(fields(agent.get_approval(get).await), ["approval_id"]);
    let watch = WatchApprovalRequest { approval_id: id.clone(), after_revision: 0 };
    assert_eq!(fields(agent.watch_approval(watch).await), ["approval_id"]);
    let timeout = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let wait = WaitApprovalRequest { approval_id: id.clone(), timeout, ..Default::default() };
    assert_eq!(fields(agent.wait_approval(wait).await), ["approval_id", "timeout"]);
    let cancel = CancelApprovalRequest { approval_id: id.clone(), request_id: "r".repeat(129), reason: long.clone() };
    assert_eq!(fields(agent.cancel_approval(cancel).await), ["approval_id", "reason", "request_id"]);
    let claim = ClaimExecutionRequest { approval_id: id.clone(), digest: "sha256:0".into(), ..Default::default() };
    assert_eq!(fields(agent.claim_execution(claim).await), ["approval_id", "digest"]);
    let report = ReportExecutionRequest { approval_id: id.clone(), message: long.clone(), ..Default::default() };
    assert_eq!(fields(agent.report_execution(report).await), ["approval_id", "claim_id", "message", "result"]);
    let bare = DecideRequest { approval_id: id, comment: long, ..Default::default() };
    let found = fields(reviewer.decide(bare).await);
    assert_eq!(found, ["approval_id", "choice", "comment", "seen"]);

    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let call = decide(&approval, "d", VoteChoice::Reject);
    let call = DecideRequest { edited_arguments: Some(object(&json!({}))), ..call };
    assert_eq!(fields(reviewer.decide(call).await), ["edited_arguments"]);

    let (labels, page_token) = ([("no spaces".to_owned(), String::new())].into(), "nonsense".to_owned());
    let list = ListPendingRequest { page_size: 1_001, page_token, labels, ..Default::default() };
    let found = fields(reviewer.list_pending(list).await);
    assert!(found.len() == 3 && found[0].starts_with("labels"), "{found:?}");
    assert_eq!(found[1..], ["page_size", "page_token"]);
    let labels = [("no spaces".to_owned(), String::new())].into();
    let found = fields(reviewer.watch_pending(WatchPendingRequest { labels, ..Default::default() }).await);
    assert!(found.len() == 1 && found[0].starts_with("labels"), "{found:?}");
    let list = ListApprovalsRequest { page_size: -1, statuses: vec![2, 0, 99], ..Default::default() };
    assert_eq!(fields(reviewer.list_approvals(list).await), ["page_size", "statuses[1]", "statuses[2]"]);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_rejected() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.message_bytes=65536"]).await;
    let request = RequestApprovalRequest { reason: "r".repeat(70_000), ..ask("r") };
    let status = server.agent().request_approval(request).await.unwrap_err();
    refused(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}
