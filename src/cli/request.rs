//! `signoff request`: ask, and wait for as long as it takes, over as many connections as it takes.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    arguments,
    connection::{Client, ConnectionArgs},
    console::Console,
    describe,
    failure::Failure,
    filters,
    retry::{Backoff, is_transient},
    text::{between, escape, instant, moment},
};
use crate::proto::v1::{
    Agent, Approval, ApprovalStatus, ApprovalUpdate, Progress, RequestApprovalRequest, RequestApprovalResponse,
    request_approval_response::Message,
};

const EXIT_CODES: &str = "\
Exit codes:
    0  approved, by people or by the policy
    2  usage: the command line makes no sense
   10  rejected, by a person or by the policy
   11  timed out
   12  cancelled
   13  ended in a status that this version does not know; never counts as approved
    1  any other failure: refused by the server, server not reachable, ...
  130  interrupted; the approval stays open";

/// Used until the server names the deadline: its own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// Longer than any timeout that a server accepts.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);
/// A peer that never gave an answer, and fails in ways that no server does, is given up after so many tries.
const STRANGE_TRIES: u32 = 3;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct RequestArgs {
    /// Name of the tool, for example `send_email`
    tool: String,
    /// An argument of the call; VALUE is read as JSON when it is valid JSON (5, true, "5", [1,2]), else as text
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    args: Vec<String>,
    /// All arguments as a JSON object: JSON, @FILE, or - for standard input; --arg sets single ones in it
    #[arg(long, value_name = "JSON|@FILE|-")]
    args_json: Option<String>,
    /// Name of the agent that makes the call
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    agent: String,
    /// The agent's run (conversation, job) that the call belongs to
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    run_id: String,
    /// Why the tool is to be run; shown to reviewers
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// How long to wait for a decision, for example 90s, 5m or 2h; the server's default is 5m
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// A label, for policy rules and for finding the approval again
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Idempotency key: the same request with the same key attaches to the same approval; made up when not given
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    request_id: Option<String>,
    /// JSON Schema that the arguments, and any edit of them, must satisfy: JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    schema: Option<String>,
    /// Withdraw the approval when this command ends or loses its connection
    #[arg(long)]
    cancel_on_disconnect: bool,
    /// Print progress as lines on stderr, or with --json as messages; a terminal shows it anyway
    #[arg(long)]
    progress: bool,
}

/// Returns the exit code of the outcome.
pub(super) async fn run(
    args: RequestArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
    interrupt: impl Future<Output = ()>,
) -> Result<u8, Failure> {
    let mut wait = Wait::new(args)?;
    let done = tokio::select! {
        done = wait.follow(connection, console) => Some(done),
        () = interrupt => None,
    };
    match done {
        Some(done) => done,
        None => {
            let text = format!("interrupted; {}", wait.aftermath());
            console.note(&text)?;
            Ok(130)
        }
    }
}

/// The exit code of a status; `None` while it is pending.
fn exit_code(status: i32) -> Option<u8> {
    match ApprovalStatus::try_from(status) {
        Ok(ApprovalStatus::Pending) => None,
        Ok(ApprovalStatus::Approved | ApprovalStatus::AutoApproved) => Some(0),
        Ok(ApprovalStatus::Rejected | ApprovalStatus::AutoRejected) => Some(10),
        Ok(ApprovalStatus::TimedOut) => Some(11),
        Ok(ApprovalStatus::Cancelled) => Some(12),
        Ok(ApprovalStatus::Unspecified) | Err(_) => Some(13),
    }
}

/// How one stream ended.
enum End {
    /// With a status that is not PENDING.
    Decided(u8),
    /// Cut, refused, or over before its time.
    Broken(Status),
}

/// A request and what is known of it so far.
struct Wait {
    /// What to send; its `after_revision` is the newest revision that was printed.
    request: RequestApprovalRequest,
    progress: bool,
    /// The approval's id, once the server named it.
    id: Option<String>,
    /// When the server has certainly given up on it; by this machine's steady clock, as wall clocks may differ.
    deadline: Instant,
    /// The server has not named the deadline yet.
    guessed: bool,
}

impl Wait {
    fn new(args: RequestArgs) -> Result<Self, Failure> {
        let patience = args.timeout.unwrap_or(DEFAULT_TIMEOUT).min(LONGEST);
        let timeout = args.timeout.map(prost_types::Duration::try_from).transpose();
        let agent = Agent { name: args.agent, run_id: args.run_id, chain: Vec::new() };
        Ok(Self {
            request: RequestApprovalRequest {
                request_id: args.request_id.unwrap_or_else(|| Uuid::now_v7().to_string()),
                tool_name: args.tool,
                arguments: arguments::build(args.args_json.as_deref(), &args.args)?,
                agent: (agent != Agent::default()).then_some(agent),
                reason: args.reason,
                timeout: timeout.map_err(|_| Failure::Usage("--timeout: too long".to_owned()))?,
                labels: filters::labels(&args.labels)?,
                arguments_schema: args.schema.map(|schema| arguments::object("--schema", &schema)).transpose()?,
                cancel_on_disconnect: args.cancel_on_disconnect,
                after_revision: 0,
                on_behalf_of: None,
            },
            progress: args.progress,
            id: None,
            deadline: Instant::now() + patience,
            guessed: true,
        })
    }

