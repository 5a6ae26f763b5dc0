//! A damaged store as an operator sees it: the server does not start, a check says why, and the salvaged data
//! keeps claimed calls claimed.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use signoff::proto::v1::{ClaimExecutionRequest, VoteChoice};
use tonic::Code;

use crate::{
    calls::{ask, decide, open, reason},
    server::{Process, Server, serve, signoff, soon},
};

async fn run(arguments: &[&str]) -> Output {
    let command = signoff(arguments).stdin(Stdio::null()).output();
    soon("the command ends", command).await.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Flips a bit near the end of the data in a file.
fn flip_near_the_end(path: &Path) {
    let mut bytes = crate::files::read(path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 150] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_claimed_call_stays_claimed_when_the_store_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data, &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    let mut claimed = None;
    for n in 0..3 {
        let (_, approval) = open(&mut agent, ask(&format!("r{n}"))).await.unwrap();
        reviewer.decide(decide(&approval, "d", VoteChoice::Approve)).await.unwrap();
        if n == 0 {
            let claim =
                ClaimExecutionRequest { approval_id: approval.id, digest: approval.digest, request_id: "c0".into() };
            agent.claim_execution(claim.clone()).await.unwrap();
            claimed = Some(claim);
        }
    }
    assert!(server.stop().await.success());

    let database = data.join("sled/db");
    flip_near_the_end(&database);
    let damaged = crate::files::read(&database).unwrap();
    let (status, log) = Process::spawn(&data, serve(&data, &[])).listening().await.unwrap_err();
    assert_eq!(status.code(), Some(1));
    assert!(
        log.contains("is damaged") && log.contains("signoff store check") && !log.contains("stack backtrace"),
        "{log}"
    );
    assert_eq!(crate::files::read(&database).unwrap(), damaged, "the failed start changes nothing");

    let path = data.to_str().unwrap();
    let check = run(&["store", "check", "--data-dir", path]).await;
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    assert!(text(&check.stdout).contains("fault: "), "{check:?}");
    let check = run(&["store", "check", "--data-dir", path, "--json"]).await;
    let findings: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(!findings["faults"].as_array().unwrap().is_empty());
    assert_eq!(crate::files::read(&database).unwrap(), damaged, "checking changes nothing");

    let saved = directory.path().join("saved.jsonl");
    let salvage = run(&["store", "salvage", "--data-dir", path, "--out", saved.to_str().unwrap()]).await;
    // The damaged value may be in the log more than once, or the import may rebuild it.
    let all = text(&salvage.stdout).contains("left out 0\n");
    assert_eq!(salvage.status.code(), Some(i32::from(!all)), "{salvage:?}");
    let new = directory.path().join("new");
    let import = run(&["import", "--data-dir", new.to_str().unwrap(), saved.to_str().unwrap()]).await;
    assert!(import.status.success(), "{import:?}");
    let check = run(&["store", "check", "--data-dir", new.to_str().unwrap()]).await;
    assert!(check.status.success() && text(&check.stdout).contains("no faults"), "{check:?}");

    let server = Server::start(&new, &[]).await;
    let again = ClaimExecutionRequest { request_id: "another".into(), ..claimed.unwrap() };
    let refused = server.agent().claim_execution(again).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::FailedPrecondition, "ALREADY_CLAIMED"));
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_store_without_its_files_does_not_open_empty() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    open(&mut server.agent(), ask("r1")).await.unwrap();
    assert!(server.stop().await.success());
    fs::remove_dir_all(data.path().join("sled")).unwrap();
    let (status, log) = Process::spawn(data.path(), serve(data.path(), &[])).listening().await.unwrap_err();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("cannot read sled/db"), "{log}");
    let check = run(&["store", "check", "--data-dir", data.path().to_str().unwrap()]).await;
    assert_eq!(check.status.code(), Some(1));
    let none = run(&["store", "check", "--data-dir", "/nonexistent"]).await;
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0));
    assert_eq!(run(&["store", "salvage"]).await.status.code(), Some(2));
}
