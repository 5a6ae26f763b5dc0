//! `signoff demo`: the story in a pipe and on a terminal, its decisions, and what it leaves behind: nothing.

mod pty;

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use rustix::process::Signal;
use tokio::process::Command;

use self::pty::Terminal;
use crate::server::{signoff, soon};

/// The demo, with its data in this directory.
fn demo(directory: &Path, options: &[&str]) -> Command {
    let mut command = signoff(&["demo"]);
    command.args(options).env("TMPDIR", directory).env("TERM", "xterm");
    command
}

/// The demo at its question, on a terminal.
async fn asking(directory: &Path, options: &[&str]) -> Terminal {
    let terminal = Terminal::spawn(demo(directory, &[&["--pace", "0"], options].concat()));
    terminal.shows("Press a, r or e.").await;
    terminal
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

/// The text without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Presses keys at the question. Returns the story, of which nothing is left.
async fn decided(keys: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mut terminal = asking(directory.path(), &[]).await;
    terminal.press(keys);
    let (status, text) = terminal.ended().await;
    assert!(status.success() && is_empty(directory.path()), "{text}");
    plain(&text)
}

#[tokio::test]
async fn without_a_terminal_a_script_decides() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = demo(directory.path(), &[]);
    // A server of the same machine has nothing to do with it.
    command.env("SIGNOFF_ADDRESS", "http://127.0.0.1:1").env("SIGNOFF_TOKEN", "x").env("SIGNOFF_POLICY", "/nowhere");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = soon("the demo ends", command.output()).await.unwrap();
    let (text, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success() && err.is_empty() && is_empty(directory.path()), "{text}{err}");
    let mut rest = text.as_str();
    for fact in [
        "policy    AUTO_APPROVED by rule search.",
        "tool      search_records runs with {\"query\":\"Alice\"}",
        "policy    AUTO_REJECTED by rule external-email: Agents write to colleagues only.",
        "NOT RUN. The policy does not allow the call to send_email: Agents write to colleagues only.",
        "policy    PENDING by rule large-payment: ",
        "server    Waiting for approval from a reviewer, ",
        "reviewer  APPROVED by dev/reviewer: ",
        "agent     Tries to claim the approval for other arguments: {\"amount\":2500,",
        "(DIGEST_MISMATCH).",
        "server    Grants the claim",
        "tool      process_payment runs with {\"amount\":250,",
        "agent     Reports the outcome: SUCCEEDED.",
        "(ALREADY_CLAIMED).",
        "NOT RUN AGAIN. The call to process_payment was approved and started at ",
        "$ signoff history\nID  ",
        "$ signoff show --events ",
        "reported by dev/agent: SUCCEEDED\n",
        "signoff serve --dev",
    ] {
        let at = rest.find(fact).unwrap_or_else(|| panic!("no {fact:?} there: {text}"));
        rest = &rest[at + fact.len()..];
    }
    for secret in ["\u{1b}", "dev_agent_", "dev_reviewer_", "dev_operator_"] {
        assert!(!text.contains(secret), "{secret:?}: {text}");
    }
}

#[tokio::test]
async fn a_person_approves_by_a_key() {
    let text = decided("a").await;
    assert!(text.contains("you       APPROVED by dev/reviewer.") && text.contains("Result: paid 250 to"), "{text}");
    assert!(!text.contains("With other arguments"), "{text}");
}

#[tokio::test]
async fn a_person_rejects_with_a_comment() {
    let text = decided("rToo much.\r").await;
    assert!(text.contains("you       REJECTED by dev/reviewer: Too much."), "{text}");
    assert!(text.contains("process_payment: Too much. Do") && text.contains("(NOT_APPROVED)."), "{text}");
    assert!(!text.contains("process_payment runs"), "{text}");
}

#[tokio::test]
async fn a_person_approves_another_amount() {
    for amount in ["120", "50", "2500"] {
        let text = decided(&format!("e{amount}\r")).await;
        assert!(text.contains(&format!("With other arguments: {{\"amount\":{amount},")), "{text}");
        assert!(text.contains(&format!("Result: paid {amount} to")) && text.contains("(DIGEST_MISMATCH)."), "{text}");
    }
}

#[tokio::test]
async fn another_terminal_decides_by_the_printed_command() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = asking(directory.path(), &[]).await;
    let text = terminal.text();
    let command = text.lines().map(str::trim).find(|line| line.starts_with(". ") && line.contains(" && ")).unwrap();
    assert!(!text.contains("dev_reviewer_"), "{text}");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-euc", &format!("{command} --yes --comment 'From elsewhere'")]).env_clear().kill_on_drop(true);
    let Output { status, stderr, .. } = soon("it is approved", shell.output()).await.unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let (status, text) = terminal.ended().await;
    let text = plain(&text);
    assert!(text.contains("you       APPROVED by dev/reviewer: From elsewhere."), "{text}");
    assert!(status.success() && text.contains("Result: paid 250 to") && is_empty(directory.path()), "{text}");
}

#[tokio::test]
async fn nobody_decides_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Terminal::spawn(demo(directory.path(), &["--pace", "0", "--timeout", "1s"]));
    let (status, text) = terminal.ended().await;
    let text = plain(&text);
    assert!(status.success() && is_empty(directory.path()), "{text}");
    assert!(text.contains("server    TIMED_OUT by the server") && text.contains("(NOT_APPROVED)."), "{text}");
    assert!(!text.contains("process_payment runs"), "{text}");
}

#[tokio::test]
async fn a_signal_leaves_nothing_behind() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let directory = tempfile::tempdir().unwrap();
        let mut terminal = asking(directory.path(), &[]).await;
        // In the middle of a comment.
        terminal.press("rbecause");
        assert!(terminal.shows("because").await.contains("Comment (Enter"));
        assert!(!is_empty(directory.path()));
        terminal.signal(signal);
        let (status, text) = terminal.ended().await;
        assert!(status.code() == Some(code) && is_empty(directory.path()), "{status}: {text}");
        assert!(text.contains("Interrupted. The demo stopped its server and deleted its data."), "{text}");
    }
    // While it tells the story.
    let directory = tempfile::tempdir().unwrap();
    let terminal = Terminal::spawn(demo(directory.path(), &["--pace", "1h"]));
    terminal.shows("Signoff demo").await;
    terminal.signal(Signal::INT);
    let (status, text) = terminal.ended().await;
    assert!(status.code() == Some(130) && is_empty(directory.path()), "{status}: {text}");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let directory = tempfile::tempdir().unwrap();
    for (directory, options, code, told) in [
        (&*directory.path().join("missing"), &[][..], 1, "Cannot create "),
        (directory.path(), &["--token", "x"], 2, "--token"),
        (directory.path(), &["--pace", "5"], 2, "5s"),
        (directory.path(), &["--timeout", "1ms"], 1, "timeout"),
    ] {
        let output = soon("the demo ends", demo(directory, options).stdin(Stdio::null()).output()).await.unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && err.contains(told), "{options:?}: {err}");
    }
    assert!(is_empty(directory.path()));
}

#[tokio::test]
async fn the_policy_is_one_to_check() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo-policy.yaml");
    let output = soon("it is checked", signoff(&["policy", "check", "--strict", policy]).output()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("4 rules"), "{text}");
}
