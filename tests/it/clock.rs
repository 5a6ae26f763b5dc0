//! The machine's clock jumps: both ways, while a server runs, and over restarts.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use signoff::proto::v1::{Approval, ApprovalStatus, ClaimExecutionRequest, GetApprovalRequest, VoteChoice};
use tonic::Code;

use crate::{
    calls::{ask, decide, next_update, open, reason},
    server::{Process, Server, serve, signoff, soon},
};

const DAY: i64 = 86_400;

/// A claim window that is over when a deadline set after the decision has fired.
const SHORT: &str = "claim_window=1s";

/// A claim window longer than any test.
const LONG: &str = "claim_window=1h";

/// A machine whose clock the test sets.
struct Machine {
    data: tempfile::TempDir,
    /// The preloaded library that is compiled for the test, and the file that it reads.
    library: PathBuf,
    offset: File,
}

impl Machine {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let library = data.path().join("offset.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clock/offset.c");
        let mut compile = std::process::Command::new("cc");
        let compiled = compile.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).status();
        assert!(compiled.expect("there is a C compiler").success());
        let offset = File::create_new(data.path().join("offset")).unwrap();
        let machine = Self { data, library, offset };
        machine.set(0);
        machine
    }

    /// Sets the clock this many days away from the right time.
    fn set(&self, days: i64) {
        self.offset.write_all_at(&(days * DAY).to_ne_bytes(), 0).unwrap();
    }

    fn spawn(&self, setting: &str) -> Process {
        let data = self.data.path().join("data");
        let mut command = serve(&data, &[setting]);
        command.env("LD_PRELOAD", &self.library).env("CLOCK_OFFSET", self.data.path().join("offset"));
        Process::spawn(&data, command)
    }

    async fn start(&self, setting: &str) -> Server {
        match self.spawn(setting).listening().await {
            Ok(server) => server,
            Err((status, log)) => panic!("the server ended with {status}:\n{log}"),
        }
    }

    /// Another command of the program.
    async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = signoff(arguments);
        command.env("LD_PRELOAD", &self.library).env("CLOCK_OFFSET", self.data.path().join("offset"));
        command.output().await.expect("it runs")
    }

    async fn fails_to_start(&self) -> (ExitStatus, String) {
        match self.spawn(LONG).listening().await {
            Ok(_) => panic!("it listens"),
            Err(ended) => ended,
        }
    }
}

/// Makes a request, and waits for its time-out: by the server's clock, more than a claim window later.
async fn time_out(server: &Server, request_id: &str) {
    let mut request = ask(request_id);
    request.timeout = Some(prost_types::Duration { seconds: 2, nanos: 0 });
    let (mut stream, asked) = open(&mut server.agent(), request).await.unwrap();
    let end = next_update(&mut stream).await.unwrap().expect("its end comes").approval.unwrap();
    assert_eq!((end.status(), end.id), (ApprovalStatus::TimedOut, asked.id));
}

async fn approved(server: &Server, request_id: &str) -> Approval {
    let (_, asked) = open(&mut server.agent(), ask(request_id)).await.unwrap();
    let decision = decide(&asked, request_id, VoteChoice::Approve);
    server.reviewer().decide(decision).await.unwrap().into_inner().approval.unwrap()
}

async fn claim(server: &Server, approval: &Approval) -> Result<(), String> {
    let claim = ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: format!("claim of {}", approval.id),
        digest: approval.digest.clone(),
    };
    server.agent().claim_execution(claim).await.map(|_| ()).map_err(|status| {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        reason(&status)
    })
}

