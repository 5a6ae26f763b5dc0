//! Commits that wait for a standby in vain: nothing is acknowledged that a failover would lose.

#![expect(clippy::disallowed_methods, reason = "the test prints how long calls take")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use signoff::proto::v1::{ApprovalStatus, VoteChoice};
use tonic::Code;

use super::{fleet::Fleet, pause, replicated::Replicated};
use crate::{
    calls::{ask, decide, open, reason},
    load::Call,
    server::soon,
};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// Backends of servers whose commit waits for a standby.
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'signoff'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_in_vain_are_not_acknowledged() {
    let postgres = Replicated::start().await;
    let fleet = Fleet::start(&vec![postgres.setting(); 2]).await;
    let clients = |number| fleet.clients(number).expect("the server runs");
    let (_, approval) = open(&mut clients(0).agent, ask("before")).await.unwrap();
    let [first, second] = postgres.standbys();
    postgres.stop(first).await;
    postgres.stop(second).await;
    let control = postgres.connect(postgres.primary, "postgres").await;

    for (how, end) in
        [("waits", None), ("is cancelled", Some("pg_cancel_backend")), ("dies", Some("pg_terminate_backend"))]
    {
        let decided = decide(&approval, how, VoteChoice::Approve);
        let calls = [Call::Request(ask(how)), Call::Decide(decided)];
        for (number, call) in calls.into_iter().enumerate() {
            let over = AtomicBool::new(false);
            // The first try, and repetitions at both servers while the wait of the first ends again and again.
            let attempts = async {
                for server in [number, 1 - number, number] {
                    let begun = Instant::now();
                    let answer = tokio::time::timeout(HANGS, clients(server).make(call.clone())).await;
                    let answer = answer.unwrap_or_else(|_| panic!("a call hangs whose commit {how}"));
                    println!("commit {how}, server {server}: {:?} after {:?}", answer.as_ref().err(), begun.elapsed());
                    let status = answer.expect_err("acknowledged, though no standby has it");
                    // A commit whose wait was ended is visible: another decision is then refused, and grants nothing.
                    let refused = reason(&status) == "ALREADY_DECIDED";
                    assert!(refused || status.code() == Code::Unavailable, "{status:?}");
                }
                over.store(true, Ordering::SeqCst);
            };
            let endings = async {
                while let Some(end) = end.filter(|_| !over.load(Ordering::SeqCst)) {
                    let sql = format!("SELECT {end}(pid) FROM ({WAITING}) waiting");
                    control.batch_execute(&sql).await.expect("a superuser may do that");
                    pause().await;
                }
            };
            tokio::join!(attempts, endings);
        }
    }

    postgres.start_again(first).await;
    soon("both servers continue", async {
        for number in [0, 1] {
            let request = Call::Request(ask("waits"));
            while clients(number).make(request.clone()).await.is_err() {
                pause().await;
            }
        }
    })
    .await;
    let repeated = clients(1).make(Call::Decide(decide(&approval, "waits", VoteChoice::Approve))).await;
    println!("the decision, repeated: {repeated:?}");
    let (_, approval) = open(&mut clients(0).agent, ask("before")).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::Approved, "all of these calls approved it");
}
