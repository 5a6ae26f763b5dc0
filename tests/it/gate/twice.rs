//! One approval, more than one run.

use signoff::proto::v1::{ApprovalStatus, ListApprovalsRequest};
use signoff_client::{GateError, Kind};

use super::{Tool, approve, connect, email, joined, pending, refusal, start};
use crate::server::soon;

// 11.
#[tokio::test]
async fn a_second_run_after_the_first_learns_that_the_tool_started() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let call = email().run_id("run").call_id("call");
    let tool = Tool::default();
    let waiting = tool.start(&client, call.clone());
    approve(&server, None).await;
    joined(waiting).await.unwrap();
    let refused = refusal(&client, call).await;
    assert!(matches!(&refused.kind, Kind::AlreadyClaimed(claim) if claim.result == "SUCCEEDED"), "{refused:?}");
}

// 12.
#[tokio::test]
async fn a_second_run_finds_what_the_first_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let client = connect(&server);
    let call = email().run_id("run").call_id("call");
    let (first, second) = (Tool::default(), Tool::default());
    let waiting = first.start(&client, call.clone());
    let approval = pending(&mut server.reviewer()).await;
    waiting.abort();
    let waiting = second.start(&client, call);
    assert_eq!(approve(&server, None).await.id, approval.id);
    joined(waiting).await.unwrap();
    assert_eq!((first.calls(), second.calls()), (0, 1));
    let all = client.approvals().list_approvals(client.unary(ListApprovalsRequest::default())).await.unwrap();
    let statuses: Vec<_> = all.into_inner().approvals.iter().map(|approval| approval.status()).collect();
    assert_eq!(statuses, [ApprovalStatus::Approved]);
}

// 13.
#[tokio::test]
async fn of_two_runners_one_runs() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let tool = Tool::default();
    let call = email().request_id("shared");
    let runners = [connect(&server), connect(&server)].map(|client| tool.start(&client, call.clone()));
    approve(&server, None).await;
    let mut refused = 0;
    for runner in runners {
        match soon("the gate answers", runner).await.unwrap() {
            Ok(_) => {}
            Err(GateError::Refused(refusal)) if matches!(refusal.kind, Kind::AlreadyClaimed { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((tool.calls(), refused), (1, 1));
}
