//! `signoff exec`: the gate around a command, for shells and CI.

mod signals;

use std::{fmt, io, process::ExitStatus, time::Duration};

use clap::Args;
use prost_types::{ListValue, Struct, Value as WireValue, value::Kind as ValueKind};
use serde_json::{Map, Value};
use signoff_client::{Call, Kind, Permit, Refusal, Run, Step, Wait};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use self::signals::Signals;
use super::{
    call::{CallArgs, aftermath, failure, text},
    connection::ConnectionArgs,
    console::Console,
    failure::{Credentials, Failure},
    progress_printer::ProgressPrinter,
    text::escape,
};
use crate::config::parse_duration;

const EXIT_CODES: &str = "\
Reviewers see COMMAND as the argument `command`. After approval it runs without a shell. If a reviewer edits `command`,
the edited command runs. Edits of other arguments reach COMMAND only in SIGNOFF_ARGUMENTS: without --reads-arguments,
such an edit prevents the run. COMMAND gets the approval's id in SIGNOFF_APPROVAL_ID. It does not get SIGNOFF_TOKEN,
SIGNOFF_CERTIFICATE and SIGNOFF_KEY.

Exit codes:
    the exit code of COMMAND, if it ran; 128 + N if signal N ended it
  120  rejected, by a person or by the policy
  121  timed out
  122  cancelled
  123  not run for another reason: revoked, frozen, already started, claim window closed, an edit that COMMAND cannot
       take, ...
  125  approval not requested: rejected by the server, server not reachable within --patience, ...
  126  COMMAND cannot start
  127  COMMAND not found
128+N  signal N (an interrupt is 2) came before COMMAND started; later signals are passed on to COMMAND
    2  usage error

If standard error is not a terminal, a model may read it: messages then contain only what a model may know. With
--json they have the details.";