/// Waits until the log has this many lines with this text.
async fn logged(server: &Server, text: &str, times: usize) {
    let count = || server.log().lines().filter(|line| line.contains(text)).count();
    soon(text, async {
        while count() < times {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(count(), times, "{text}");
}

/// The value of a metric.
async fn metric(server: &Server, name: &str) -> f64 {
    let text = crate::serve::http::metrics(server).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.trim().parse().expect("a number")
}

#[tokio::test]
async fn setting_the_clock_back_extends_neither_deadline_nor_claim_window() {
    let machine = Machine::new();
    let server = machine.start(SHORT).await;
    let granted = approved(&server, "granted").await;
    machine.set(-1);
    time_out(&server, "while the clock is a day behind").await;
    logged(&server, "the system clock was set back", 1).await;
    assert_eq!(claim(&server, &granted).await, Err("CLAIM_WINDOW_CLOSED".to_owned()));
    let jumps = r#"signoff_clock_jumps_total{direction="backward"}"#;
    assert!((metric(&server, jumps).await - 1.0).abs() < f64::EPSILON);
    assert!(metric(&server, "signoff_clock_ahead_seconds").await > 86_000.0);

    // Nor does a restart with a clock that is set further back, whether the server was stopped or killed.
    server.kill().await;
    machine.set(-1_000);
    let server = machine.start(LONG).await;
    logged(&server, "the system clock is behind the newest time on record", 1).await;
    assert_eq!(claim(&server, &granted).await, Err("CLAIM_WINDOW_CLOSED".to_owned()));
    time_out(&server, "after the restart").await;
    let later = approved(&server, "later").await;
    assert!(later.create_time.unwrap().seconds >= granted.create_time.unwrap().seconds + 2, "time went back");
    assert_eq!(claim(&server, &later).await, Ok(()));
    server.stop().await;
}

/// Nothing is recorded while the claim window closes. The server time must still be saved.
#[tokio::test]
async fn a_claim_window_that_closed_while_idle_stays_closed() {
    let machine = Machine::new();
    let server = machine.start(SHORT).await;
    let granted = approved(&server, "granted").await;
    let kept = machine.data.path().join("data/CLOCK");
    let time = || crate::files::text(&kept).unwrap();
    let first = time();
    soon("three seconds pass", async {
        let mut seen = std::collections::BTreeSet::from([first]);
        while seen.len() < 4 {
            seen.insert(time());
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.kill().await;
    machine.set(-1);
    let server = machine.start(LONG).await;
    assert_eq!(claim(&server, &granted).await, Err("CLAIM_WINDOW_CLOSED".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn deadlines_fire_after_a_jump_forward_was_undone() {
    let machine = Machine::new();
    let server = machine.start(SHORT).await;
    let before = approved(&server, "before").await;
    machine.set(25_000);
    logged(&server, "the system clock was set forward", 1).await;
    assert_eq!(claim(&server, &before).await, Err("CLAIM_WINDOW_CLOSED".to_owned()));
    let ahead = approved(&server, "ahead").await;
    machine.set(0);
    logged(&server, "the system clock was set back", 1).await;
    time_out(&server, "undone").await;
    assert_eq!(claim(&server, &ahead).await, Err("CLAIM_WINDOW_CLOSED".to_owned()));
    server.stop().await;

    let server = machine.start(LONG).await;
    logged(&server, "the system clock is behind the newest time on record", 1).await;
    time_out(&server, "after a restart").await;
    let later = approved(&server, "later").await;
    assert!(later.create_time.unwrap().seconds > ahead.create_time.unwrap().seconds);
    assert_eq!(claim(&server, &later).await, Ok(()));
    server.stop().await;
}

#[tokio::test]
async fn a_start_with_a_wrong_clock_serves_or_reports_why_not() {
    let machine = Machine::new();
    machine.set(-25_000);
    let (status, log) = machine.fails_to_start().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("the system clock says 19") && !log.contains("panicked"), "{log}");
    let fresh = machine.data.path().join("fresh").display().to_string();
    for arguments in [
        &["import", "--data-dir", &fresh, "/dev/null"][..],
        &["token", "create", "--data-dir", &fresh, "--subject", "a", "--kind", "person", "--role", "operator"],
    ] {
        let output = soon("it ends", machine.run(arguments)).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && !error.contains("panicked"), "{arguments:?}: {error}");
    }

    // 1999, then 2095, then now: no record is lost, and server time never goes back.
    let mut made: Vec<Approval> = Vec::new();
    for (n, days) in [-10_000, 25_000, 0].into_iter().enumerate() {
        machine.set(days);
        let server = machine.start(LONG).await;
        let approval = approved(&server, &format!("run {n}")).await;
        assert_eq!(claim(&server, &approval).await, Ok(()), "{days}");
        time_out(&server, &format!("timeout {n}")).await;
        for earlier in &made {
            let get = GetApprovalRequest { approval_id: earlier.id.clone(), ..Default::default() };
            let found = server.agent().get_approval(get).await.unwrap().into_inner().approval.unwrap();
            assert!(found.claim.is_some());
            assert!(earlier.create_time.unwrap().seconds < approval.create_time.unwrap().seconds);
        }
        made.push(approval);
        assert!(server.stop().await.success());
    }
}

#[tokio::test]
async fn a_clock_before_1970_stops_the_server_with_a_message() {
    let machine = Machine::new();
    let mut server = machine.start(LONG).await;
    machine.set(-25_000);
    assert_eq!(server.ended().await.code(), Some(1));
    assert!(server.log().contains("the system clock says 19"), "{}", server.log());
    machine.set(0);
    machine.start(LONG).await.stop().await;
}

#[tokio::test]
async fn the_request_id_of_a_forgotten_approval_is_kept_for_eight_days() {
    const RETAIN: &str = "retain=1h";
    let machine = Machine::new();
    let server = machine.start(RETAIN).await;
    let first = approved(&server, "r1").await;
    server.stop().await;

    machine.set(1);
    let server = machine.start(RETAIN).await;
    let get = || GetApprovalRequest { approval_id: first.id.clone(), ..Default::default() };
    let mut agent = server.agent();
    soon("it is forgotten", async { while agent.get_approval(get()).await.is_ok() {} }).await;
    let refused = open(&mut agent, ask("r1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "REQUEST_FORGOTTEN"));
    server.stop().await;

    machine.set(10);
    let server = machine.start(RETAIN).await;
    let (_, again) = open(&mut server.agent(), ask("r1")).await.unwrap();
    assert_ne!(again.id, first.id);
    server.stop().await;
}
