//! `signoff exec`: a command runs only after approval, once, and as approved.

use std::process::Stdio;

use prost_types::{ListValue, Struct, Value, value::Kind};
use rustix::process::{Pid, Signal, kill_process};
use signoff::proto::v1::{ApprovalStatus, ExecutionResult, VoteChoice};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    calls::{arguments, decide},
    gate::{approve, get, outcome, pending, start},
    server::{Server, signoff, soon},
};

fn exec(server: &Server, flags: &[&str], command: &[&str]) -> Command {
    let mut exec = signoff(&["exec"]);
    exec.args(flags).arg("--").args(command);
    exec.env("SIGNOFF_ADDRESS", server.address().to_string()).env("SIGNOFF_TOKEN", &server.tokens().agent);
    exec.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    exec.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    exec
}

/// Exit code, standard output and standard error.
async fn ended(child: Child) -> (Option<i32>, String, String) {
    let output = soon("exec ends", child.wait_with_output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn words(words: &[&str]) -> Value {
    let values = words.iter().map(|word| Value { kind: Some(Kind::StringValue((*word).to_owned())) }).collect();
    Value { kind: Some(Kind::ListValue(ListValue { values })) }
}

/// Arguments as a reviewer edits them.
fn edited(command: &[&str], others: &[(&str, &str)]) -> Struct {
    let mut edited = arguments(others);
    edited.fields.insert("command".to_owned(), words(command));
    edited
}

#[tokio::test]
async fn the_commands_result_is_the_outcome_and_the_exit_code() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    for (script, code, result, message) in [
        ("printf done", 0, ExecutionResult::Succeeded, ""),
        ("exit 3", 3, ExecutionResult::Failed, "exit status: 3"),
        ("kill -9 $$", 137, ExecutionResult::Failed, "signal: 9 (SIGKILL)"),
    ] {
        let child = exec(&server, &["--tool", "deploy", "--arg", "to=staging"], &["sh", "-c", script]).spawn().unwrap();
        let approval = approve(&server, None).await;
        let asked = approval.arguments.as_ref().unwrap();
        assert_eq!(asked.fields["command"], words(&["sh", "-c", script]));
        let (ended, out, err) = ended(child).await;
        assert_eq!(ended, Some(code), "{err}");
        assert_eq!(out, if code == 0 { "done" } else { "" }, "only the command writes to stdout");
        assert!(err.contains(&approval.id), "{err}");
        assert_eq!(outcome(&server, &approval.id).await, (result, message.to_owned()));
    }
}

#[tokio::test]
async fn a_command_without_approval_does_not_run() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mark = data.path().join("mark");
    let touch = ["touch", mark.to_str().unwrap()];
    let mut reviewer = server.reviewer();

    let child = exec(&server, &["--tool", "deploy"], &touch).spawn().unwrap();
    let approval = pending(&mut reviewer).await;
    let mut decision = decide(&approval, "d", VoteChoice::Reject);
    decision.comment = "not on a Friday".to_owned();
    reviewer.decide(decision).await.unwrap();
    let (code, _, err) = ended(child).await;
    assert!(code == Some(120) && err.contains("not on a Friday."), "{code:?} {err}");

    let child = exec(&server, &["--tool", "deploy", "--timeout", "1s"], &touch).spawn().unwrap();
    assert_eq!(ended(child).await.0, Some(121));
    let child = exec(&server, &["--tool", "sql.run"], &touch).spawn().unwrap();
    assert_eq!(ended(child).await.0, Some(120));

    let child = exec(&server, &["--tool", "deploy", "--token", "wrong"], &touch).spawn().unwrap();
    let (code, _, err) = ended(child).await;
    let refused = "NOT RUN. The approvals server rejected the request to call deploy.";
    assert!(code == Some(125) && err.contains(refused) && !err.contains("token"), "{code:?} {err}");
    let child = exec(&server, &["--tool", "deploy", "--token", "wrong", "--json"], &touch).spawn().unwrap();
    let (code, _, err) = ended(child).await;
    assert!(code == Some(125) && err.contains(r#""reason":"UNAUTHENTICATED""#), "{code:?} {err}");
    let child = exec(&server, &["--tool", "deploy", "--arg", "command=x"], &touch).spawn().unwrap();
    let (code, _, err) = ended(child).await;
    assert!(code == Some(2) && err.contains("reserved for the command line after `--`"), "{code:?} {err}");
    assert!(!mark.exists());
}

/// The gate waits for a server that starts late. If none starts, the error has the address.
#[tokio::test]
async fn the_gate_waits_for_a_server_that_starts_late() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exec = |patience: &str| {
        let mut exec = signoff(&["exec", "--tool", "lookup", "--patience", patience]);
        exec.args(["--address", &address.to_string(), "--", "true"]);
        exec.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    };
    let (code, _, err) = ended(exec("1ms")).await;
    assert_eq!(code, Some(125), "{err}");
    assert!(err.contains("NOT RUN.") && err.matches("Cannot reach the approvals server.").count() == 1, "{err}");
    assert!(!err.contains(&address.to_string()), "{err}");
    let (code, _, err) = ended(exec("7")).await;
    assert!(code == Some(2) && err.contains("has no unit"), "{err}");
}

#[tokio::test]
async fn the_edited_command_runs() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let child = exec(&server, &["--tool", "deploy"], &["echo", "asked"]).spawn().unwrap();
    approve(&server, Some(edited(&["echo", "edited"], &[]))).await;
    let (code, out, err) = ended(child).await;
    assert_eq!((code, out.as_str()), (Some(0), "edited\n"), "{err}");

    // No longer a command line.
    let child = exec(&server, &["--tool", "deploy"], &["echo", "asked"]).spawn().unwrap();
    let approval = approve(&server, Some(edited(&[], &[]))).await;
    let (code, out, err) = ended(child).await;
    assert!(code == Some(123) && out.is_empty() && err.contains("no command line"), "{err}");
    assert_eq!(get(&mut server.agent(), &approval.id).await.claim, None);
}

