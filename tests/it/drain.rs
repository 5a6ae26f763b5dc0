//! SIGTERM: streams are asked to reconnect, idle connections do not delay the end, and no request is cancelled.

use futures_util::future::try_join_all;
use signoff::proto::v1::{
    ApprovalStatus, GetApprovalRequest, RequestApprovalRequest, WatchApprovalRequest, WatchPendingRequest,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    calls::{ask, next_update, open, reason},
    server::{Server, soon},
};

const REQUESTS: usize = 450;
const WATCHES: usize = 500;
const QUEUES: usize = 50;

/// Reads a stream to its end, which must be an error.
async fn end<T>(mut stream: Streaming<T>) -> Status {
    loop {
        match soon("the stream ends", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended OK"),
            Err(status) => return status,
        }
    }
}

fn withdrawn_when_cut(request_id: String) -> RequestApprovalRequest {
    RequestApprovalRequest { cancel_on_disconnect: true, ..ask(&request_id) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_are_asked_to_reconnect() {
    let data = tempfile::tempdir().unwrap();
    let settings = ["log.filter=warn"];
    let mut server = Server::start(data.path(), &settings).await;

    let mut idle = Vec::new();
    for _ in 0..5 {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let mut hesitant = TcpStream::connect(server.address()).await.unwrap();
    hesitant.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();

    // Read all streams concurrently, to their end: unread ones would fill their connection and block the others.
    let (agent, watcher, queuer) = (server.agent(), server.operator(), server.operator());
    let mut ends = JoinSet::new();
    let requests = (0..REQUESTS).map(|number| {
        let mut agent = agent.clone();
        async move { open(&mut agent, withdrawn_when_cut(format!("ask-{number}"))).await }
    });
    let mut approvals = Vec::new();
    for (stream, approval) in soon("the requests are answered", try_join_all(requests)).await.unwrap() {
        ends.spawn(end(stream));
        approvals.push(approval);
    }
    let watches = (0..WATCHES).map(|number| {
        let (mut watcher, approval_id) = (watcher.clone(), approvals[number % REQUESTS].id.clone());
        async move { watcher.watch_approval(WatchApprovalRequest { approval_id, after_revision: 0 }).await }
    });
    for stream in soon("the watches begin", try_join_all(watches)).await.unwrap() {
        ends.spawn(end(stream.into_inner()));
    }
    for _ in 0..QUEUES {
        let mut queuer = queuer.clone();
        let stream = queuer.watch_pending(WatchPendingRequest::default());
        ends.spawn(end(soon("the queues begin", stream).await.unwrap().into_inner()));
    }
    let mut health =
        HealthClient::new(server.channel()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(health.message().await.unwrap().map(|told| told.status()), Some(ServingStatus::Serving));

    server.terminate();
    let told = soon("health changes", health.message()).await.unwrap().map(|told| told.status());
    assert_eq!(told, Some(ServingStatus::NotServing));
    let ends = soon("the streams end", ends.join_all()).await;
    assert_eq!(ends.len(), 1_000);
    for status in &ends {
        assert_eq!((status.code(), reason(status).as_str()), (Code::Unavailable, "DRAINING"), "{status:?}");
        let retry = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
        assert!(retry.is_some_and(|delay| !delay.is_zero()), "{status:?}");
    }
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
    drop((idle, hesitant));

    let server = Server::start(data.path(), &settings).await;
    for approval in approvals {
        assert_pending(&server, &approval.id).await;
    }
}

#[tokio::test]
async fn a_kill_cancels_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (stream, approval) = open(&mut server.agent(), withdrawn_when_cut("cut".into())).await.unwrap();
    server.kill().await;
    end(stream).await;
    let server = Server::start(data.path(), &[]).await;
    assert_pending(&server, &approval.id).await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels_requests_that_opted_in() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (stream, approval) = open(&mut server.agent(), withdrawn_when_cut("cut".into())).await.unwrap();
    let watch = WatchApprovalRequest { approval_id: approval.id.clone(), after_revision: 1 };
    let mut watch = server.operator().watch_approval(watch).await.unwrap().into_inner();
    drop(stream);
    let mut newest = None;
    while let Some(update) = next_update(&mut watch).await.unwrap() {
        newest = update.approval.map(|approval| approval.status());
    }
    assert_eq!(newest, Some(ApprovalStatus::Cancelled));
}

#[tokio::test]
async fn an_idle_server_stops_immediately_and_cleanly() {
    let data = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let server = Server::start(data.path(), &[]).await;
        assert_eq!(server.stop().await.code(), Some(0));
    }
}

async fn assert_pending(server: &Server, id: &str) {
    let request = GetApprovalRequest { approval_id: id.to_owned(), include_events: true };
    let reply = server.operator().get_approval(request).await.unwrap().into_inner();
    assert_eq!(reply.approval.map(|approval| approval.status()), Some(ApprovalStatus::Pending));
    assert_eq!(reply.events.len(), 1);
}
