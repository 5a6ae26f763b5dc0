//! Failing system calls of the server.

#![expect(clippy::disallowed_methods, reason = "a server in another process is waited for by the machine's clock")]

use std::time::{Duration, Instant};

use super::{SETTINGS, preload::preloaded, random, runs, seed};
use crate::{
    ledger::hold_to,
    load::{Load, Random},
    server::{Process, Server, soon},
};

const CALLERS: usize = 4;

/// Maximum duration of a run without a fault.
const LOAD: Duration = Duration::from_millis(700);

/// A fault, as the environment of the preloaded library.
#[derive(Debug)]
struct Fault {
    calls: &'static str,
    at: usize,
    error: &'static str,
    forever: bool,
    torn: bool,
    hang: bool,
    /// Whether calls count only once the server listens.
    serving: bool,
}

/// Calls, with the maximum number of the one that fails: a start makes few calls of most kinds, a load makes many.
const CALLS: [(&str, usize); 7] = [
    ("write", 150),
    ("sync", 60),
    ("range", 60),
    ("write,sync,range", 200),
    ("read", 20),
    ("truncate,rename,unlink", 3),
    ("open", 12),
];

const EIO: &str = "5";
const ENOSPC: &str = "28";

impl Fault {
    fn random(random: &mut Random) -> Self {
        let (calls, last) = CALLS[random.below(CALLS.len())];
        // Many faults come early, because opening makes few calls.
        let last = if random.percent(40) { last.min(20) } else { last };
        Self {
            calls,
            at: 1 + random.below(last),
            error: if random.percent(50) { EIO } else { ENOSPC },
            forever: random.percent(50),
            torn: random.percent(50),
            hang: random.percent(5),
            serving: random.percent(70),
        }
    }
}

/// The results of the runs.
#[derive(Debug, Default)]
struct Count {
    refused: usize,
    failed: usize,
    untouched: usize,
    acknowledged: usize,
    slowest: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_calls_lose_nothing_and_stop_the_server() {
    let (seed, mut count) = (seed("failing calls"), Count::default());
    let runs = runs(16, 1);
    for run in 0..runs {
        let mut random = random(seed, run);
        let fault = Fault::random(&mut random);
        let context = format!("FAULT_SEED={seed}, run {run}: {fault:?}");
        fail(&fault, &context, &mut count).await;
    }
    println!("{runs} failures: {count:?}");
    assert!(count.failed + count.refused > 0, "no fault came: {count:?}");
}

async fn fail(fault: &Fault, context: &str, count: &mut Count) {
    let parent = tempfile::tempdir().unwrap();
    let (data, arm) = (parent.path().join("data"), parent.path().join("arm"));
    let (at, arm_path) = (fault.at.to_string(), arm.to_str().unwrap());
    let mut variables = vec![("FAULT_CALLS", fault.calls), ("FAULT_AT", at.as_str()), ("FAULT_ERRNO", fault.error)];
    variables.extend(fault.forever.then_some(("FAULT_FOREVER", "1")));
    variables.extend(fault.torn.then_some(("FAULT_TORN", "1")));
    // A start that hangs is killed by its parent.
    variables.extend((fault.hang && fault.serving).then_some(("FAULT_HANG", "1")));
    variables.extend(fault.serving.then_some(("FAULT_ARM", arm_path)));

    let load = Load::new();
    match Process::spawn(&data, preloaded(&data, &SETTINGS, &variables)).listening().await {
        Err((status, log)) => {
            assert_eq!(status.code(), Some(1), "{context}: {status}\n{log}");
            count.refused += 1;
        }
        Ok(mut server) => {
            let mut callers = load.start(&server, CALLERS);
            load.expect_end();
            std::fs::write(&arm, b"").unwrap();
            let first = tokio::time::timeout(LOAD, callers.join_next()).await.ok().flatten();
            let began = Instant::now();
            let by_itself = first.is_some();
            if !by_itself {
                server.terminate();
            }
            let mut left = first;
            while let Some(caller) = left {
                caller.unwrap_or_else(|error| panic!("{context}: {error}"));
                left = soon(context, callers.join_next()).await;
            }
            while let Some(caller) = soon(context, callers.join_next()).await {
                caller.unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            let status = server.ended().await;
            let code = status.code();
            assert!(code == Some(1) || (code == Some(0) && !by_itself), "{context}: {status}\n{}", server.log());
            count.slowest = count.slowest.max(began.elapsed());
            *if code == Some(1) { &mut count.failed } else { &mut count.untouched } += 1;
        }
    }
    let ids = load.ledger.lock().unwrap().ids();
    count.acknowledged += ids.len();
    // With the default write_timeout: nothing fails here, and the machine may be busy.
    let server = match Process::spawn(&data, crate::server::serve(&data, &[])).listening().await {
        Ok(server) => server,
        Err((status, log)) => panic!("{context}: it does not start again: {status}\n{log}"),
    };
    hold_to(&server.operator(), &load.ledger, ids, 0).await;
    Server::kill(server).await;
}