    async fn follow(&mut self, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
        let mut client = connection.connect().await?;
        let mut backoff = Backoff::new();
        let mut tries = 0;
        loop {
            let began = Instant::now();
            let before = self.request.after_revision;
            let status = match self.attempt(&mut client, console).await? {
                End::Decided(code) => return Ok(code),
                End::Broken(status) => status,
            };
            tries += 1;
            let strange = self.id.is_none() && status.code() != Code::Unavailable && tries >= STRANGE_TRIES;
            if !is_transient(&status) || strange {
                return Err(status.into());
            }
            if began >= self.deadline {
                return Err(Failure::Lost { cause: Box::new(status), hint: self.aftermath() });
            }
            if self.request.after_revision > before {
                backoff = Backoff::new();
            }
            // One more try after the deadline: the server may be back, and then it knows the end.
            let delay = backoff.delay(&status).min(self.deadline.saturating_duration_since(Instant::now()));
            let cause = escape(status.message());
            console.note(&format!("connection lost ({cause}); attaching again in {:.1} s", delay.as_secs_f64()))?;
            tokio::time::sleep(delay).await;
        }
    }

    /// One stream, from its start to its end.
    async fn attempt(&mut self, client: &mut Client, console: &mut Console) -> Result<End, Failure> {
        let mut stream = match client.request_approval(self.request.clone()).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Ok(End::Broken(status)),
        };
        let mut last = None;
        loop {
            let response = match stream.message().await {
                Ok(Some(response)) => response,
                Ok(None) => break,
                Err(status) => return Ok(End::Broken(status)),
            };
            match &response.message {
                Some(Message::Update(update)) => {
                    let Some(approval) = &update.approval else {
                        return Err(Failure::Protocol("an update without its approval"));
                    };
                    self.update(approval, update, &response, console)?;
                    last = exit_code(approval.status);
                    // Only the end of the stream tells that an unknown status is a last one.
                    if let Some(code) = last.filter(|code| *code != 13) {
                        return Ok(End::Decided(code));
                    }
                }
                Some(Message::Progress(progress)) => self.progress(progress, &response, console)?,
                None => {}
            }
        }
        Ok(last.map_or_else(|| End::Broken(Status::unavailable("the stream ended early")), End::Decided))
    }

    fn update(
        &mut self,
        approval: &Approval,
        update: &ApprovalUpdate,
        response: &RequestApprovalResponse,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let seen = self.request.after_revision;
        if self.id.is_none() {
            self.id = Some(approval.id.clone());
            if !console.json {
                let deadline = moment(approval.deadline.as_ref());
                console.line(&format!("approval {}, deadline {deadline}", escape(&approval.id)))?;
            }
        }
        if console.json && approval.revision > seen {
            console.message(response)?;
        } else if !console.json {
            for event in update.events.iter().filter(|event| event.revision > seen) {
                console.line(&describe::event(event))?;
            }
        }
        self.request.after_revision = seen.max(approval.revision);
        // What was left at the newest event is at least what is left now.
        let (newest, deadline) = (approval.update_time.as_ref(), approval.deadline.as_ref());
        if newest.is_some() && deadline.is_some() {
            self.narrow(between(newest.and_then(instant), deadline.and_then(instant)));
        }
        Ok(())
    }

    fn progress(
        &mut self,
        progress: &Progress,
        response: &RequestApprovalResponse,
        console: &mut Console,
    ) -> Result<(), Failure> {
        if let Some(left) = progress.remaining.and_then(|left| left.try_into().ok()) {
            self.narrow(left);
        }
        match (console.json, self.progress, console.err_is_terminal) {
            (true, true, _) => console.message(response)?,
            (false, true, false) => console.note(&escape(&progress.message))?,
            (false, _, true) => console.live(&progress.message)?,
            (true, false, _) | (false, false, false) => {}
        }
        Ok(())
    }

    /// The server knows how much time is left; before it said so, the deadline is a guess.
    fn narrow(&mut self, left: Duration) {
        let deadline = Instant::now() + left.min(LONGEST);
        self.deadline = if self.guessed { deadline } else { self.deadline.min(deadline) };
        self.guessed = false;
    }

    /// What a person can do once this command is gone.
    fn aftermath(&self) -> String {
        let request_id = escape(&self.request.request_id);
        let again = format!("repeat the command with --request-id {request_id} to wait for it again");
        match &self.id {
            Some(id) if self.request.cancel_on_disconnect => {
                format!("the server withdraws approval {0}, as asked; see `signoff show {0}`", escape(id))
            }
            Some(id) => format!("the approval stays open: see `signoff show {}`, or {again}", escape(id)),
            None => format!("the server had not answered: {again}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_approval_exits_with_zero() {
        let expected =
            [(1, None), (2, Some(0)), (3, Some(10)), (4, Some(11)), (5, Some(12)), (6, Some(0)), (7, Some(10))];
        for (status, code) in expected {
            assert_eq!(exit_code(status), code, "{status}");
        }
        for unknown in [-1, 0, 8, 99, i32::MAX] {
            assert_eq!(exit_code(unknown), Some(13), "{unknown}");
        }
    }
}
