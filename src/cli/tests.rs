//! Tests of the commands, from command line to output, against a scripted server.

mod backup;
mod captures;
mod fake;
mod gate;
mod ids;
mod lists;
mod notify;
mod options;
mod reviewing;
mod sessions;
mod waiting;

use std::{
    io::{self, Cursor, Write},
    sync::{Arc, Mutex},
};

use clap::{CommandFactory as _, Parser};
use tokio::sync::Notify;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{ClientCommand, ConnectionArgs, arguments, console::Console, execute};
use crate::proto::v1::{
    Actor, ActorKind, Approval, ApprovalStatus, ApprovalUpdate, Decision, Event, Panel, RequestApprovalResponse, event,
    request_approval_response::Message,
};

#[derive(Debug, Parser)]
#[command(name = "signoff")]
struct Cli {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: ClientCommand,
}

/// The result of a command.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

#[derive(Clone, Default)]
struct Buffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    written: Arc<Notify>,
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.notify_one();
        self.bytes.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    async fn contains(&self, text: &str) {
        while !self.text().contains(text) {
            self.written.notified().await;
        }
    }
}

/// Runs a command without a terminal.
async fn signoff(address: &str, line: &[&str]) -> Ran {
    run(address, line, None, |_| std::future::pending()).await
}

/// Runs a command; with an answer, on a terminal where the user types it. Removes colours. The interrupt may wait for
/// output.
async fn run<I: Future<Output = ()>>(
    address: &str,
    line: &[&str],
    answer: Option<&str>,
    interrupt: impl FnOnce(Buffer) -> I,
) -> Ran {
    run_at(address, line, answer, None, interrupt).await
}

/// Like [`run`], with results on a terminal of this width.
async fn run_at<I: Future<Output = ()>>(
    address: &str,
    line: &[&str],
    answer: Option<&str>,
    width: Option<usize>,
    interrupt: impl FnOnce(Buffer) -> I,
) -> Ran {
    let cli = Cli::parse_from(["signoff", "--address", address, "--token", "t0ken"].iter().chain(line));
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut console = Console {
        results_to_stderr: false,
        out: Box::new(anstream::StripStream::new(Box::new(out.clone()) as Box<dyn Write + Send>)),
        err: Box::new(err.clone()),
        input: Box::new(Cursor::new(answer.unwrap_or_default().to_owned())),
        json: cli.connection.json,
        can_ask: answer.is_some(),
        out_width: width,
        err_width: answer.map(|_| 80).or(width),
        live: 0,
    };
    let code = execute(cli.command, &cli.connection, Cli::command, &mut console, interrupt(out.clone())).await;
    Ran { code, out: out.text(), err: err.text() }
}

fn alice() -> Option<Actor> {
    Some(Actor { kind: ActorKind::Person.into(), issuer: "dev".to_owned(), subject: "alice".to_owned() })
}

/// The id of [`approval`].
const ID: &str = "0198c1d2-3e4f-7abc-8def-000000000001";

fn digest() -> String {
    signoff_client::digest("send_email", &email())
}

fn email() -> prost_types::Struct {
    arguments::object("", r#"{"to":"x\u202ey@example.com"}"#).unwrap()
}

fn approval(revision: u64, status: ApprovalStatus) -> Approval {
    Approval {
        id: ID.to_owned(),
        revision,
        status: status.into(),
        tool_name: "send_email".to_owned(),
        arguments: Some(email()),
        digest: digest(),
        quorum: 2,
        panels: vec![Panel { quorum: 2, ..Panel::default() }],
        decision: (status != ApprovalStatus::Pending).then(|| decision(status, "because")),
        ..Approval::default()
    }
}

fn decision(status: ApprovalStatus, comment: &str) -> Decision {
    Decision {
        status: status.into(),
        decided_by: alice(),
        comment: comment.to_owned(),
        revision_seen: 1,
        ..Decision::default()
    }
}

/// An update with one event: the request at revision 1, otherwise the decision.
fn update(revision: u64, status: ApprovalStatus) -> RequestApprovalResponse {
    let kind = if revision == 1 {
        event::Kind::Requested(event::Requested { digest: digest(), status: status.into(), arguments: Some(email()) })
    } else {
        event::Kind::Decided(decision(status, "because"))
    };
    let event = Event { revision, actor: alice(), kind: Some(kind), ..Event::default() };
    let update = ApprovalUpdate { approval: Some(approval(revision, status)), events: vec![event] };
    RequestApprovalResponse { message: Some(Message::Update(update)) }
}

/// An error from the server itself, with a reason.
fn refusal(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let metadata: std::collections::HashMap<_, _> = metadata.collect();
    Status::with_error_details(code, "refused", ErrorDetails::with_error_info(reason, "signoff.v1", metadata))
}

#[test]
fn help_is_valid_and_hides_the_token() {
    Cli::command().debug_assert();
    for line in [vec!["signoff", "--help"], vec!["signoff", "request", "--help"]] {
        let help = Cli::try_parse_from(line).err().unwrap().to_string();
        assert!(help.contains("SIGNOFF_TOKEN"), "{help}");
        assert!(!help.contains("SIGNOFF_TOKEN="), "{help}");
    }
    let help = Cli::try_parse_from(["signoff", "request", "--help"]).err().unwrap().to_string();
    for code in [
        "0  approved",
        "2  usage",
        "10  rejected",
        "11  timed out",
        "12  cancelled",
        "13  unknown final status",
        "1  any",
    ] {
        assert!(help.contains(code), "{code} in {help}");
    }
}

#[tokio::test]
async fn completions_name_the_commands() {
    let ran = signoff("http://127.0.0.1:1", &["completions", "bash"]).await;
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("signoff__subcmd__request") || ran.out.contains("signoff__request"), "{}", ran.out);
}
