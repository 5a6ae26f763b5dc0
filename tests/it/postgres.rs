//! The store on PostgreSQL: servers and connections that break, and moving to and from a directory.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use crate::{
    calls::{ask, decide, next_update, open},
    databases::Database,
    kills::{SETTINGS, now, repeat_calls},
    ledger::{assert_whole, hold_to},
    load::{Load, Random},
    server::{Process, Server, signoff, soon},
};
use signoff::proto::v1::{ApprovalStatus, GetApprovalRequest, VoteChoice};

/// Kills of servers, and breaks of all their connections.
const KILLS: usize = 15;

/// Breaks of all connections before each kill.
const BREAKS: usize = 5;

/// Concurrent callers.
const CALLERS: usize = 6;

/// Old approvals that are checked after each kill.
const SAMPLE: usize = 50;

pub(crate) fn settings(store: &str) -> Vec<&str> {
    SETTINGS.into_iter().chain([store]).collect()
}

#[tokio::test]
async fn an_approval_is_decided_and_stays_over_a_kill() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let server = Server::start(data.path(), &[&store]).await;
    let (mut stream, approval) = open(&mut server.agent(), ask("kept")).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::Pending);
    server.reviewer().decide(decide(&approval, "k", VoteChoice::Approve)).await.unwrap();
    let decided = next_update(&mut stream).await.unwrap().unwrap().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
    server.kill().await;
    // Everything is in the database: the server needs nothing of its old directory, apart from development tokens.
    let server = Server::start(data.path(), &[&store]).await;
    let get = GetApprovalRequest { approval_id: approval.id.clone(), ..Default::default() };
    let again = server.agent().get_approval(get).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(again, decided);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_broken_connections_lose_nothing_that_was_acknowledged() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let settings = settings(&store);
    let (load, mut random) = (Load::new(), Random::new());
    let mut answers = 0;
    for round in 0..KILLS {
        let server = Server::start(data.path(), &settings).await;
        let ids = {
            let mut ledger = load.ledger.lock().unwrap();
            let (mut ids, all) = (ledger.take_touched(), ledger.ids());
            ids.extend((0..SAMPLE.min(all.len())).map(|_| all[random.below(all.len())].clone()));
            ids
        };
        hold_to(&server.operator(), &load.ledger, ids, now()).await;
        repeat_calls(&server, &load, &mut random).await;

        let mut callers = load.start(&server, CALLERS);
        let (enough, moment) = (20 + random.below(200), Duration::from_millis(40 + random.below(500) as u64));
        let _ = tokio::time::timeout(moment, load.answered(enough)).await; // any moment is good for a break
        load.expect_end();
        for _ in 0..BREAKS {
            database.break_connections().await;
            tokio::time::sleep(Duration::from_millis(random.below(40) as u64)).await; // so is any other
        }
        server.kill().await;
        while let Some(ended) = soon("the callers notice", callers.join_next()).await {
            ended.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        answers += load.calls().iter().filter(|(_, answer)| answer.is_some()).count();
    }
    let server = Server::start(data.path(), &settings).await;
    let ids = load.ledger.lock().unwrap().ids();
    hold_to(&server.operator(), &load.ledger, ids, now() + 30).await; // the short deadlines all pass meanwhile
    assert_whole(&server.operator(), &load.ledger).await;
    let approvals = load.ledger.lock().unwrap().len();
    println!("{approvals} approvals, {answers} changes acknowledged, {KILLS} kills, {} breaks", KILLS * BREAKS);
    assert!(approvals > 10 * KILLS, "too few approvals to be a load");
}

#[tokio::test]
async fn a_server_survives_broken_connections_and_its_streams_stay_open() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let store = database.setting();
    let server = Server::start(data.path(), &[&store]).await;
    let (mut stream, approval) = open(&mut server.agent(), ask("waits")).await.unwrap();
    for _ in 0..BREAKS {
        database.break_connections().await;
    }
    soon("the decision is accepted", async {
        while server.reviewer().decide(decide(&approval, "k", VoteChoice::Approve)).await.is_err() {}
    })
    .await;
    let decided = next_update(&mut stream).await.unwrap().unwrap().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
}

#[tokio::test]
async fn a_store_moves_to_postgres_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let database = Database::create().await;
    let server = Server::start(&path("old"), &[]).await;
    for n in 0..20 {
        let (_, approval) = open(&mut server.agent(), ask(&format!("r{n}"))).await.unwrap();
        if n % 2 == 0 {
            server.reviewer().decide(decide(&approval, "k", VoteChoice::Approve)).await.unwrap();
        }
    }
    assert!(server.stop().await.success());
    let (old, new) = (path("old.jsonl"), path("new.jsonl"));
    run(&["export", "--data-dir", text(&path("old")), "--output", text(&old)]).await;
    run(&["import", "--store", &database.url(), text(&old)]).await;
    run(&["import", "--store", &database.url(), text(&old)]).await;
    run(&["export", "--store", &database.url(), "--output", text(&path("there.jsonl"))]).await;
    run(&["import", "--data-dir", text(&path("new")), text(&path("there.jsonl"))]).await;
    run(&["export", "--data-dir", text(&path("new")), "--output", text(&new)]).await;
    let lines = |file: &Path| fs::read_to_string(file).unwrap();
    assert_eq!(lines(&path("there.jsonl")), lines(&old));
    assert_eq!(lines(&new), lines(&old));
}

#[tokio::test]
async fn a_missing_data_directory_is_created_private() {
    let (parent, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let (data, store) = (parent.path().join("new/data"), database.setting());
    let server = Server::start(&data, &[&store]).await;
    open(&mut server.agent(), ask("served")).await.unwrap();
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_first_token_is_created_in_the_database() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let url = database.url();
    assert!(run(&["store", "status", "--store", &url]).await.starts_with("no tables"));
    // Without a token the server does not start, and says how to create one there.
    let mut serve = signoff(&["serve", "--listen", "127.0.0.1:0", "--store", &url, "--data-dir"]);
    serve.arg(data.path());
    let (_, log) = Process::spawn(data.path(), serve).listening().await.unwrap_err();
    assert!(log.contains(&format!("signoff token create --store {url} --subject")), "{log}");
    let who = ["--subject", "me", "--kind", "person", "--role", "operator"];
    let created = run(&[&["token", "create", "--store", &url][..], &who].concat()).await;
    assert!(run(&["token", "list", "--store", &url]).await.contains("local/me"));
    assert!(run(&["store", "status", "--store", &url]).await.starts_with("version 1; "));
    assert!(run(&["store", "migrate", "--store", &url]).await.starts_with("version 1; "));
    let mut serve = signoff(&["serve", "--listen", "127.0.0.1:0", "--store", &url, "--data-dir"]);
    serve.arg(data.path());
    let server = Process::spawn(data.path(), serve).listening().await.expect("a token is enough to serve");
    let secret = created.split_whitespace().find(|word| word.starts_with("signoff_")).expect("the secret is printed");
    let get = GetApprovalRequest { approval_id: uuid::Uuid::nil().to_string(), ..Default::default() };
    // The server knows the token, whose role may not read approvals.
    let status = server.client(secret).get_approval(get).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

/// Runs a command, and returns what it prints.
pub(crate) async fn run(arguments: &[&str]) -> String {
    let output = signoff(arguments).output().await.expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
