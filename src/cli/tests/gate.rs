//! Tests of the Rust client's gate that need a faulty server: scenarios 14 and 17 of docs/clients.md, and temporary
//! failures.

#![expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's; a test must not hang")]

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use signoff_client::{Call, Client, GateError, Kind, Options, digest};
use tokio::{sync::Notify, task::JoinHandle};

use super::{
    fake::{Server, Step::*, agent},
    *,
};
use crate::proto::v1::{
    ApprovalUpdate, Claim, ClaimExecutionResponse, Decision, ExecutionResult, Progress, ReportExecutionResponse,
};

type Expected = fn(&Kind) -> bool;
type Outcome = Result<Map<String, Value>, GateError<Infallible>>;

fn call() -> Call {
    Call::new("send_email").arguments(&json!({"to": "x"})).patience(Duration::from_secs(5))
}

fn client(server: &Server) -> Client {
    Client::new(&Options::new().address(&server.address)).unwrap()
}

fn start(server: &Server, call: Call) -> JoinHandle<Outcome> {
    let client = client(server);
    tokio::spawn(async move { client.run(call, |run| async move { Ok(run.arguments) }).await })
}

async fn gate(server: &Server, call: Call) -> Outcome {
    start(server, call).await.unwrap()
}

async fn refused(server: &Server) -> Kind {
    match gate(server, call()).await {
        Err(GateError::Refused(refusal)) => refusal.kind,
        other => panic!("it ran: {other:?}"),
    }
}

/// A decided approval, with these arguments and their digest.
fn approval(status: i32, arguments: &Value) -> Approval {
    let arguments = super::arguments::object("", &arguments.to_string()).unwrap();
    let digest = digest("send_email", &arguments);
    let (id, tool_name) = ("a1".to_owned(), "send_email".to_owned());
    let decision =
        (2..=7).contains(&status).then(|| Decision { status, digest: digest.clone(), ..Decision::default() });
    let (caller, arguments) = (Some(agent()), Some(arguments));
    Approval { id, tool_name, caller, revision: 2, status, digest, arguments, decision, ..Approval::default() }
}

fn says(approval: Approval) -> RequestApprovalResponse {
    let update = ApprovalUpdate { approval: Some(approval), events: Vec::new() };
    RequestApprovalResponse { message: Some(Message::Update(update)) }
}

fn approved() -> Approval {
    approval(ApprovalStatus::Approved.into(), &json!({"to": "x"}))
}

fn claim(mut approval: Approval) -> ClaimExecutionResponse {
    let claim_id = "c1".to_owned();
    approval.claim = Some(Claim { id: claim_id.clone(), claimed_by: Some(agent()), ..Claim::default() });
    ClaimExecutionResponse { approval: Some(approval), claim_id }
}

fn later() -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(Duration::ZERO));
    details.set_error_info("RATE_LIMITED", "signoff.v1", HashMap::<String, String>::new());
    Status::with_error_details(Code::ResourceExhausted, "later", details)
}

fn list(name: &str) -> Vec<Value> {
    let statuses: Value = serde_json::from_str(include_str!("../../../tests/conformance/statuses.json")).unwrap();
    let list = statuses[name].as_array().unwrap().clone();
    assert!(list.len() > 4);
    list
}

/// Waits until a condition holds; fails the test after a minute.
async fn until(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it happens");
}

// 14, over the conformance list.
#[tokio::test]
async fn only_the_approved_statuses_are_claimed() {
    for unknown in list("unknown") {
        let server = Server::start().await;
        let status = i32::try_from(unknown.as_i64().unwrap()).unwrap();
        server.fake.request.answers(vec![Send(says(approval(status, &json!({"to": "x"}))))]);
        assert!(matches!(refused(&server).await, Kind::UnknownStatus { .. }), "{status}");
        assert!(server.fake.claim.asked().is_empty());
    }
    // The claim itself checks the status too.
    for status in [0, 1, 8, 99, -1] {
        let server = Server::start().await;
        let refused = client(&server).claim(&call(), approval(status, &json!({"to": "x"}))).await.unwrap_err();
        assert!(matches!(refused.kind, Kind::UnknownStatus { .. }) && server.fake.claim.asked().is_empty(), "{status}");
    }
    for known in list("statuses").iter().filter(|known| known["terminal"] == json!(true)) {
        let server = Server::start().await;
        let status = i32::try_from(known["number"].as_i64().unwrap()).unwrap();
        let decided = approval(status, &json!({"to": "x"}));
        server.fake.request.answers(vec![Send(says(decided.clone()))]);
        server.fake.claim.answers(Ok(claim(decided)));
        server.fake.report.answers(Ok(ReportExecutionResponse::default()));
        assert_eq!(gate(&server, call()).await.is_ok(), known["approved"] == json!(true), "{known}");
        assert_eq!(!server.fake.claim.asked().is_empty(), known["approved"] == json!(true), "{known}");
    }
}

