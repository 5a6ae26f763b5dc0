//! `signoff token`, and how tokens move with an export.

use std::path::Path;

use signoff::proto::v1::{ActorKind, Role};
use tokio::process::Command;

use super::{make, owner, revoke, unauthenticated};
use crate::{
    calls::{ask, open},
    server::{Client, Process, Server, signoff},
};

async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = signoff(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn plain_server(store: &Path) -> Command {
    let mut command = signoff(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(store);
    command
}

/// The first start of a server outside development mode.
#[tokio::test]
async fn the_first_token_is_created_in_the_data_directory() {
    let data = tempfile::tempdir().unwrap();
    let store = data.path().join("store");
    let (status, log) = Process::spawn(&store, plain_server(&store)).listening().await.err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(
        log.contains("no authentication is configured") && log.contains("signoff token create --data-dir"),
        "{log}"
    );

    let directory = store.to_str().unwrap();
    let create = ["token", "create", "--data-dir", directory, "--subject", "olga", "--kind", "person"];
    let (code, secret, told) = run(&[&create[..], &["--role", "operator,auditor", "--ttl", "90d"]].concat()).await;
    assert!(code == Some(0) && told.contains("local/olga") && told.contains("not shown again"), "{told}");
    let (code, _, told) = run(&["token", "list", "--data-dir", data.path().to_str().unwrap()]).await;
    assert!(code == Some(1) && told.contains("No such file"), "a mistyped directory must not become a store: {told}");

    let server = Process::spawn(&store, plain_server(&store)).listening().await.expect("it starts");
    let address = format!("http://{}", server.address());
    let by = |secret: &str| ["--address", &address, "--token", secret].map(str::to_owned);
    let run_by = async |secret: &str, arguments: &[&str]| {
        let all: Vec<String> = by(secret.trim()).into_iter().chain(arguments.iter().map(ToString::to_string)).collect();
        run(&all.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let (code, out, _) = run_by(&secret, &["whoami"]).await;
    assert!(
        code == Some(0) && out.starts_with("local/olga (person)\nroles: auditor, operator\ngroups: none\n"),
        "{out}"
    );
    let new = ["token", "create", "--subject", "mailer", "--kind", "agent", "--role", "agent", "--comment", "mail"];
    let (_, agent, told) = run_by(&secret, &new).await;
    assert!(agent.starts_with("signoff_") && agent.trim().len() == 51 && told.contains("until revoked"), "{told}");
    let (code, _, told) = run_by(&agent, &["token", "list"]).await;
    assert!(code == Some(1) && told.contains("ROLE_NOT_ALLOWED"), "{told}");
    let (_, out, _) = run_by(&secret, &["token", "list"]).await;
    let lines: Vec<_> = out.lines().collect();
    assert!(lines.len() == 3 && lines[1].contains("local/mailer") && lines[2].contains("local/olga"), "{out}");
    let id = lines[1].split_whitespace().next().unwrap();
    let (code, out, _) = run_by(&secret, &["token", "revoke", id]).await;
    assert!(code == Some(0) && out.starts_with(&format!("revoked: {id} of local/mailer")), "{out}");
    let (_, _, told) = run_by(&agent, &["whoami"]).await;
    assert!(told.contains("the token was revoked"), "{told}");
    let (_, out, _) = run_by(&secret, &["--json", "token", "list", "--active"]).await;
    assert!(out.lines().count() == 1 && out.contains("\"subject\":\"olga\"") && !out.contains("\"secret\""), "{out}");
    let (code, _, told) = run(&["token", "list", "--data-dir", directory]).await;
    assert!(code == Some(1) && told.contains("in use by another process"), "{told}");
}

/// Tokens move with an export. A copy does not make a revoked one valid again.
#[tokio::test]
async fn tokens_move_with_an_export() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&data.path().join("a"), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let one = make(&mut access, owner("one", ActorKind::Agent, &[Role::Agent])).await;
    let two = make(&mut access, owner("two", ActorKind::Agent, &[Role::Agent])).await;
    revoke(&mut access, &two).await;
    assert!(server.stop().await.success());
    let [from, to, file] = ["a", "b", "file"].map(|name| data.path().join(name).to_str().unwrap().to_owned());
    let (code, _, told) = run(&["export", "--data-dir", &from, "--output", &file]).await;
    assert!(code == Some(0) && told.contains("2 tokens"), "{told}");
    assert!(!crate::files::text(&file).unwrap().contains(&one.secret[8..]));
    let (code, _, told) = run(&["import", "--data-dir", &to, &file]).await;
    assert!(code == Some(0) && told.contains("2 tokens"), "{told}");
    let server = Process::spawn(Path::new(&to), plain_server(Path::new(&to))).listening().await.expect("it starts");
    let (mut good, mut bad): (Client, Client) = (server.client(&one.secret), server.client(&two.secret));
    open(&mut good, ask("one")).await.unwrap();
    unauthenticated(&bad.request_approval(ask("two")).await.unwrap_err(), "the token was revoked");
}

/// The remedy of docs/troubleshooting.md for TOO_MANY_TOKENS.
#[tokio::test]
async fn an_export_without_its_tokens_makes_room() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(&data.path().join("a"), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let old = make(&mut access, owner("old", ActorKind::Agent, &[Role::Agent])).await;
    assert!(server.stop().await.success());
    let [from, to, file] = ["a", "b", "file"].map(|name| data.path().join(name).to_str().unwrap().to_owned());
    assert_eq!(run(&["export", "--data-dir", &from, "--output", &file]).await.0, Some(0));
    let script =
        r#"grep -v '^{"token":' "$1" | sed '$ s/"tokens":[0-9]*/"tokens":0/; $ s/,"sha256":"[^"]*"//' > "$1.rest""#;
    let filtered = Command::new("/bin/sh").args(["-c", script, "sh", &file]).status().await.unwrap();
    assert!(filtered.success());
    let (code, _, told) = run(&["import", "--data-dir", &to, &format!("{file}.rest")]).await;
    assert!(code == Some(0) && told.contains("0 tokens"), "{told}");
    let create = ["token", "create", "--data-dir", &to, "--subject", "new", "--kind", "agent", "--role", "agent"];
    let (code, new, told) = run(&create).await;
    assert_eq!(code, Some(0), "{told}");
    let server = Process::spawn(Path::new(&to), plain_server(Path::new(&to))).listening().await.expect("it starts");
    let (mut good, mut bad): (Client, Client) = (server.client(new.trim()), server.client(&old.secret));
    open(&mut good, ask("one")).await.unwrap();
    let unknown = "missing or unknown credentials; send a valid bearer token in the `authorization` metadata";
    unauthenticated(&bad.request_approval(ask("two")).await.unwrap_err(), unknown);
}