#[tokio::test]
async fn edits_of_other_arguments_reach_a_command_that_reads_them() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let script = ["sh", "-c", "printf '%s %s' \"$SIGNOFF_ARGUMENTS\" \"$SIGNOFF_APPROVAL_ID\""];
    let flags = ["--tool", "deploy", "--arg", "to=production"];
    let child = exec(&server, &flags, &script).spawn().unwrap();
    approve(&server, Some(edited(&script, &[("to", "staging")]))).await;
    let (code, out, err) = ended(child).await;
    assert!(code == Some(123) && out.is_empty() && err.contains("--reads-arguments"), "{err}");

    let child = exec(&server, &[&flags[..], &["--reads-arguments"]].concat(), &script).spawn().unwrap();
    let approval = approve(&server, Some(edited(&script, &[("to", "staging")]))).await;
    let (code, out, _) = ended(child).await;
    let (json, id) = out.rsplit_once(' ').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!((code, json["to"].as_str(), id), (Some(0), Some("staging"), &*approval.id));
}

#[tokio::test]
async fn a_command_that_cannot_start_has_its_own_exit_code() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    for (command, code) in [("no-such-command-anywhere", 127), ("/", 126)] {
        let child = exec(&server, &["--tool", "lookup"], &[command]).spawn().unwrap();
        let (ended, _, err) = ended(child).await;
        assert!(ended == Some(code) && err.contains("not run: "), "{ended:?} {err}");
    }
}

#[tokio::test]
async fn signals_end_the_wait_or_reach_the_command() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let (mut reviewer, mut agent) = (server.reviewer(), server.agent());
    let pid = |child: &Child| Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    for (flags, signal, expected, status) in [
        (vec![], Signal::INT, 130, ApprovalStatus::Pending),
        (vec!["--cancel-on-interrupt"], Signal::TERM, 143, ApprovalStatus::Cancelled),
    ] {
        let child = exec(&server, &[&["--tool", "deploy"], &flags[..]].concat(), &["true"]).spawn().unwrap();
        let approval = pending(&mut reviewer).await;
        kill_process(pid(&child), signal).unwrap();
        let (code, _, err) = ended(child).await;
        assert_eq!(code, Some(expected), "{err}");
        assert_eq!(err.contains("is cancelled"), status == ApprovalStatus::Cancelled, "{err}");
        assert_eq!(get(&mut agent, &approval.id).await.status(), status);
        if status == ApprovalStatus::Pending {
            reviewer.decide(decide(&approval, "d", VoteChoice::Reject)).await.unwrap();
        }
    }

    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP")] {
        let script = format!("trap 'echo got {name}; exit 7' {name}; echo up; while :; do sleep 0.01; done");
        let mut child = exec(&server, &["--tool", "lookup"], &["sh", "-c", &script]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(soon("it is up", lines.next_line()).await.unwrap().as_deref(), Some("up"));
        kill_process(pid(&child), signal).unwrap();
        assert_eq!(soon("it ends", lines.next_line()).await.unwrap(), Some(format!("got {name}")));
        let (code, _, err) = ended(child).await;
        assert_eq!(code, Some(7), "{err}");
    }
}

/// A reviewer may edit the command, so it must not get the agent's credentials.
#[tokio::test]
async fn the_command_does_not_get_the_credentials() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mut command = exec(&server, &["--tool", "lookup"], &["env"]);
    let child = command.env("SIGNOFF_INSECURE", "").env("SIGNOFF_CA", "").spawn().unwrap();
    let (code, out, err) = ended(child).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("SIGNOFF_ADDRESS=") && !out.contains("SIGNOFF_TOKEN"), "{out}");
}

/// Standard input is read once, and standard error may be a pipe that no program reads.
#[tokio::test]
async fn arguments_from_stdin_can_be_edited_while_stderr_is_not_read() {
    let data = tempfile::tempdir().unwrap();
    let server = start(&data).await;
    let mut command = exec(&server, &["--tool", "deploy", "--args-json", "-"], &["echo", "asked"]);
    let (deaf, writer) = std::io::pipe().unwrap();
    drop(deaf);
    let mut child = command.stdin(Stdio::piped()).stderr(writer).spawn().unwrap();
    drop(command);
    child.stdin.take().unwrap().write_all(br#"{"to": "staging"}"#).await.unwrap();
    approve(&server, Some(edited(&["echo", "edited"], &[("to", "staging")]))).await;
    let (code, out, _) = ended(child).await;
    assert_eq!((code, out.as_str()), (Some(0), "edited\n"));
}
