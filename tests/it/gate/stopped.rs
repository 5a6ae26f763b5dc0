//! Calls that people stop: before the request, between approval and claim, and when they are requested again.

use signoff::proto::v1::{
    Approval, FreezeRequest, FreezeScope, ListApprovalsRequest, RevokeApprovalRequest, ThawRequest, VoteChoice,
    admin_service_client::AdminServiceClient, freeze_scope::Scope,
};
use signoff_client::{Call, Client, Kind, Step};
use tonic::Request;

use super::{Tool, approve, client, connect, email, get, joined, pending, refusal, start};
use crate::{
    calls::decide,
    server::{Server, soon},
};

/// Makes a request and approves it, without a claim.
async fn approved(server: &Server, client: &Client, call: &Call) -> Approval {
    let mut wait = client.ask(call).unwrap();
    let decided = async {
        loop {
            if let Step::Decided(approval) = wait.next().await.unwrap() {
                return *approval;
            }
        }
    };
    let (approval, _) = tokio::join!(soon("it is decided", decided), approve(server, None));
    approval
}

fn operator(server: &Server) -> AdminServiceClient<signoff_client::Transport> {
    client(&format!("http://{}", server.address()), &server.tokens().operator).admin()
}

fn freeze(scope: Scope, reason: &str) -> Request<FreezeRequest> {
    Request::new(FreezeRequest {
        request_id: String::new(),
        scope: Some(FreezeScope { scope: Some(scope) }),
        reason: reason.to_owned(),
    })
}

// 20.
#[tokio::test]
async fn a_call_revoked_before_its_claim_does_not_run() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let call = email().run_id("run").call_id("call");
    let approval = approved(&server, &client, &call).await;
    let revoke = RevokeApprovalRequest {
        approval_id: approval.id.clone(),
        reason: "Wrong customer.".to_owned(),
        ..Default::default()
    };
    server.reviewer().revoke_approval(revoke).await.unwrap();
    let refused = client.claim(&call, approval).await.map(|_| ()).unwrap_err();
    assert!(matches!(&refused.kind, Kind::Revoked { reason } if reason == "Wrong customer."), "{refused:?}");
    // A second run ends before the claim.
    let again = refusal(&client, call).await;
    assert_eq!(again.to_string(), refused.to_string());
    assert_eq!(get(&mut server.agent(), again.approval_id.as_deref().unwrap()).await.claim, None);
}

// 21.
#[tokio::test]
async fn a_frozen_call_does_not_run_until_the_thaw() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let waits = email().request_id("before");
    let approval = approved(&server, &client, &waits).await;
    let frozen = operator(&server).freeze(freeze(Scope::Tool("send_*".to_owned()), "Incident 12.")).await.unwrap();

    let refused = client.claim(&waits, approval.clone()).await.map(|_| ()).unwrap_err();
    assert!(matches!(&refused.kind, Kind::Frozen { reason } if reason == "Incident 12."), "{refused:?}");
    let at_once = refusal(&client, email()).await;
    assert_eq!(at_once.to_string(), refused.to_string());

    let thaw = ThawRequest { request_id: String::new(), freeze_id: frozen.into_inner().freeze.expect("a freeze").id };
    operator(&server).thaw(thaw).await.unwrap();
    assert!(client.claim(&waits, approval).await.is_ok(), "its window is still open");
}

// 23.
#[tokio::test]
async fn a_second_run_may_describe_the_same_call_differently() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let call = || email().run_id("run").call_id("call");
    let first = Tool::default();
    let waiting = first.start(&client, call().reason("first").agent_name("a"));
    let approval = pending(&mut server.reviewer()).await;
    waiting.abort();
    let second = Tool::default();
    let other = call().reason("in other words").agent_name("b").label("try", "2");
    let waiting = second.start(&client, other.timeout(std::time::Duration::from_secs(60)));
    assert_eq!(approve(&server, None).await.id, approval.id);
    joined(waiting).await.unwrap();
    assert_eq!((first.calls(), second.calls()), (0, 1));
}

// 24.
#[tokio::test]
async fn a_remembered_rejection_asks_no_reviewer() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let call = || Call::new("delete_record").run_id("run");
    let waiting = Tool::default().start(&client, call());
    let mut reviewer = server.reviewer();
    let approval = pending(&mut reviewer).await;
    let mut decision = decide(&approval, "d", VoteChoice::Reject);
    decision.comment = "Keep it.".to_owned();
    reviewer.decide(decision).await.unwrap();
    joined(waiting).await.unwrap_err();

    let again = refusal(&client, call()).await;
    assert!(matches!(&again.kind, Kind::Rejected { comment, .. } if comment == "Keep it."), "{again:?}");
    let all = client.approvals().list_approvals(client.unary(ListApprovalsRequest::default())).await.unwrap();
    assert_eq!(all.into_inner().approvals.len(), 2);
}
