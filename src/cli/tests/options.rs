//! Options of the connection, and those that commands share.

use std::sync::Arc;

use clap::FromArgMatches as _;
use tokio::sync::Notify;

use super::{
    fake::{Server, Step::*},
    *,
};
use crate::{
    cli::{check_options, hide_unused_options},
    proto::v1::{ListApprovalsResponse, ListPendingResponse},
};

fn command() -> clap::Command {
    hide_unused_options(Cli::command())
}

fn help(line: &[&str]) -> String {
    command().try_get_matches_from([&["signoff"], line, &["--help"]].concat()).unwrap_err().to_string()
}

fn parsed(line: &[&str]) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut([&["signoff"], line].concat())?;
    check_options(&mut command, &matches)?;
    Cli::from_arg_matches(&matches)
}

#[test]
fn commands_without_a_connection_hide_its_options() {
    command().debug_assert();
    for line in [&["policy", "check"][..], &["policy", "test"], &["policy", "schema"], &["completions"]] {
        let help = help(line);
        assert!(!help.contains("--address") && !help.contains("SIGNOFF_") && !help.contains("Connection:"), "{help}");
        assert!(help.contains("--json"), "{help}");
    }
    for line in [&["pending"][..], &["policy", "show"], &["token", "create"], &["whoami"]] {
        let help = help(line);
        assert!(help.contains("--token-file <FILE>") && help.contains("SIGNOFF_CERTIFICATE"), "{help}");
    }
}

#[test]
fn an_option_without_effect_is_a_usage_error() {
    for line in [
        &["policy", "check", "p.yaml", "--token", "x"][..],
        &["--token", "x", "policy", "check", "p.yaml"],
        &["completions", "bash", "--token-file", "x"],
    ] {
        let error = parsed(line).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("does not connect to a server; remove --token"), "{error}");
    }
    assert!(parsed(&["policy", "check", "p.yaml", "--json"]).is_ok());
    assert!(parsed(&["--token", "x", "pending"]).is_ok());
}

#[test]
fn usage_lines_name_only_what_was_typed() {
    let error = parsed(&["show"]).unwrap_err().to_string();
    assert!(error.contains("Usage: signoff show <ID>"), "{error}");
    let error = parsed(&["request", "deploy", "--timeout", "7"]).unwrap_err().to_string();
    assert!(error.contains("has no unit; write 7s for seconds, or 7m for minutes"), "{error}");
}

#[tokio::test]
async fn a_token_may_come_from_a_file() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "from-a-file\n").unwrap();
    let file = path.to_str().unwrap();
    let decide = |line: &[&str]| {
        let line = [&["signoff", "--address", &server.address], line, &["reject", ID, "--revision", "1"]].concat();
        Cli::parse_from(line.iter().map(ToString::to_string))
    };
    let ran = |cli: Cli| async move {
        let err = Buffer::default();
        let mut console = Console { out: Box::new(io::sink()), err: Box::new(err.clone()), ..Console::standard(false) };
        let code = execute(cli.command, &cli.connection, Cli::command, &mut console, std::future::pending()).await;
        (code, err.text())
    };
    ran(decide(&["--token-file", file])).await;
    assert_eq!(*server.fake.tokens.lock().unwrap(), ["Bearer from-a-file"]);

    let (code, err) = ran(decide(&["--token-file", file, "--token", "x"])).await;
    assert!(code == 2 && err.contains("--token and --token-file are both set"), "{err}");
    std::fs::write(&path, " \n").unwrap();
    let (code, err) = ran(decide(&["--token-file", file])).await;
    assert!(code == 1 && err.contains("token: contains no token"), "{err}");
    let (_, err) = ran(decide(&["--token-file", "/no/such/file"])).await;
    assert!(err.contains("/no/such/file: "), "{err}");
    assert_eq!(server.fake.tokens.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn arguments_that_look_like_numbers_can_be_texts() {
    let server = Server::start().await;
    server.fake.request.answers(vec![Send(update(1, ApprovalStatus::Pending)), Hang(Arc::new(Notify::new()))]);
    let line = ["request", "deploy", "--arg", "version=1.10", "--arg-string", "tag=1e10", "--arg", "n=5"];
    let ran = run(&server.address, &line, None, async |out| out.contains("approval ").await).await;
    let hint = "hint: --arg version=1.10 is the number 1.1; for the text 1.10, use --arg-string version=1.10\n";
    assert!(ran.err.starts_with(hint), "{ran:?}");
    let asked = server.fake.request.asked().remove(0).arguments.unwrap();
    assert_eq!(arguments::to_json(&asked).to_string(), r#"{"n":5,"tag":"1e10","version":1.1}"#);
}

#[tokio::test]
async fn statuses_are_taken_in_capitals_and_spans_end_at_the_servers_now() {
    let server = Server::start().await;
    // This machine's clock is years away from the server's.
    *server.fake.date.lock().unwrap() = "Sat, 15 Jan 2000 08:00:00 GMT".parse().ok();
    server.fake.list_approvals.answers(Ok(ListApprovalsResponse::default()));
    let line = ["history", "--status", "APPROVED,TIMED_OUT,auto-rejected", "--since", "7days"];
    let ran = signoff(&server.address, &line).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let asked = server.fake.list_approvals.asked().remove(0);
    assert_eq!(asked.statuses, [2, 4, 7]);
    let since = asked.created_from.unwrap().seconds;
    assert!((947_923_200 - 604_800..947_923_200).contains(&since), "{since}");
}

#[tokio::test]
async fn a_wrong_clock_shows_no_nonsense() {
    let server = Server::start().await;
    *server.fake.date.lock().unwrap() = "Sat, 15 Jan 2000 08:00:00 GMT".parse().ok();
    let at = |seconds: i64| Some(prost_types::Timestamp { seconds: 947_923_200 + seconds, nanos: 0 });
    let waiting = Approval { create_time: at(-7_500), deadline: at(90_100), ..approval(1, ApprovalStatus::Pending) };
    server.fake.list_pending.answers(Ok(ListPendingResponse { approvals: vec![waiting], ..Default::default() }));
    let ran = run_at(&server.address, &["pending"], None, Some(100), |_| std::future::pending()).await;
    let row = ran.out.lines().nth(1).unwrap();
    assert!(row.contains("  2h5m  ") && row.contains("  1d1h  "), "{}", ran.out);
}
