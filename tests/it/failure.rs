//! A write that really fails: a limit on the file size stops the server's writes.

use std::path::Path;

use signoff::proto::v1::{ApprovalStatus, WatchApprovalRequest};
use tokio::process::Command;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    calls::{ask, next_update, open, reason},
    ledger::{assert_whole, hold_to},
    load::Load,
    server::{Process, Server, serve, soon},
};

/// Maximum file size for the server, in KiB: sled starts with a few hundred, and grows by segments of 512.
const FILE_KIB: usize = 3_072;

const CALLERS: usize = 6;

/// As [`serve`], with a limit on the file size whose signal is ignored: writes beyond it fail with EFBIG.
fn serve_limited(data: &Path, settings: &[&str]) -> Command {
    let server = serve(data, settings);
    let mut command = Command::new("bash");
    command.env_clear().arg("-c").arg(format!("trap '' XFSZ; ulimit -f {FILE_KIB}; exec \"$@\"")).arg("bash");
    command.arg(server.as_std().get_program()).args(server.as_std().get_args());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_acknowledges_nothing_and_stops_the_server() {
    let data = tempfile::tempdir().unwrap();
    let settings = ["limits.timeout_min=10ms", "limits.pending_per_caller=1000000", "log.filter=warn"];
    let mut server = Process::spawn(data.path(), serve_limited(data.path(), &settings)).listening().await.unwrap();

    let mut health =
        HealthClient::new(server.channel()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let status = health.message().await.unwrap().expect("the status now").status();
    assert_eq!(status, ServingStatus::Serving);
    let (mut waiting, undecided) = open(&mut server.agent(), ask("waiting")).await.unwrap();

    let load = Load::new();
    load.ledger.lock().unwrap().saw(&undecided);
    let mut callers = load.start(&server, CALLERS);
    load.expect_end();
    let mut reasons = Vec::new();
    while let Some(ended) = soon("every caller meets the failure", callers.join_next()).await {
        let status = ended.unwrap_or_else(|error| panic!("{error}"));
        if reason(&status) == "STORE_UNAVAILABLE" {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        }
        reasons.push(reason(&status));
    }
    assert!(reasons.iter().any(|reason| reason == "STORE_UNAVAILABLE"), "callers got: {reasons:?}");

    let told = soon("a stream that waits ends", next_update(&mut waiting)).await;
    assert!(told.as_ref().is_err_and(|status| status.code() != Code::Ok), "{told:?}");
    let told = soon("health changes", health.message()).await;
    assert!(
        told.as_ref().map_or(true, |told| told.as_ref().is_none_or(|told| told.status() == ServingStatus::NotServing))
    );
    let status = server.ended().await;
    assert_eq!(status.code(), Some(1), "{status}: {}", server.log());
    assert!(server.log().contains("store failed"), "{}", server.log());

    let server = Server::start(data.path(), &settings).await;
    let ids = load.ledger.lock().unwrap().ids();
    println!("{} approvals were acknowledged before the disk failed", ids.len());
    hold_to(&server.operator(), &load.ledger, ids, 0).await;
    assert_whole(&server.operator(), &load.ledger).await;
    let watch = WatchApprovalRequest { approval_id: undecided.id, after_revision: 0 };
    let mut stream = server.operator().watch_approval(watch).await.unwrap().into_inner();
    let update = next_update(&mut stream).await.unwrap().expect("the current state");
    assert_eq!(update.approval.map(|approval| approval.status()), Some(ApprovalStatus::Pending));
    open(&mut server.agent(), ask("afterwards")).await.expect("it accepts requests again");
}
