//! `signoff backup`: a state that the running server had, whole or not at all.

mod broken;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    process::Output,
};

use signoff::proto::v1::RequestApprovalRequest;

use crate::{
    calls::{arguments, ask, open},
    load::Load,
    serve::run,
    server::{Server, signoff, soon},
};

/// The limits of a server under load.
const BUSY: [&str; 3] = ["limits.timeout_min=10ms", "limits.pending_per_caller=1000000", "log.filter=warn"];

/// `signoff backup` with arguments, as the owner of a token.
fn backup(server: &Server, token: &str, arguments: &[&str]) -> tokio::process::Command {
    let mut command = signoff(&["backup"]);
    command.args(arguments).args(["--address", &format!("http://{}", server.address())]);
    command.env("SIGNOFF_TOKEN", token).kill_on_drop(true);
    command
}

/// Runs it to its end.
async fn ended(mut command: tokio::process::Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = soon("the program ends", command.output()).await.expect("it runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// The names of all files in a directory.
fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    std::fs::read_dir(directory).unwrap().map(name).collect()
}

/// A server with a few MiB of approvals: far more than a connection takes for a reader that does not read.
async fn filled(data: &Path) -> Server {
    let server = Server::start(data, &["log.filter=info"]).await;
    let (mut agent, large) = (server.agent(), "x".repeat(40_000));
    for n in 0..100 {
        let request =
            RequestApprovalRequest { arguments: Some(arguments(&[("text", &large)])), ..ask(&format!("r{n}")) };
        open(&mut agent, request).await.unwrap();
    }
    server
}

/// Each approval's events, from the lines of an export, by id.
fn histories(text: &str) -> HashMap<String, Vec<serde_json::Value>> {
    let lines = text.lines().filter(|line| line.starts_with("{\"id\":"));
    let parsed = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let history =
        |line: serde_json::Value| (line["id"].as_str().unwrap().to_owned(), line["events"].as_array().unwrap().clone());
    parsed.map(history).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_under_load_are_states_that_the_server_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (server, load) = (Server::start(&path("data"), &BUSY).await, Load::new());
    let mut tasks = load.start(&server, 6);
    let mut backups: Vec<(PathBuf, BTreeMap<String, u64>)> = Vec::new();
    for n in 0..3 {
        soon("answers", load.answered(400 * (n + 1))).await;
        let before = {
            let ledger = load.ledger.lock().unwrap();
            ledger.ids().into_iter().map(|id| (id.clone(), ledger.newest(&id).revision)).collect()
        };
        let file = path(&format!("{n}.jsonl"));
        let (code, told, failed) = ended(backup(&server, &server.tokens().operator, &[file.to_str().unwrap()])).await;
        assert_eq!(code, Some(0), "{failed}");
        assert!(told.starts_with("backed up ") && told.contains(&format!(" to {}", file.display())), "{told}");
        backups.push((file, before));
    }
    load.expect_end();
    assert_eq!(server.stop().await.code(), Some(0));
    while tasks.join_next().await.is_some() {}
    let end = run(&["export", "--data-dir", path("data").to_str().unwrap()]).await;
    let end = histories(&String::from_utf8(end.stdout).unwrap());

    for (n, (file, before)) in backups.iter().enumerate() {
        let copy = path(&format!("copy-{n}"));
        let copy = copy.to_str().unwrap();
        let imported = run(&["import", "--data-dir", copy, file.to_str().unwrap()]).await;
        assert!(imported.status.success(), "{imported:?}");
        let checked = run(&["store", "check", "--data-dir", copy]).await;
        assert!(checked.status.success(), "{checked:?}");
        let again = run(&["export", "--data-dir", copy]).await;
        assert_eq!(again.stdout, crate::files::read(file).unwrap(), "the import is complete");
        let found = histories(&String::from_utf8(again.stdout).unwrap());
        for (id, revision) in before {
            let events = found.get(id).unwrap_or_else(|| panic!("{id} was answered before backup {n}"));
            assert!(events.len() as u64 >= *revision, "{id}: revision {revision} was answered before backup {n}");
        }
        for (id, events) in &found {
            assert!(end[id].starts_with(events), "{id}: the server never had this history");
        }
        assert!(n == 0 || found.len() > before.len() / 2, "it was under load");
    }
}

#[tokio::test]
async fn a_restored_server_continues() {
    let directory = tempfile::tempdir().unwrap();
    let (data, copy, file) = (directory.path().join("data"), directory.path().join("copy"), directory.path().join("b"));
    let server = filled(&data).await;
    let before = crate::ledger::list(&server.operator(), &[]).await;
    let (code, _, failed) = ended(backup(&server, &server.tokens().operator, &[file.to_str().unwrap()])).await;
    assert_eq!(code, Some(0), "{failed}");
    assert!(server.log().contains("backup completed"), "{}", server.log());
    // The same call again answers as the first one did: the idempotency keys are there.
    let imported = run(&["import", "--data-dir", copy.to_str().unwrap(), file.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{imported:?}");
    let restored = Server::start(&copy, &[]).await;
    assert_eq!(crate::ledger::list(&restored.operator(), &[]).await, before);
    let large = "x".repeat(40_000);
    let again = RequestApprovalRequest { arguments: Some(arguments(&[("text", &large)])), ..ask("r0") };
    let (_stream, approval) = open(&mut restored.agent(), again).await.unwrap();
    assert!(before.iter().any(|known| known.id == approval.id));
}

#[tokio::test]
async fn a_file_is_replaced_only_by_force_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"), &[]).await;
    let (token, file) = (server.tokens().operator.clone(), directory.path().join("b.jsonl"));
    let file = file.to_str().unwrap();
    std::fs::write(file, "old").unwrap();
    let (code, told, failed) = ended(backup(&server, &token, &[file])).await;
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert_eq!(
        failed,
        format!("error: cannot use the file\n{file}: exists; name another file, or set --force to replace it\n")
    );
    assert_eq!(crate::files::text(file).unwrap(), "old");
    let (code, told, failed) = ended(backup(&server, &token, &[file, "--force", "--json"])).await;
    assert_eq!(code, Some(0), "{failed}");
    let written = crate::files::read(file).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["size_bytes"], written.len().to_string());
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, streamed, failed) = ended(backup(&server, &token, &["-"])).await;
    assert_eq!((code, streamed.into_bytes()), (Some(0), written), "{failed}");
    assert!(failed.starts_with("backed up 0 approvals, 0 policy versions and 0 tokens, "), "{failed}");
}

#[tokio::test]
async fn only_an_operator_makes_a_backup() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"), &[]).await;
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let file = out.join("b.jsonl");
    for token in [&server.tokens().agent, &server.tokens().reviewer] {
        let (code, _, failed) = ended(backup(&server, token, &[file.to_str().unwrap()])).await;
        assert_eq!(code, Some(1));
        assert!(failed.contains("reason: ROLE_NOT_ALLOWED"), "{failed}");
        assert_eq!(names(&out), [""; 0]);
    }
}
