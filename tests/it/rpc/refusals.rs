//! Errors of calls: code, reason and metadata.

use signoff::proto::v1::{
    CancelApprovalRequest, ClaimExecutionRequest, DecideRequest, GetApprovalRequest, ListApprovalsRequest,
    ListPendingRequest, ReportExecutionRequest, RequestApprovalRequest, VoteChoice, WaitApprovalRequest,
    WatchApprovalRequest, WatchPendingRequest, approval_service_client::ApprovalServiceClient, decide_request::Seen,
};
use tonic::{Code, Status};

use crate::{
    calls::{arguments, ask, decide, open},
    checks::refused,
    server::{Client, Server, soon},
};

/// The error of a call, or of its stream's first message.
macro_rules! error {
    ($call:expr) => {
        match soon("an answer", $call).await {
            Ok(answer) => answer.into_inner().message().await.expect_err("the stream fails"),
            Err(status) => status,
        }
    };
}

#[tokio::test]
async fn callers_without_a_known_token() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let get = || GetApprovalRequest { approval_id: uuid::Uuid::nil().to_string(), ..Default::default() };
    let nobody = ApprovalServiceClient::new(server.channel()).get_approval(get()).await;
    for status in
        [nobody, server.client("guessed").get_approval(get()).await, server.client("").get_approval(get()).await]
    {
        assert!(refused(&status.unwrap_err(), Code::Unauthenticated, "UNAUTHENTICATED").is_empty());
    }
    let status = error!(server.client("guessed").request_approval(ask("r")));
    refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn roles_that_may_not_call() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer, mut operator) = (server.agent(), server.reviewer(), server.operator());
    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let approval_id = || approval.id.clone();
    let cancel = || CancelApprovalRequest { approval_id: approval_id(), ..Default::default() };
    let claim = || ClaimExecutionRequest {
        approval_id: approval_id(),
        digest: approval.digest.clone(),
        request_id: String::new(),
    };
    let report = || ReportExecutionRequest {
        approval_id: approval_id(),
        claim_id: uuid::Uuid::nil().to_string(),
        result: 1,
        ..Default::default()
    };
    let vote = || decide(&approval, "", VoteChoice::Approve);
    let check = |status: Status, role: &str, method: &str| {
        let metadata = refused(&status, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
        assert_eq!((metadata["role"].as_str(), metadata["method"].as_str()), (role, method));
    };
    check(agent.list_pending(ListPendingRequest::default()).await.unwrap_err(), "agent", "ListPending");
    check(error!(agent.watch_pending(WatchPendingRequest::default())), "agent", "WatchPending");
    check(agent.decide(vote()).await.unwrap_err(), "agent", "Decide");
    check(operator.decide(vote()).await.unwrap_err(), "auditor, operator", "Decide");
    for (client, role) in [(&mut reviewer, "reviewer"), (&mut operator, "auditor, operator")] {
        check(error!(client.request_approval(ask("x"))), role, "RequestApproval");
        check(client.cancel_approval(cancel()).await.unwrap_err(), role, "CancelApproval");
        check(client.claim_execution(claim()).await.unwrap_err(), role, "ClaimExecution");
        check(client.report_execution(report()).await.unwrap_err(), role, "ReportExecution");
    }
}

#[tokio::test]
async fn approvals_that_do_not_exist() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let id = "01a206d4-375a-7181-8f0c-1f859fea7820".to_owned();
    let approval_id = || id.clone();
    let digest = format!("sha256:{}", "0".repeat(64));
    let vote = DecideRequest {
        approval_id: approval_id(),
        choice: VoteChoice::Approve.into(),
        seen: Some(Seen::Revision(1)),
        ..Default::default()
    };
    let report =
        ReportExecutionRequest { approval_id: approval_id(), claim_id: id.clone(), result: 1, ..Default::default() };
    let errors = [
        agent.get_approval(GetApprovalRequest { approval_id: approval_id(), ..Default::default() }).await.unwrap_err(),
        agent
            .wait_approval(WaitApprovalRequest { approval_id: approval_id(), ..Default::default() })
            .await
            .unwrap_err(),
        error!(agent.watch_approval(WatchApprovalRequest { approval_id: approval_id(), after_revision: 0 })),
        reviewer.decide(vote).await.unwrap_err(),
        agent
            .cancel_approval(CancelApprovalRequest { approval_id: approval_id(), ..Default::default() })
            .await
            .unwrap_err(),
        agent
            .claim_execution(ClaimExecutionRequest { approval_id: approval_id(), digest, ..Default::default() })
            .await
            .unwrap_err(),
        agent.report_execution(report).await.unwrap_err(),
    ];
    for status in errors {
        assert_eq!(refused(&status, Code::NotFound, "APPROVAL_NOT_FOUND")["approval_id"], id);
    }
}

#[tokio::test]
async fn request_ids_that_were_used_for_another_call() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let other = RequestApprovalRequest { tool_name: "other".into(), ..ask("r") };
    let eve = RequestApprovalRequest { arguments: Some(arguments(&[("to", "eve")])), ..ask("r") };
    let mut errors = Vec::new();
    for (other, field) in [(other, "tool_name"), (eve, "arguments")] {
        let status = error!(agent.request_approval(other));
        assert_eq!(refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED")["field"], field);
        errors.push(status);
    }
    let vote = decide(&approval, "r", VoteChoice::Approve); // another caller's key is its own
    reviewer.decide(vote.clone()).await.unwrap();
    errors.push(reviewer.decide(DecideRequest { comment: "other".into(), ..vote }).await.unwrap_err());
    let claim = ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: "r".into(),
        digest: approval.digest.clone(),
    };
    agent.claim_execution(claim).await.unwrap();
    let cancel =
        CancelApprovalRequest { approval_id: approval.id.clone(), request_id: "r".into(), reason: String::new() };
    errors.push(agent.cancel_approval(cancel).await.unwrap_err());
    for status in errors {
        let metadata = refused(&status, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!((metadata["request_id"].as_str(), &metadata["approval_id"]), ("r", &approval.id));
    }
}

