//! `signoff serve` and the commands of the store, as an operator uses them.

mod access;
mod development;
mod headers;
pub(crate) mod http;
mod limits;
mod logs;
mod messages;
mod privacy;
mod readers;
mod traces;

pub(crate) use self::http::metrics;

use std::{path::Path, process::Output};

use signoff::proto::v1::{CancelApprovalRequest, RequestApprovalRequest, VoteChoice};

use crate::{
    calls::{ask, decide, open},
    ledger::list,
    server::{Process, Server, serve, signoff, soon},
};

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Output {
    soon("the program ends", signoff(arguments).kill_on_drop(true).output()).await.expect("it runs")
}

/// Starts a server that must fail to start; returns its exit code and output.
async fn refused(data: &Path, command: tokio::process::Command) -> (Option<i32>, String) {
    match Process::spawn(data, command).listening().await {
        Ok(server) => panic!("it listens: {}", server.log()),
        Err((status, log)) => (status.code(), log),
    }
}

#[tokio::test]
async fn a_second_server_on_a_directory_names_the_first() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let (code, log) = refused(data.path(), serve(data.path(), &[])).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&server.pid().to_string()), "{log}");
    assert!(log.contains(&data.path().display().to_string()), "{log}");

    let export = run(&["export", "--data-dir", data.path().to_str().unwrap()]).await;
    assert_eq!(export.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&export.stderr).contains(&server.pid().to_string()), "{export:?}");
    open(&mut server.agent(), ask("still-there")).await.expect("the first one is unharmed");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(first.path(), &[]).await;
    let address = server.address().to_string();
    let mut command = signoff(&["serve", "--dev", "--listen", &address, "--data-dir"]);
    command.arg(second.path());
    let (code, log) = refused(second.path(), command).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&address), "{log}");
}

#[tokio::test]
async fn all_errors_of_a_configuration_are_reported_together() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("signoff.toml");
    std::fs::write(&file, "heartbeet = \"5s\"\n[limits]\nlabels = 33\n").unwrap();
    let mut command = serve(data.path(), &["claim_window=2d", "limits.streams=many"]);
    command.arg("--config").arg(&file).env("SIGNOFF_HEARTBEAT", "soon");
    let (code, log) = refused(data.path(), command).await;
    assert_eq!(code, Some(2), "{log}");
    for told in [
        "signoff.toml:1:1",
        "heartbeet",
        "signoff.toml:3:10",
        "limits.labels",
        "claim_window",
        "limits.streams",
        "SIGNOFF_HEARTBEAT",
    ] {
        assert!(log.contains(told), "{told} is missing: {log}");
    }
    assert!(!data.path().join("sled").exists(), "an invalid configuration creates nothing");
}

#[tokio::test]
async fn without_authentication_only_dev_on_loopback_starts() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().to_str().unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["serve", "--listen", "127.0.0.1:0", "--data-dir", directory], "dev"),
        (&["serve", "--dev=false", "--listen", "127.0.0.1:0", "--data-dir", directory], "dev"),
        (&["serve", "--dev", "--listen", "0.0.0.0:0", "--data-dir", directory], "loopback"),
    ];
    for (arguments, told) in cases {
        let (code, log) = refused(data.path(), signoff(arguments)).await;
        assert_eq!(code, Some(2), "{arguments:?}: {log}");
        assert!(log.contains(told), "{arguments:?}: {log}");
    }
}

#[tokio::test]
async fn an_export_is_imported_into_an_equal_store() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = first.path().join("export.jsonl");
    let server = Server::start(first.path(), &[]).await;
    let (mut agent, mut reviewer) = (server.agent(), server.reviewer());
    for number in 0..20 {
        let request = RequestApprovalRequest {
            labels: [("number".to_owned(), number.to_string())].into(),
            reason: "Willkommensgruß ✉".into(),
            ..ask(&format!("ask-{number}"))
        };
        let (_stream, approval) = open(&mut agent, request).await.unwrap();
        match number % 4 {
            0 => drop(reviewer.decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap()),
            1 => drop(reviewer.decide(decide(&approval, "", VoteChoice::Reject)).await.unwrap()),
            2 => {
                let request = CancelApprovalRequest { approval_id: approval.id, ..Default::default() };
                agent.cancel_approval(request).await.unwrap();
            }
            _ => {} // stays pending
        }
    }
    let before = list(&server.operator(), &[]).await;
    assert_eq!(before.len(), 20);
    assert_eq!(server.stop().await.code(), Some(0));

    let (from, to) = (first.path().to_str().unwrap(), second.path().to_str().unwrap());
    let export = run(&["export", "--data-dir", from, "--output", file.to_str().unwrap()]).await;
    assert!(export.status.success(), "{export:?}");
    let import = run(&["import", "--data-dir", to, file.to_str().unwrap()]).await;
    assert!(import.status.success(), "{import:?}");
    let server = Server::start(second.path(), &[]).await;
    assert_eq!(list(&server.operator(), &[]).await, before);
    assert_eq!(server.stop().await.code(), Some(0));

    let again = run(&["export", "--data-dir", to]).await;
    assert!(again.status.success(), "{again:?}");
    assert_eq!(again.stdout, crate::files::read(&file).unwrap(), "a second export differs from the first");
}

#[tokio::test]
async fn config_check_reports_all_problems_of_settings_and_files() {
    let data = tempfile::tempdir().unwrap();
    let (config, policy) = (data.path().join("signoff.toml"), data.path().join("policy.yaml"));
    std::fs::write(&policy, "rules:\n  - name: a\n    tols: [x]\n").unwrap();
    let text = format!(
        "heartbeat = 'soon'\npolicy = '{}'\ntls.certificate = 'no.crt'\ntls.key = 'no.key'\n",
        policy.display()
    );
    std::fs::write(&config, text).unwrap();
    let checked = run(&["config", "check", "--config", config.to_str().unwrap()]).await;
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!((checked.status.code(), checked.stdout.is_empty()), (Some(2), true), "{told}");
    for expected in [
        "signoff.toml:1:13: heartbeat: 'soon' is not allowed",
        "tls: no.crt: No such file",
        "tls: no.key: No such file",
        "policy.yaml:3:5: rules[0].tols: is unknown",
    ] {
        assert!(told.lines().any(|line| line.contains(expected)), "no {expected:?} in\n{told}");
    }
    std::fs::write(&policy, "{}").unwrap();
    let flags = ["config", "check", "--dev", "--data-dir", data.path().to_str().unwrap(), "--policy"];
    let checked = run(&[&flags[..], &[policy.to_str().unwrap()]].concat()).await;
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && told.contains("# flag --policy"), "{told}");
}