/// An approved status can follow an unknown one.
#[tokio::test]
async fn what_comes_after_an_unknown_status_counts() {
    let server = Server::start().await;
    let strange = Approval { revision: 1, ..approval(99, &json!({"to": "x"})) };
    server.fake.request.answers(vec![Send(says(strange)), Send(says(approved()))]);
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Ok(ReportExecutionResponse::default()));
    assert!(gate(&server, call()).await.is_ok());
}

// 17.
#[tokio::test]
async fn another_digest_is_not_run() {
    let forged = |mut approval: Approval| {
        approval.arguments = super::arguments::object("", r#"{"to":"mallory"}"#).ok();
        approval
    };
    // In the approval: never claimed.
    let server = Server::start().await;
    let edited = approval(ApprovalStatus::Approved.into(), &json!({"to": "y"}));
    server.fake.request.answers(vec![Send(says(forged(edited)))]);
    assert!(matches!(refused(&server).await, Kind::DigestMismatch));
    assert!(server.fake.claim.asked().is_empty());

    // In the answer of the claim: reported.
    let other = Approval { revision: 3, ..approval(ApprovalStatus::Approved.into(), &json!({"to": "z"})) };
    for answer in [forged(approved()), other] {
        let server = Server::start().await;
        server.fake.request.answers(vec![Send(says(approved()))]);
        server.fake.claim.answers(Ok(claim(answer)));
        server.fake.report.answers(Ok(ReportExecutionResponse::default()));
        assert!(matches!(refused(&server).await, Kind::DigestMismatch));
        assert_eq!(server.fake.report.asked()[0].result(), ExecutionResult::Failed);
    }
}

#[tokio::test]
async fn passing_failures_of_claim_and_report_are_tried_again_with_the_same_ids() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(says(approved()))]);
    server.fake.claim.answers(Err(later()));
    server.fake.claim.answers(Err(Status::internal("h2 protocol error")));
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Err(later()));
    server.fake.report.answers(Ok(ReportExecutionResponse::default()));
    assert_eq!(Value::from(gate(&server, call()).await.unwrap()), json!({"to": "x"}));
    let (claims, reports) = (server.fake.claim.asked(), server.fake.report.asked());
    assert_eq!((claims.len(), reports.len()), (3, 2));
    assert!(!claims[0].request_id.is_empty() && claims.iter().all(|again| *again == claims[0]));
    assert_eq!(claims[0].digest, approved().digest);
    assert_eq!(reports[0], reports[1]);
    assert_eq!((reports[0].claim_id.as_str(), reports[0].result()), ("c1", ExecutionResult::Succeeded));
}

#[tokio::test]
async fn refusals_of_the_claim() {
    let kinds: [(Status, Expected); 5] = [
        (refusal(Code::FailedPrecondition, "ALREADY_CLAIMED", &[]), |kind| matches!(kind, Kind::AlreadyClaimed { .. })),
        (refusal(Code::FailedPrecondition, "CLAIM_WINDOW_CLOSED", &[]), |kind| matches!(kind, Kind::ClaimWindowClosed)),
        (refusal(Code::FailedPrecondition, "DIGEST_MISMATCH", &[]), |kind| matches!(kind, Kind::DigestMismatch)),
        (refusal(Code::FailedPrecondition, "NOT_APPROVED", &[]), |kind| matches!(kind, Kind::RequestFailed(_))),
        (Status::permission_denied("no"), |kind| matches!(kind, Kind::RequestFailed(_))),
    ];
    for (status, expected) in kinds {
        let server = Server::start().await;
        server.fake.request.answers(vec![Send(says(approved()))]);
        server.fake.claim.answers(Err(status));
        let kind = refused(&server).await;
        assert!(expected(&kind), "{kind:?}");
        assert!(server.fake.report.asked().is_empty());
    }
}

/// A failed report does not change the result.
#[tokio::test]
async fn a_report_that_fails_changes_nothing() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(says(approved()))]);
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Err(refusal(Code::FailedPrecondition, "NOT_CLAIMED", &[])));
    assert!(gate(&server, call()).await.is_ok());
}

