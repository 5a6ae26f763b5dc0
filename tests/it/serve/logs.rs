//! The log: one line for each event of an approval, and only JSON with `log.format = json`.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use signoff::proto::v1::{
    ClaimExecutionRequest, ExecutionResult, ReportExecutionRequest, RequestApprovalRequest, VoteChoice,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

use crate::{
    calls::{ask, decide, open},
    server::{Server, Tokens, client, serve, signoff, soon},
};

/// A server whose log is read line by line.
struct Logged {
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Logged {
    fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line; panics if it is not JSON.
    async fn next(&mut self) -> Option<Value> {
        let line = soon("there is a line", self.lines.next_line()).await.unwrap()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// The next line with this message.
    async fn told(&mut self, message: &str) -> Value {
        loop {
            let line = self.next().await.unwrap_or_else(|| panic!("the log ends without {message:?}"));
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Its exit code, the rest of its log, and its standard output.
    async fn ended(mut self) -> (Option<i32>, Vec<Value>, String) {
        let mut rest = Vec::new();
        while let Some(line) = self.next().await {
            rest.push(line);
        }
        let mut out = String::new();
        let mut stdout = self.process.stdout.take().unwrap();
        soon("stdout ends", stdout.read_to_string(&mut out)).await.unwrap();
        (soon("it ends", self.process.wait()).await.unwrap().code(), rest, out)
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.process.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

fn json(data: &Path, more: &[&str]) -> Command {
    serve(data, &[&["log.format=json"], more].concat())
}

/// Asks, has it approved, claims and reports, all with secrets wherever texts go. Returns the approval's id.
async fn one_life(address: &str, tokens: &Tokens) -> String {
    let connect = || tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let (mut agent, mut reviewer) = (client(connect(), &tokens.agent), client(connect(), &tokens.reviewer));
    let request = RequestApprovalRequest {
        reason: "secret reason".into(),
        labels: [("team".to_owned(), "secret label".to_owned())].into(),
        ..ask("mail-1")
    };
    let (_, approval) = open(&mut agent, request.clone()).await.unwrap();
    open(&mut agent, request).await.unwrap(); // again: nothing is recorded
    let mut decision = decide(&approval, "d", VoteChoice::Approve);
    decision.comment = "secret comment".into();
    reviewer.decide(decision).await.unwrap();
    let claim = ClaimExecutionRequest {
        approval_id: approval.id.clone(),
        request_id: "c".into(),
        digest: approval.digest.clone(),
    };
    let claim = agent.claim_execution(claim).await.unwrap().into_inner().claim_id;
    let report = ReportExecutionRequest {
        approval_id: approval.id.clone(),
        claim_id: claim,
        request_id: "r".into(),
        result: ExecutionResult::Succeeded.into(),
        message: "secret message".into(),
    };
    agent.report_execution(report).await.unwrap();
    approval.id
}

#[tokio::test]
async fn with_a_json_log_all_output_is_json() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Logged::spawn(json(data.path(), &[]));
    let listening = server.told("listening").await;
    let warned = server.next().await.unwrap();
    assert_eq!(warned["agent"], data.path().join("agent.env").to_str().unwrap(), "{warned}");
    assert!(warned["message"].as_str().unwrap().starts_with("DEVELOPMENT MODE"), "{warned}");
    let id = one_life(listening["address"].as_str().unwrap(), &Tokens::of(data.path())).await;
    server.terminate();
    let (code, lines, out) = server.ended().await;
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let of = |message: &str| {
        let found: Vec<_> = lines.iter().filter(|line| line["message"] == message).collect();
        assert!(found.len() == 1 && found[0]["approval_id"] == id.as_str(), "{message}: {lines:?}");
        assert!(found[0]["level"] == "INFO" && found[0]["tool"] == "send_email", "{found:?}");
        found[0].clone()
    };
    let asked = of("asked");
    assert_eq!((&asked["by"], &asked["agent"]), (&"dev/agent".into(), &"mail-bot".into()), "{asked}");
    assert_eq!((&asked["request_id"], &asked["status"]), (&"mail-1".into(), &"PENDING".into()), "{asked}");
    let decided = of("decided");
    assert_eq!((&decided["by"], &decided["status"]), (&"dev/reviewer".into(), &"APPROVED".into()), "{decided}");
    assert_eq!(of("claimed")["by"], "dev/agent");
    assert_eq!(of("reported")["result"], "SUCCEEDED");
    let all = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for secret in ["secret", "company.com", &Tokens::of(data.path()).agent, &Tokens::of(data.path()).reviewer] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

#[tokio::test]
async fn the_text_log_has_the_same_lines() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let id = one_life(&server.address().to_string(), server.tokens()).await;
    let mut server = server;
    server.terminate();
    assert!(server.ended().await.success());
    let log = server.log();
    for message in ["asked", "decided", "claimed", "reported"] {
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains(&format!("signoff::approvals: {message} "))).collect();
        assert!(lines.len() == 1 && lines[0].contains(&id) && lines[0].contains(" INFO "), "{message}: {log}");
    }
    assert!(!log.contains("secret"), "{log}");
    assert!(!log.lines().any(|line| line.contains("signoff::approvals") && line.contains("company.com")), "{log}");
}

#[tokio::test]
async fn start_errors_are_json_too() {
    let data = tempfile::tempdir().unwrap();
    // With any filter: the reason must never be filtered out.
    for more in [&["log.filter=off"][..], &[]] {
        let first = Server::start(data.path(), &[]).await;
        let (code, lines, out) = Logged::spawn(json(data.path(), more)).ended().await;
        assert_eq!((code, out.as_str()), (Some(1), ""));
        let last = lines.last().unwrap();
        assert!(last["level"] == "ERROR" && last["message"].as_str().unwrap().contains("is in use"), "{lines:?}");
        assert!(first.stop().await.success());
    }
    let mut nobody = signoff(&["serve", "--listen=127.0.0.1:0", "--set=log.format=json", "--data-dir"]);
    nobody.arg(data.path());
    let (code, lines, _) = Logged::spawn(nobody).ended().await;
    assert!(code == Some(2) && lines.last().unwrap()["level"] == "ERROR", "{lines:?}");
    // In the configured format, if that part of the configuration is valid.
    let (code, lines, _) = Logged::spawn(json(data.path(), &["heartbeat=soon", "limits.chian=1"])).ended().await;
    assert_eq!((code, lines.len()), (Some(2), 2), "{lines:?}");
    assert!(lines[1]["message"].as_str().unwrap().contains("did you mean limits.chain?"), "{lines:?}");
}

#[tokio::test]
async fn metrics_distinguish_who_decided() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    open(&mut server.agent(), ask("waits")).await.unwrap();
    let before = super::metrics(&server).await;
    one_life(&server.address().to_string(), server.tokens()).await;
    let after = super::metrics(&server).await;
    let value = |text: &str, name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        line.trim().parse().unwrap()
    };
    for (decider, count) in [("person", 1.0), ("policy", 0.0), ("deadline", 0.0), ("requester", 0.0)] {
        assert_eq!(value(&after, &format!("signoff_decision_seconds_count{{decided_by=\"{decider}\"}}")), count);
    }
    assert_eq!(value(&after, "signoff_tool_approvals_total{tool=\"send_email\",status=\"PENDING\"}"), 2.0);
    assert_eq!(value(&after, "signoff_rule_approvals_total{rule=\"unlisted_tools\",status=\"APPROVED\"}"), 1.0);
    let age = "signoff_oldest_pending_approval_age_seconds";
    assert!(value(&after, age) >= value(&before, age), "the first one is still pending");
}
