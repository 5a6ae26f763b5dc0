//! Limits of the whole server. Limits of single fields are tested beside their decoders.

use futures_util::future::join_all;
use signoff::proto::v1::{ListPendingRequest, RequestApprovalRequest, WatchPendingRequest, WatchPendingResponse};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::{
    calls::{ask, open, reason},
    server::{Client, Server, soon},
};

async fn watch(client: &mut Client) -> Result<Streaming<WatchPendingResponse>, Status> {
    let mut stream = client.watch_pending(WatchPendingRequest::default()).await?.into_inner();
    stream.message().await.map(|_| stream)
}

/// An error: its code, reason and metadata.
fn told(status: &Status, names: &[&str]) -> (Code, String, Vec<String>) {
    let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
    let values = names.iter().map(|name| metadata.get(*name).cloned().unwrap_or_default()).collect();
    (status.code(), reason(status), values)
}

#[tokio::test]
async fn the_total_of_streams_is_limited() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.streams=3"]).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(watch(&mut server.operator()).await.unwrap());
    }
    let status = watch(&mut server.operator()).await.unwrap_err();
    let expected = ["server".to_owned(), "3".to_owned()].to_vec();
    assert_eq!(
        told(&status, &["scope", "limit"]),
        (Code::ResourceExhausted, "TOO_MANY_STREAMS".into(), expected),
        "{status:?}"
    );
    open.pop();
    admitted(&mut server.operator()).await;
}

#[tokio::test]
async fn streams_are_limited_per_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.streams_per_connection=2"]).await;
    let (mut one, mut other) = (server.operator(), server.operator());
    let (first, _second) = (watch(&mut one).await.unwrap(), watch(&mut one).await.unwrap());
    let status = watch(&mut one).await.unwrap_err();
    let expected = ["connection".to_owned(), "2".to_owned()].to_vec();
    assert_eq!(
        told(&status, &["scope", "limit"]),
        (Code::ResourceExhausted, "TOO_MANY_STREAMS".into(), expected),
        "{status:?}"
    );
    watch(&mut other).await.expect("another connection has its own limit");
    drop(first);
    admitted(&mut one).await;
}

#[tokio::test]
async fn streams_are_limited_per_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.streams_per_caller=2"]).await;
    let (mut one, mut other) = (server.operator(), server.operator());
    let (first, _second) = (watch(&mut one).await.unwrap(), watch(&mut other).await.unwrap());
    let expected = ["caller".to_owned(), "2".to_owned()].to_vec();
    for mut client in [one.clone(), other.clone(), server.operator()] {
        let status = watch(&mut client).await.unwrap_err();
        assert_eq!(
            told(&status, &["scope", "limit"]),
            (Code::ResourceExhausted, "TOO_MANY_STREAMS".into(), expected.clone()),
            "{status:?}"
        );
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
        assert!(!retry.is_zero(), "{status:?}");
    }
    watch(&mut server.reviewer()).await.expect("another caller has its own limit");
    one.list_pending(ListPendingRequest::default()).await.expect("other calls still work");
    drop(first);
    admitted(&mut other).await;
}

/// A stream that ended makes room, as soon as the server has noticed.
async fn admitted(client: &mut Client) {
    let admitted = async {
        while let Err(status) = watch(client).await {
            assert_eq!(reason(&status), "TOO_MANY_STREAMS", "{status:?}");
        }
    };
    soon("there is room again", admitted).await;
}

#[tokio::test]
async fn pending_approvals_are_limited_per_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.pending_per_caller=2"]).await;
    let mut agent = server.agent();
    let (_one, first) = open(&mut agent, ask("one")).await.unwrap();
    let (_two, _) = open(&mut agent, ask("two")).await.unwrap();
    let status = open(&mut agent, ask("three")).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "TOO_MANY_PENDING".into(), vec!["2".to_owned()]);
    assert_eq!(told(&status, &["limit"]), expected, "{status:?}");

    let (_again, again) = open(&mut agent, ask("one")).await.expect("a repeated request does not count as a new one");
    assert_eq!(again.id, first.id);
    server.kill().await;
    let server = Server::start(data.path(), &["limits.pending_per_caller=2"]).await;
    let status = open(&mut server.agent(), ask("three")).await.unwrap_err();
    assert_eq!(told(&status, &["limit"]), expected, "the count must survive a restart: {status:?}");
}

#[tokio::test]
async fn messages_are_limited() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let request = RequestApprovalRequest { reason: "x".repeat(1 << 20), ..ask("large") };
    let status = open(&mut server.agent(), request).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".to_owned(), vec!["1048576".to_owned()]);
    assert_eq!(told(&status, &["limit"]), expected, "{status:?}");
    assert!(status.get_details_retry_info().is_none(), "there must be no RetryInfo: {status:?}");
}

#[tokio::test]
async fn calls_are_limited_for_each_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["limits.calls_per_second=1"]).await;
    let operator = server.operator();
    let calls = (0..100).map(|_| {
        let mut operator = operator.clone();
        async move { operator.list_pending(ListPendingRequest::default()).await.map(drop) }
    });
    let answers = soon("answers", join_all(calls)).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty() && refused.len() < 100, "some calls exceed the limit, and some do not");
    for status in &refused {
        let expected = (Code::ResourceExhausted, "RATE_LIMITED".to_owned(), vec!["1".to_owned()]);
        assert_eq!(told(status, &["limit"]), expected);
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
        assert!(!retry.is_zero() && retry.as_secs() < 2, "{retry:?}");
    }
    server.reviewer().list_pending(ListPendingRequest::default()).await.expect("other callers are not limited");
}