#[tokio::test]
async fn decisions_on_an_outdated_state() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (_, approval) = open(&mut server.agent(), ask("r")).await.unwrap();
    for seen in [Seen::Revision(2), Seen::Digest(format!("sha256:{}", "0".repeat(64)))] {
        let call = DecideRequest { seen: Some(seen), ..decide(&approval, "", VoteChoice::Approve) };
        let status = server.reviewer().decide(call).await.unwrap_err();
        let metadata = refused(&status, Code::Aborted, "STALE_VIEW");
        assert_eq!((&metadata["approval_id"], &metadata["digest"]), (&approval.id, &approval.digest));
        assert_eq!(metadata["revision"], "1");
    }
}

#[tokio::test]
async fn claims_and_reports_at_the_wrong_time() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["claim_window=1s"]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let wrong = format!("sha256:{}", "0".repeat(64));
    let claim = |id: &str, digest: &str| ClaimExecutionRequest {
        approval_id: id.into(),
        request_id: String::new(),
        digest: digest.into(),
    };
    let (_, approval) = open(&mut agent, ask("r")).await.unwrap();
    let status = agent.claim_execution(claim(&approval.id, &approval.digest)).await.unwrap_err();
    let metadata = refused(&status, Code::FailedPrecondition, "NOT_APPROVED");
    assert_eq!((&metadata["approval_id"], metadata["status"].as_str()), (&approval.id, "PENDING"));

    let report = |id: &str| ReportExecutionRequest {
        approval_id: id.into(),
        claim_id: uuid::Uuid::nil().to_string(),
        result: 1,
        ..Default::default()
    };
    reviewer.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap();
    let status = agent.report_execution(report(&approval.id)).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "NOT_CLAIMED")["approval_id"], approval.id);

    // A claim with another digest fails for that reason, until the claim window closes: then every claim fails.
    let closed = loop {
        let status = agent.claim_execution(claim(&approval.id, &wrong)).await.unwrap_err();
        if crate::calls::reason(&status) != "DIGEST_MISMATCH" {
            break status;
        }
        let metadata = refused(&status, Code::FailedPrecondition, "DIGEST_MISMATCH");
        assert_eq!((&metadata["approval_id"], &metadata["digest"]), (&approval.id, &approval.digest));
    };
    let metadata = refused(&closed, Code::FailedPrecondition, "CLAIM_WINDOW_CLOSED");
    let closed_at: prost_types::Timestamp = metadata["closed_at"].parse().expect("a time");
    let decided = crate::checks::get(&mut agent, &approval.id).await.0.decision.unwrap().decide_time.unwrap();
    assert_eq!((closed_at.seconds - decided.seconds, closed_at.nanos), (1, decided.nanos));
    let status = agent.claim_execution(claim(&approval.id, &approval.digest)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "CLAIM_WINDOW_CLOSED");

    let (_, approval) = open(&mut agent, ask("rejected")).await.unwrap();
    reviewer.decide(decide(&approval, "", VoteChoice::Reject)).await.unwrap();
    let status = agent.claim_execution(claim(&approval.id, &approval.digest)).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "NOT_APPROVED")["status"], "REJECTED");
}

#[tokio::test]
async fn too_many_pending_approvals() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.pending_per_caller=2"]).await;
    let mut agent = server.agent();
    let (_, first) = open(&mut agent, ask("r-1")).await.unwrap();
    open(&mut agent, ask("r-2")).await.unwrap();
    let status = error!(agent.request_approval(ask("r-3")));
    assert_eq!(refused(&status, Code::ResourceExhausted, "TOO_MANY_PENDING")["limit"], "2");
    open(&mut agent, ask("r-2")).await.expect("a repetition does not count again");
    agent.cancel_approval(CancelApprovalRequest { approval_id: first.id, ..Default::default() }).await.unwrap();
    open(&mut agent, ask("r-3")).await.expect("there is room again");
}

#[tokio::test]
async fn too_many_open_streams() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.streams_per_connection=2", "limits.streams=3"]).await;
    let (mut agent, mut other) = (server.agent(), server.agent());
    let opened = |client: &Client, n: usize| {
        let mut client = client.clone();
        async move { open(&mut client, ask(&format!("r-{n}"))).await }
    };
    let (first, second) = (opened(&agent, 1).await.unwrap(), opened(&agent, 2).await.unwrap());
    let status = error!(agent.request_approval(ask("r-3")));
    let metadata = refused(&status, Code::ResourceExhausted, "TOO_MANY_STREAMS");
    assert_eq!((metadata["scope"].as_str(), metadata["limit"].as_str()), ("connection", "2"));
    let third = opened(&other, 3).await.unwrap();
    let status = error!(other.request_approval(ask("r-4")));
    let metadata = refused(&status, Code::ResourceExhausted, "TOO_MANY_STREAMS");
    assert_eq!((metadata["scope"].as_str(), metadata["limit"].as_str()), ("server", "3"));

    // Other calls still work, and a stream that ended makes room.
    let mut reviewer = server.reviewer();
    reviewer.list_approvals(ListApprovalsRequest::default()).await.unwrap();
    reviewer.decide(decide(&third.1, "", VoteChoice::Reject)).await.unwrap();
    let mut stream = third.0;
    while stream.message().await.unwrap().is_some() {}
    open(&mut other, ask("r-5")).await.expect("there is room again");
    drop((first, second));
}
