//! A disk that never answers a call, or cannot read its data.

use std::path::Path;

use futures_util::{StreamExt as _, stream};
use signoff::proto::v1::CancelApprovalRequest;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{SETTINGS, preload::preloaded};
use crate::{
    calls::{ask, next_update, open, reason},
    server::{Process, Server, soon},
};

/// A server that hangs in `call` once the file `arm` exists.
async fn hanging(data: &Path, arm: &Path, call: &str, settings: &[&str]) -> Server {
    let variables = [
        ("FAULT_CALLS", call),
        ("FAULT_AT", "1"),
        ("FAULT_FOREVER", "1"),
        ("FAULT_HANG", "1"),
        ("FAULT_ARM", arm.to_str().expect("a path")),
    ];
    let settings = [&SETTINGS[..], settings].concat();
    Process::spawn(data, preloaded(data, &settings, &variables)).listening().await.expect("it listens")
}

#[tokio::test]
async fn a_hanging_disk_fails_the_store_and_all_callers_get_an_error() {
    for call in ["sync", "write", "range"] {
        let parent = tempfile::tempdir().unwrap();
        let (data, arm) = (parent.path().join("data"), parent.path().join("arm"));
        let mut server = hanging(&data, &arm, call, &[]).await;
        let mut health =
            HealthClient::new(server.channel()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(health.message().await.unwrap().expect("a status").status(), ServingStatus::Serving);
        let (mut waiting, _) = open(&mut server.agent(), ask("acknowledged")).await.unwrap();
        std::fs::write(&arm, b"").unwrap();

        let (mut first, mut second) = (server.agent(), server.agent());
        let (hung, queued) = tokio::join!(open(&mut first, ask("hangs")), open(&mut second, ask("waits")));
        for refused in [hung, queued] {
            let status = refused.expect_err("it cannot be recorded");
            assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "STORE_UNAVAILABLE"), "{call}");
        }
        let told = soon("a stream that waits ends", next_update(&mut waiting)).await;
        assert_eq!(told.expect_err("no update can come").code(), Code::Unavailable, "{call}");
        let told = soon("health changes", health.message()).await.expect("it is told").expect("a status");
        assert_eq!(told.status(), ServingStatus::NotServing, "{call}");
        let status = server.ended().await;
        assert_eq!(status.code(), Some(1), "{call}: {status}\n{}", server.log());
        assert!(server.log().contains("write_timeout"), "{call}: {}", server.log());

        let server = Server::start(&data, &SETTINGS).await;
        let (_, again) = open(&mut server.agent(), ask("acknowledged")).await.unwrap();
        assert_eq!(again.revision, 1);
    }
}

/// The disk hangs while the server stops: the server still exits, with a code that reports the failure.
#[tokio::test]
async fn a_signal_stops_a_server_whose_disk_hangs() {
    let parent = tempfile::tempdir().unwrap();
    let (data, arm) = (parent.path().join("data"), parent.path().join("arm"));
    let mut server = hanging(&data, &arm, "sync", &[]).await;
    let _ = open(&mut server.agent(), ask("acknowledged")).await.unwrap();
    std::fs::write(&arm, b"").unwrap();
    server.terminate();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(1), "{status}\n{}", server.log());
    assert!(server.log().contains("the store failed"), "{}", server.log());
}

/// A server that hangs while it opens the store has no watchdog yet, but reacts to signals.
#[tokio::test]
async fn a_signal_stops_a_server_that_hangs_while_it_starts() {
    let parent = tempfile::tempdir().unwrap();
    let (data, arm) = (parent.path().join("data"), parent.path().join("arm"));
    std::fs::write(&arm, b"").unwrap();
    let variables = [
        ("FAULT_CALLS", "sync"),
        ("FAULT_AT", "1"),
        ("FAULT_FOREVER", "1"),
        ("FAULT_HANG", "1"),
        ("FAULT_ARM", arm.to_str().unwrap()),
    ];
    let mut process = Process::spawn(&data, preloaded(&data, &SETTINGS, &variables));
    // Its handlers are installed before the store is opened.
    soon("it opens the store", async {
        while !data.join("sled").exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    process.terminate();
    let status = process.ended().await;
    assert_eq!(status.code(), Some(0), "{status}\n{}", process.log());
    assert!(process.log().contains("stopped before the server started"), "{}", process.log());
}

/// Enough approvals that a restarted server has not read them all.
const APPROVALS: usize = 600;

/// A group decides by the data that it reads: if a read fails, its results cannot be trusted.
#[tokio::test]
async fn a_failed_read_in_a_group_stops_the_server() {
    let parent = tempfile::tempdir().unwrap();
    let (data, arm) = (parent.path().join("data"), parent.path().join("arm"));
    let server = Server::start(&data, &SETTINGS).await;
    let agent = server.agent();
    let ids: Vec<String> = stream::iter(0..APPROVALS)
        .map(|n| {
            let mut agent = agent.clone();
            async move { open(&mut agent, ask(&format!("r{n}"))).await.unwrap().1.id }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    assert!(server.stop().await.success());

    let arm_path = arm.to_str().unwrap();
    let variables = [("FAULT_CALLS", "read"), ("FAULT_AT", "1"), ("FAULT_FOREVER", "1"), ("FAULT_ARM", arm_path)];
    let mut server = Process::spawn(&data, preloaded(&data, &SETTINGS, &variables)).listening().await.unwrap();
    std::fs::write(&arm, b"").unwrap();
    let mut agent = server.agent();
    let mut refused = None;
    for id in &ids {
        let cancel = CancelApprovalRequest { approval_id: id.clone(), request_id: "c".into(), reason: "late".into() };
        if let Err(status) = agent.cancel_approval(cancel).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("nothing had to be read");
    assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "STORE_UNAVAILABLE"), "{refused:?}");
    let status = server.ended().await;
    assert_eq!(status.code(), Some(1), "{status}\n{}", server.log());
    assert!(server.log().contains("the store failed"), "{}", server.log());
}
