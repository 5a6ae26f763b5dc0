//! `kill -9`: everything acknowledged is there afterwards, and the server always starts again.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use prost_types::Timestamp;
use signoff::proto::v1::{Approval, ApprovalStatus, WatchApprovalRequest};

use crate::{
    calls::{ask, next_update, open},
    deployment::in_directory,
    ledger::{assert_whole, hold_to},
    load::{Call, Clients, Load, Random},
    server::{Process, Server, serve, soon},
};

/// Kills under load.
const KILLS: usize = 50;

/// Concurrent callers, in addition to their bursts and streams.
const CALLERS: usize = 6;

/// Old approvals that are checked after each kill, in addition to those of the round. At the end, all are.
const SAMPLE: usize = 50;

/// Calls that are repeated concurrently.
const REPEATED_AT_ONCE: usize = 16;

/// For short deadlines, and for more approvals than one caller may usually have.
pub(crate) const SETTINGS: [&str; 4] =
    ["limits.timeout_min=10ms", "heartbeat=200ms", "limits.pending_per_caller=1000000", "log.filter=warn"];

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "to compare with the deadlines of a server in another process")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let (load, mut random) = (Load::new(), Random::new());
    let (mut answers, mut timed_out, mut killed_starting) = (0, 0, 0);
    for round in 0..KILLS {
        while random.percent(30) {
            killed_starting += usize::from(kill_while_starting(data.path(), &mut random).await);
        }
        let planted = (in_directory() && random.percent(30)).then(|| plant_half_written_snapshot(data.path()));
        let server = Server::start(data.path(), &SETTINGS).await;
        assert!(planted.is_none_or(|file| !file.exists()), "the half-written snapshot is still there");

        let ids = {
            let mut ledger = load.ledger.lock().unwrap();
            let (mut ids, all) = (ledger.take_touched(), ledger.ids());
            ids.extend((0..SAMPLE.min(all.len())).map(|_| all[random.below(all.len())].clone()));
            ids
        };
        timed_out += hold_to(&server.operator(), &load.ledger, ids, now()).await;
        repeat_calls(&server, &load, &mut random).await;

        let mut callers = load.start(&server, CALLERS);
        let (enough, moment) = (20 + random.below(400), Duration::from_millis(40 + random.below(800) as u64));
        let _ = tokio::time::timeout(moment, load.answered(enough)).await; // any moment is good for a kill
        load.expect_end();
        server.kill().await;
        while let Some(ended) = soon("the callers notice", callers.join_next()).await {
            ended.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        answers += load.calls().iter().filter(|(_, answer)| answer.is_some()).count();
    }
    let server = Server::start(data.path(), &SETTINGS).await;
    let ids = load.ledger.lock().unwrap().ids();
    hold_to(&server.operator(), &load.ledger, ids, now() + 30).await; // the short deadlines all pass meanwhile
    assert_whole(&server.operator(), &load.ledger).await;

    let approvals = load.ledger.lock().unwrap().len();
    println!("{approvals} approvals, {answers} changes acknowledged, {timed_out} timed out after a restart");
    println!("{KILLS} kills under load, {killed_starting} while starting");
    assert!(approvals > 10 * KILLS, "too few approvals to be a load");
}

/// Kills a server at a random moment before it listens. False if it listened first.
async fn kill_while_starting(data: &Path, random: &mut Random) -> bool {
    let mut process = Process::spawn(data, serve(data, &SETTINGS));
    let started = process.started(Duration::from_millis(random.below(120) as u64)).await;
    process.kill().await;
    !started
}

/// Creates the file that a kill leaves while sled writes a snapshot, beside the newest complete one.
fn plant_half_written_snapshot(data: &Path) -> PathBuf {
    let sled = data.join("sled");
    fs::create_dir_all(&sled).unwrap();
    let names = fs::read_dir(&sled).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let newest = names.filter(|name| name.starts_with("snap.") && !name.ends_with(".generating")).max();
    let file = sled.join(format!("{}.generating", newest.as_deref().unwrap_or("snap.0000000000000000")));
    fs::write(&file, b"half a snap").unwrap();
    file
}

/// Repeats calls of the previous round with the same request_id: all unanswered ones, and some answered ones.
pub(crate) async fn repeat_calls(server: &Server, load: &Load, random: &mut Random) {
    let clients = Clients { agent: server.agent(), reviewer: server.reviewer() };
    let calls = load.calls().into_iter().filter(|(_, answer)| answer.is_none() || random.percent(20));
    stream::iter(calls)
        .for_each_concurrent(REPEATED_AT_ONCE, |(call, answer)| repeat_call(clients.clone(), load, call, answer))
        .await;
}

async fn repeat_call(mut clients: Clients, load: &Load, call: Call, answer: Option<Approval>) {
    let known = match &call {
        Call::Request(request) => load.ledger.lock().unwrap().of_request(&request.request_id).cloned(),
        _ => None,
    };
    let again = soon("a repeated call is answered", clients.make(call.clone())).await;
    match (&answer, again) {
        (Some(first), Err(status)) => panic!("{call:?} gave {first:?}, and repeated {status:?}"),
        (None, Err(status)) => assert!(load.refused(&status), "{call:?}, repeated, gave {status:?}"),
        (_, Ok(approval)) => {
            load.ledger.lock().unwrap().saw(&approval);
            if let Some(first) = known.or(answer) {
                assert_eq!(approval.id, first.id, "{call:?} made a second approval");
            }
            let once_more = clients.make(call.clone()).await.expect("it was accepted before");
            assert_eq!(once_more.id, approval.id, "{call:?} made a second approval");
            load.ledger.lock().unwrap().saw(&once_more);
        }
    }
}

#[tokio::test]
async fn a_deadline_that_passes_while_the_server_is_down_fires_on_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut request = ask("short");
    request.timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let (_stream, approval) = open(&mut server.agent(), request).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::Pending);
    server.kill().await;

    #[expect(clippy::disallowed_methods, reason = "time must pass while no server runs: nothing else happens")]
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let server = Server::start(data.path(), &[]).await;
    let watch = WatchApprovalRequest { approval_id: approval.id.clone(), after_revision: 1 };
    let mut stream = server.operator().watch_approval(watch).await.unwrap().into_inner();
    let mut newest = None;
    while let Some(update) = next_update(&mut stream).await.unwrap() {
        newest = update.approval;
    }
    let approval = newest.expect("the deadline is an event");
    assert_eq!((approval.status(), approval.revision), (ApprovalStatus::TimedOut, 2));
    let time = |time: &Option<Timestamp>| time.as_ref().map(|time| (time.seconds, time.nanos));
    let decided = approval.decision.as_ref().expect("a decision");
    assert!(time(&decided.decide_time) >= time(&approval.deadline));
}
