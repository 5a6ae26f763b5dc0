//! The stream contract, one promise at a time.

use std::time::Duration;

use signoff::proto::v1::{
    ApprovalStatus, Progress, RequestApprovalRequest, VoteChoice, WaitApprovalRequest, WatchApprovalRequest,
    request_approval_response::Message,
};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::{
    calls::{arguments, ask, decide, next_update, open, terminal},
    checks::{Told, refused},
    server::{Server, soon},
};

/// Errors that need the store come in the stream, after its headers, so that headers never wait.
#[tokio::test]
async fn headers_come_before_any_lookup() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let nowhere = WatchApprovalRequest { approval_id: uuid::Uuid::nil().to_string(), after_revision: 0 };
    let mut stream = agent.watch_approval(nowhere).await.expect("headers").into_inner();
    refused(&stream.message().await.unwrap_err(), Code::NotFound, "APPROVAL_NOT_FOUND");

    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let reused = RequestApprovalRequest { tool_name: "another".into(), ..ask("r") };
    let mut stream = agent.request_approval(reused).await.expect("headers").into_inner();
    let metadata = refused(&stream.message().await.unwrap_err(), Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!((&metadata["request_id"], &metadata["approval_id"]), (&"r".to_owned(), &approval.id));

    // Except for the wrong role: that check needs neither the store nor the message.
    let metadata =
        refused(&reviewer.request_approval(ask("r")).await.unwrap_err(), Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    assert_eq!((metadata["role"].as_str(), metadata["method"].as_str()), ("reviewer", "RequestApproval"));
}

#[tokio::test]
async fn the_first_message_is_the_state_and_the_last_one_is_terminal() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (mut stream, approval) = open(&mut agent, ask("r")).await.unwrap();
    assert_eq!((approval.status(), approval.revision), (ApprovalStatus::Pending, 1));
    let watch = |after_revision| WatchApprovalRequest { approval_id: approval.id.clone(), after_revision };
    let mut beside = reviewer.watch_approval(watch(1)).await.unwrap().into_inner();
    let first = next_update(&mut beside).await.unwrap().unwrap();
    assert_eq!((first.approval.as_ref(), first.events.len()), (Some(&approval), 0));

    reviewer.decide(decide(&approval, "d", VoteChoice::Reject)).await.unwrap();
    for last in [next_update(&mut stream).await, next_update(&mut beside).await] {
        let last = last.unwrap().unwrap();
        assert_eq!((last.approval.unwrap().status(), last.events.len()), (ApprovalStatus::Rejected, 1));
    }
    assert!(next_update(&mut stream).await.unwrap().is_none());
    assert!(next_update(&mut beside).await.unwrap().is_none());

    for after in 0..=2 {
        let mut told = Told { events: vec![Default::default(); after as usize], approval: None };
        let mut stream = reviewer.watch_approval(watch(after)).await.unwrap().into_inner();
        told.read(&mut stream).await.unwrap();
        assert_eq!(told.revision(), 2);
    }
    let mut stream = reviewer.watch_approval(watch(3)).await.unwrap().into_inner();
    let metadata = refused(&stream.message().await.unwrap_err(), Code::OutOfRange, "REVISION_OUT_OF_RANGE");
    assert_eq!((&metadata["approval_id"], metadata["revision"].as_str()), (&approval.id, "2"));
    let request = RequestApprovalRequest { after_revision: 3, ..ask("r") };
    let mut stream = agent.request_approval(request).await.unwrap().into_inner();
    refused(&stream.message().await.unwrap_err(), Code::OutOfRange, "REVISION_OUT_OF_RANGE");
}

#[tokio::test]
async fn progress_reports_the_current_state() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["heartbeat=100ms"]).await;
    let mut stream = server.agent().request_approval(ask("r")).await.unwrap().into_inner();
    assert!(matches!(stream.message().await.unwrap().unwrap().message, Some(Message::Update(_))));
    let mut last = Duration::ZERO;
    for _ in 0..5 {
        let message = soon("a heartbeat", stream.message()).await.unwrap().unwrap().message;
        let Some(Message::Progress(progress)) = message else { panic!("{message:?}") };
        let Progress { revision, elapsed, remaining, approvals, quorum, reviewers, message } = progress;
        let [elapsed, remaining]: [Duration; 2] = [elapsed, remaining].map(|span| span.unwrap().try_into().unwrap());
        assert_eq!((revision, approvals, quorum, reviewers.len()), (1, 0, 1, 0));
        assert_eq!(elapsed + remaining, Duration::from_secs(300));
        assert!(elapsed > last, "{elapsed:?} after {last:?}");
        assert!(message.starts_with("Waiting for approval") && message.ends_with(" left"), "{message}");
        last = elapsed;
    }
}