/// Dropped during the claim: the granted claim is reported, and nothing runs.
#[tokio::test]
async fn a_claim_that_is_granted_after_the_caller_left_is_reported() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(says(approved()))]);
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Ok(ReportExecutionResponse::default()));
    let hold = Arc::new(Notify::new());
    *server.fake.hold_claims.lock().unwrap() = Some(Arc::clone(&hold));
    let running = start(&server, call());
    until(|| !server.fake.claim.asked().is_empty()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    hold.notify_one();
    until(|| !server.fake.report.asked().is_empty()).await;
    let report = server.fake.report.asked().remove(0);
    assert_eq!(
        (report.result(), report.message.as_str()),
        (ExecutionResult::Failed, "not run: the caller stopped waiting")
    );
}

/// The same, if the answer has arrived but was not read.
#[tokio::test]
async fn a_claim_that_arrives_as_the_caller_leaves_is_reported() {
    let server = Server::start().await;
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Ok(ReportExecutionResponse::default()));
    let (client, call, reached) = (client(&server), call(), Arc::new(Notify::new()));
    *server.fake.hold_claims.lock().unwrap() = Some(Arc::clone(&reached));
    let mut claiming = Box::pin(client.claim(&call, approved()));
    assert!(futures_util::poll!(&mut claiming).is_pending());
    reached.notify_one();
    // The server answers while nothing polls the claim. Then the caller leaves.
    until(|| !server.fake.claim.asked().is_empty()).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    drop(claiming);
    until(|| !server.fake.report.asked().is_empty()).await;
    assert_eq!(server.fake.report.asked()[0].result(), ExecutionResult::Failed);
}

/// A step that is dropped and restarted neither repeats the request nor extends the patience.
#[tokio::test]
async fn steps_in_slices_end_when_the_patience_does() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Hang(Arc::default())]);
    server.fake.request.answers(vec![Hang(Arc::default())]);
    let client = client(&server);
    let mut wait = client.ask(&call().patience(Duration::from_millis(300))).unwrap();
    let refusal = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match tokio::time::timeout(Duration::from_millis(20), wait.next()).await {
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(refusal)) => return refusal,
            }
        }
    });
    assert!(matches!(refusal.await.expect("it ends").kind, Kind::Unavailable { .. }));
    assert_eq!(server.fake.request.asked().len(), 2, "one try, and one after the patience");
}

#[tokio::test]
async fn maximum_durations_and_a_panicking_listener_do_no_harm() {
    let server = Server::start().await;
    let progress = RequestApprovalResponse { message: Some(Message::Progress(Progress::default())) };
    server.fake.request.answers(vec![Send(progress), Send(says(approved()))]);
    server.fake.claim.answers(Ok(claim(approved())));
    server.fake.report.answers(Ok(ReportExecutionResponse::default()));
    let options = Options::new().address(&server.address).deadline(Duration::MAX);
    let client = Client::new(&options).unwrap();
    let call = call().patience(Duration::MAX).on_progress(|_| panic!("on purpose"));
    client.run(call, |_| async { Ok::<_, Infallible>(()) }).await.unwrap();
}

/// Dropped before the server has answered: the client repeats the request only to cancel it.
#[tokio::test]
async fn a_request_without_an_answer_is_cancelled_too() {
    let server = Server::start().await;
    let reached = Arc::new(Notify::new());
    server.fake.request.answers(vec![Hang(Arc::clone(&reached))]);
    server.fake.request.answers(vec![Send(says(approval(1, &json!({"to": "x"})))), Hang(Arc::default())]);
    server.fake.cancel.answers(Ok(crate::proto::v1::CancelApprovalResponse::default()));
    let running = start(&server, call().request_id("r1").cancel_on_abandon(true));
    reached.notified().await;
    running.abort();
    until(|| !server.fake.cancel.asked().is_empty()).await;
    assert_eq!(server.fake.cancel.asked()[0].approval_id, "a1");
    let asked = server.fake.request.asked();
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.request_id == "r1"));
}

#[tokio::test]
async fn progress_is_told() {
    let server = Server::start().await;
    let progress = Progress { message: "4 min left".to_owned(), ..Progress::default() };
    let progress = RequestApprovalResponse { message: Some(Message::Progress(progress)) };
    server.fake.request.answers(vec![Send(progress), Send(says(approval(3, &json!({"to": "x"}))))]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let call = call().on_progress(move |progress| listener.lock().unwrap().push(progress.message.clone()));
    assert!(gate(&server, call).await.is_err());
    assert_eq!(*told.lock().unwrap(), ["4 min left"]);
}
