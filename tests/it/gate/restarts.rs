//! Servers that are killed, drain, or do not exist.

use std::time::Duration;

use signoff_client::Kind;

use super::{Tool, approve, client, email, joined, outcome, pending, refusal};
use crate::{relay::Relay, server::Server};
use signoff::proto::v1::ExecutionResult;

/// How the first server ends while a call waits.
async fn over_a_restart(end: impl AsyncFnOnce(Server)) {
    let data = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    let server = super::start(&data).await;
    relay.lead_to(server.address());
    let client = client(&relay.address(), &server.tokens().agent);
    let tool = Tool::default();
    let waiting = tool.start(&client, email());
    let first = pending(&mut server.reviewer()).await;
    end(server).await;

    let server = super::start(&data).await;
    relay.lead_to(server.address());
    let approved = approve(&server, None).await;
    assert_eq!(approved.id, first.id);
    joined(waiting).await.unwrap();
    assert_eq!(tool.calls(), 1);
    assert_eq!(outcome(&server, &approved.id).await.0, ExecutionResult::Succeeded);
}

// 8.
#[tokio::test]
async fn a_server_that_is_killed_while_waiting() {
    over_a_restart(async |server| server.kill().await).await;
}

// 9.
#[tokio::test]
async fn a_server_that_drains_while_waiting() {
    over_a_restart(async |server| assert!(server.stop().await.success())).await;
}

// 10: a port without a listener, and a peer that never answers.
#[tokio::test]
async fn a_server_that_does_not_exist() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let absent = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for address in [absent, silent] {
        let client = client(&address, "t");
        let refused = refusal(&client, email().patience(Duration::from_millis(300))).await;
        assert!(matches!(refused.kind, Kind::Unavailable { .. }), "{refused:?}");
        assert_eq!(refused.approval_id, None);
    }
}

/// The server starts after the first attempts.
#[tokio::test]
async fn a_server_that_is_late() {
    let data = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    let server = super::start(&data).await;
    let token = server.tokens().agent.clone();
    server.kill().await;
    let tool = Tool::default();
    let waiting = tool.start(&client(&relay.address(), &token), email());
    let server = super::start(&data).await;
    relay.lead_to(server.address());
    approve(&server, None).await;
    joined(waiting).await.unwrap();
    assert_eq!(tool.calls(), 1);
}