#[tokio::test]
async fn old_streams_end_with_a_resume_point() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["max_stream_age=1s", "heartbeat=300ms"]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let mut queue =
        reviewer.watch_pending(signoff::proto::v1::WatchPendingRequest::default()).await.unwrap().into_inner();
    let (mut stream, approval) = open(&mut agent, ask("r")).await.unwrap();
    let aged = next_update(&mut stream).await.unwrap_err();
    refused(&aged, Code::Unavailable, "STREAM_AGED");
    assert!(aged.get_details_retry_info().and_then(|retry| retry.retry_delay).is_some());
    let aged = loop {
        match soon("the queue ends too", queue.message()).await {
            Ok(message) => assert!(message.is_some()),
            Err(status) => break status,
        }
    };
    refused(&aged, Code::Unavailable, "STREAM_AGED");

    let request = RequestApprovalRequest { after_revision: 1, ..ask("r") };
    let mut stream = agent.request_approval(request).await.unwrap().into_inner();
    reviewer.decide(decide(&approval, "d", VoteChoice::Approve)).await.unwrap();
    let mut told = Told { events: vec![Default::default()], approval: None };
    told.read(&mut stream).await.unwrap();
    assert_eq!(told.approval.unwrap().status(), ApprovalStatus::Approved);
}

#[tokio::test]
async fn draining_ends_streams_with_a_resume_point() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]).await;
    let (mut stream, _) = open(&mut server.agent(), ask("r")).await.unwrap();
    let clinging = RequestApprovalRequest { cancel_on_disconnect: true, ..ask("clinging") };
    let (mut second, _) = open(&mut server.agent(), clinging.clone()).await.unwrap();
    server.terminate();
    for stream in [&mut stream, &mut second] {
        let drained = next_update(stream).await.unwrap_err();
        refused(&drained, Code::Unavailable, "DRAINING");
        assert!(drained.get_details_retry_info().and_then(|retry| retry.retry_delay).is_some());
    }
    assert!(server.ended().await.success());

    // The drain cancelled nothing.
    let server = Server::start(data.path(), &[]).await;
    for request in [ask("r"), clinging] {
        let (_, approval) = open(&mut server.agent(), request).await.unwrap();
        assert_eq!((approval.status(), approval.revision), (ApprovalStatus::Pending, 1));
    }
}

#[tokio::test]
async fn a_dropped_stream_cancels_only_with_the_option() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut reviewer = server.reviewer();
    let clinging = RequestApprovalRequest { cancel_on_disconnect: true, ..ask("clinging") };
    let (stream, approval) = open(&mut server.agent(), clinging).await.unwrap();
    let (plain, kept) = open(&mut server.agent(), ask("plain")).await.unwrap();
    let watch = WatchApprovalRequest { approval_id: approval.id, after_revision: 0 };
    let mut watching = reviewer.watch_approval(watch).await.unwrap().into_inner();
    drop((plain, stream)); // their connections too
    let mut told = Told::default();
    told.read(&mut watching).await.unwrap();
    let decision = told.approval.unwrap().decision.unwrap();
    assert_eq!(decision.status(), ApprovalStatus::Cancelled);
    assert_eq!(decision.decided_by.unwrap().subject, "agent");
    assert!(!terminal(&crate::checks::get(&mut reviewer, &kept.id).await.0));
}

#[tokio::test]
async fn waits_return_on_the_decision_or_just_before_the_callers_deadline() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let wait = WaitApprovalRequest { approval_id: approval.id.clone(), ..Default::default() };

    let mut hurried = Request::new(wait.clone());
    hurried.set_timeout(Duration::from_secs(1));
    let answer = agent.wait_approval(hurried).await.expect("an answer before the deadline").into_inner();
    assert_eq!(answer.approval, Some(approval.clone()));

    let timeout = Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 });
    let answer = agent.wait_approval(WaitApprovalRequest { timeout, ..wait.clone() }).await.unwrap().into_inner();
    assert_eq!(answer.approval.unwrap().status(), ApprovalStatus::Pending);

    let waiting = tokio::spawn({
        let mut agent = agent.clone();
        async move { agent.wait_approval(wait).await.unwrap().into_inner().approval.unwrap() }
    });
    let edited_arguments = Some(arguments(&[("to", "bob@company.com")]));
    let call = decide(&approval, "d", VoteChoice::Approve);
    let call = signoff::proto::v1::DecideRequest { edited_arguments, ..call };
    let decided = reviewer.decide(call).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(soon("the wait ends", waiting).await.unwrap(), decided);

    let beyond = WaitApprovalRequest { approval_id: approval.id, after_revision: 4, timeout: None };
    let status = agent.wait_approval(beyond).await.unwrap_err();
    refused(&status, Code::OutOfRange, "REVISION_OUT_OF_RANGE");
}