/// The argument that contains the command line.
const COMMAND: &str = "command";
/// Removed from COMMAND's environment: it must do what was approved, not request more.
const CREDENTIALS: [&str; 3] = ["SIGNOFF_TOKEN", "SIGNOFF_CERTIFICATE", "SIGNOFF_KEY"];
/// Maximum time for the report of the outcome after a signal.
const HURRY: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ExecArgs {
    /// Name of the tool, for policy rules and reviewers, for example `deploy`
    #[arg(long, value_name = "NAME")]
    tool: String,
    #[command(flatten)]
    call: CallArgs,
    /// Declare that COMMAND reads its arguments as JSON from SIGNOFF_ARGUMENTS, and so follows edits of them
    #[arg(long)]
    reads_arguments: bool,
    /// Maximum time to reach the server, for each of request, claim, and report
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    patience: Duration,
    /// Cancel the request if this command is interrupted while it waits [default: the approval stays open]
    #[arg(long)]
    cancel_on_interrupt: bool,
    /// Print progress as lines; a terminal always shows progress
    #[arg(long)]
    progress: bool,
    /// Command to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Returns the exit code: see [`EXIT_CODES`]. Standard output belongs to COMMAND. A message that cannot be written is
/// lost: the outcome does not depend on it.
pub(super) async fn run(args: ExecArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
    console.results_to_stderr = true;
    let asked = args.call.arguments(console)?;
    let (others, reads_arguments) = (asked.clone(), args.reads_arguments);
    let call = args
        .call
        .call(args.tool.clone(), with_command(asked.clone(), &args.command)?)?
        .patience(args.patience)
        .check_edit(move |edited| edited_command(edited, &others, reads_arguments).map(|_| ()));
    match (Exec { args, asked, signals: Signals::listen()? }).gate(&call, connection, console).await {
        Err(failure) if failure.exit_code() == 1 => {
            console.failure(&failure, connection.credentials());
            Ok(125)
        }
        done => done,
    }
}

/// One run of the gate.
struct Exec {
    args: ExecArgs,
    /// The arguments without the command line.
    asked: Struct,
    /// Listens from the start, so that no signal is lost between the steps.
    signals: Signals,
}

impl Exec {
    async fn gate(mut self, call: &Call, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
        let client = connection.lazy_client()?;
        let mut wait = client.ask(call).map_err(|refusal| failure(refusal, String::new, console))?;
        let mut printer = ProgressPrinter::new(self.args.progress, connection.address()?, self.args.patience);
        let decided = loop {
            let step = tokio::select! {
                step = wait.next() => step,
                signal = self.signals.next() => {
                    interrupted(wait, self.args.cancel_on_interrupt, console).await;
                    return Ok(signals::exit_code(signal));
                }
            };
            match step {
                Ok(Step::Decided(approval)) => break approval,
                Ok(step) => _ = printer.tell(step, console),
                Err(refusal) => return refused(refusal, || aftermath(&wait, false), console),
            }
        };
        // A signal does not stop this: a granted claim must be reported.
        let id = decided.id.clone();
        match client.claim(call, *decided).await {
            Ok(permit) => Ok(self.execute(permit, console).await),
            Err(refusal) => {
                let hint = || format!("the approval may have been claimed: see `signoff show {}`", escape(&id));
                refused(refusal, hint, console)
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
    async fn execute(mut self, mut permit: Permit, console: &mut Console) -> u8 {
        let ended = match self.signals.pending() {
            Some(signal) => Err(Failed::Interrupted(signal)),
            None => self.run_command(&mut permit).await,
        };
        let code = ended.as_ref().map_or_else(Failed::exit_code, |()| 0);
        if let Err(failed) = &ended
            && !matches!(failed, Failed::Ended(_))
        {
            tell(console, &failed.to_string());
        }
        let mut report = std::pin::pin!(permit.report(ended.map_err(|failed| failed.to_string())));
        let reported = tokio::select! {
            reported = &mut report => Some(reported),
            _ = self.signals.next() => timeout(HURRY, report).await.ok(),
        };
        match reported {
            Some(Ok(())) => {}
            Some(Err(status)) => tell(console, &format!("the outcome was not reported: {}", status.message())),
            None => tell(console, "the outcome was not reported in time"),
        }
        code
    }

    async fn run_command(&mut self, permit: &mut Permit) -> Result<(), Failed> {
        let run = permit.run();
        let command = if run.edited {
            edited_command(&run.arguments, &self.asked, self.args.reads_arguments).map_err(Failed::Unfit)?
        } else {
            self.args.command.clone()
        };
        let not_started = |error| Failed::NotStarted { program: command[0].clone(), error };
        let mut child = start(&command, run).map_err(not_started)?;
        permit.start();
        let status = self.until_end(&mut child).await.map_err(Failed::Lost)?;
        if status.success() { Ok(()) } else { Err(Failed::Ended(status)) }
    }

    /// Waits until COMMAND ends, and passes signals on to it.
    async fn until_end(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                signal = self.signals.next() => signals::pass_on(signal, child),
            }
        }
    }
}

/// The command line after a reviewer's edit, if it can run. `asked` are the other arguments before the edit.
fn edited_command(edited: &Map<String, Value>, asked: &Struct, reads_arguments: bool) -> Result<Vec<String>, String> {
    let mut others = edited.clone();
    let command = others.remove(COMMAND).and_then(|command| serde_json::from_value::<Vec<String>>(command).ok());
    let command = command.filter(|command| !command.is_empty());
    let command = command.ok_or_else(|| format!("has no command line in `{COMMAND}`"))?;
    if reads_arguments || signoff_client::decode(asked) == others {
        return Ok(command);
    }
    Err(format!("changes more than `{COMMAND}`, which needs --reads-arguments"))
}

/// The arguments with the command line among them.
fn with_command(mut arguments: Struct, command: &[String]) -> Result<Struct, Failure> {
    let words = command.iter().map(|word| WireValue { kind: Some(ValueKind::StringValue(word.clone())) }).collect();
    let list = WireValue { kind: Some(ValueKind::ListValue(ListValue { values: words })) };
    match arguments.fields.insert(COMMAND.to_owned(), list) {
        None => Ok(arguments),
        Some(_) => Err(Failure::Usage(format!("the argument `{COMMAND}` is reserved for the command line after `--`"))),
    }
}

async fn interrupted(wait: Wait, cancel: bool, console: &mut Console) {
    if !cancel {
        return tell(console, &format!("interrupted; {}", aftermath(&wait, false)));
    }
    let id = wait.approval_id().map_or_else(|| "the approval".to_owned(), |id| format!("approval {id}"));
    match wait.withdraw().await {
        Ok(()) => tell(console, &format!("interrupted; {id} is cancelled")),
        Err(refusal) => {
            let problem = text(&refusal, console);
            tell(console, &format!("interrupted; cannot cancel {id}: {problem}"));
        }
    }
}

/// Prints a message that the outcome does not depend on.
fn tell(console: &mut Console, text: &str) {
    if console.json {
        console.failure(&Failure::Stopped(text.to_owned()), Credentials::default());
    } else {
        _ = console.note(&escape(text));
    }
}

fn refused(refusal: Refusal, hint: impl FnOnce() -> String, console: &mut Console) -> Result<u8, Failure> {
    let code = match refusal.kind {
        Kind::Rejected { .. } | Kind::AutoRejected { .. } => 120,
        Kind::TimedOut => 121,
        Kind::Cancelled => 122,
        Kind::RequestFailed(_) | Kind::Unavailable { .. } => return Err(failure(refusal, hint, console)),
        _ => 123,
    };
    let message = text(&refusal, console);
    tell(console, &message);
    Ok(code)
}

/// Why COMMAND did not succeed. Its text is reported as the outcome.
#[derive(Debug)]
enum Failed {
    Ended(ExitStatus),
    NotStarted { program: String, error: io::Error },
    Lost(io::Error),
    Unfit(String),
    Interrupted(i32),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "{status}"),
            Self::NotStarted { program, error } => write!(f, "not run: {program}: {error}"),
            Self::Lost(error) => write!(f, "run, but its exit status is unknown: {error}"),
            Self::Unfit(problem) => write!(f, "not run: the edit {problem}"),
            Self::Interrupted(signal) => write!(f, "not run: interrupted by signal {signal}"),
        }
    }
}

impl Failed {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Ended(status) => code_of(*status),
            Self::NotStarted { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::NotStarted { .. } => 126,
            Self::Lost(_) => 1,
            Self::Unfit(_) => 123,
            Self::Interrupted(signal) => signals::exit_code(*signal),
        }
    }
}

fn start(command: &[String], run: &Run) -> io::Result<Child> {
    let arguments = serde_json::Value::Object(run.arguments.clone()).to_string();
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]).env("SIGNOFF_ARGUMENTS", arguments).env("SIGNOFF_APPROVAL_ID", &run.approval_id);
    for name in CREDENTIALS {
        child.env_remove(name);
    }
    child.spawn()
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let by_signal = || status.signal().map(signals::exit_code);
    status.code().and_then(|code| u8::try_from(code).ok()).or_else(by_signal).unwrap_or(1)
}
