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
    call::{CallArgs, aftermath, failure},
    connection::ConnectionArgs,
    console::Console,
    failure::Failure,
    progress_printer::ProgressPrinter,
    text::escape,
};

const EXIT_CODES: &str = "\
COMMAND is what reviewers see, as the argument `command`, and what is run, without a shell, once it is approved. When a
reviewer edits `command`, the edited one is run. Edits of other arguments reach COMMAND in SIGNOFF_ARGUMENTS; unless
--reads-arguments says that it reads them there, it is not run then. SIGNOFF_APPROVAL_ID is the approval's id; the credentials
of this command (SIGNOFF_TOKEN, SIGNOFF_CERTIFICATE, SIGNOFF_KEY) are kept from COMMAND.

Exit codes:
    COMMAND's own, when it ran; 128 + N when signal N ended it
  120  rejected, by a person or by the policy
  121  timed out
  122  cancelled
  123  not run for another reason: started before, approved too long ago, edited in a way that COMMAND cannot take, ...
  125  approval could not be asked for: refused by the server, server not reachable, ...
  126  COMMAND cannot be started
  127  COMMAND is not there
128+N  signal N (an interrupt is 2) came before COMMAND was started; later ones are passed on to it
    2  usage: the command line makes no sense";

/// The argument that holds the command line.
const COMMAND: &str = "command";
/// What COMMAND does not get: it is to do what was approved, not to ask for more.
const CREDENTIALS: [&str; 3] = ["SIGNOFF_TOKEN", "SIGNOFF_CERTIFICATE", "SIGNOFF_KEY"];
/// How long the report of an outcome may still take when a signal asks to end.
const HURRY: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ExecArgs {
    /// Name of the tool, for policy rules and reviewers, for example `deploy`
    #[arg(long, value_name = "NAME")]
    tool: String,
    #[command(flatten)]
    call: CallArgs,
    /// COMMAND reads its arguments from the environment variable SIGNOFF_ARGUMENTS, as JSON, and so follows edits of
    /// them
    #[arg(long)]
    reads_arguments: bool,
    /// Withdraw the approval when this command is interrupted while it waits; it stays open otherwise
    #[arg(long)]
    cancel_on_interrupt: bool,
    /// Print progress as lines; a terminal shows it anyway
    #[arg(long)]
    progress: bool,
    /// What to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Returns the exit code: see [`EXIT_CODES`]. Standard output belongs to COMMAND; what is told beside it is told as
/// well as possible, as no outcome depends on whether anybody reads it.
pub(super) async fn run(args: ExecArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
    console.results_to_stderr = true;
    let asked = args.call.arguments()?;
    let (others, reads_arguments) = (asked.clone(), args.reads_arguments);
    let call = args
        .call
        .call(args.tool.clone(), with_command(asked.clone(), &args.command)?)?
        .check_edit(move |edited| edited_command(edited, &others, reads_arguments).map(|_| ()));
    match (Exec { args, asked, signals: Signals::listen()? }).gate(&call, connection, console).await {
        Err(failure) if failure.exit_code() == 1 => {
            console.failure(&failure, connection.has_token());
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
    /// From the beginning: none is lost between the steps.
    signals: Signals,
}

impl Exec {
    async fn gate(mut self, call: &Call, connection: &ConnectionArgs, console: &mut Console) -> Result<u8, Failure> {
        let client = tokio::select! {
            client = connection.client() => client?,
            signal = self.signals.next() => return Ok(signals::exit_code(signal)),
        };
        let mut wait = client.ask(call).map_err(|refusal| failure(refusal, String::new))?;
        let mut printer = ProgressPrinter::new(self.args.progress);
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
        // Not cut off by a signal: a claim that was granted must be reported.
        let id = decided.id.clone();
        match client.claim(call, *decided).await {
            Ok(permit) => Ok(self.execute(permit, console).await),
            Err(refusal) => {
                let hint = || format!("it was approved, and may have been claimed: see `signoff show {}`", escape(&id));
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

    /// Waits for COMMAND, and passes signals on to it.
    async fn until_end(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                signal = self.signals.next() => signals::pass_on(signal, child),
            }
        }
    }
}

/// What a reviewer made of the command line, if it may be run: `asked` are the other arguments, as they were.
fn edited_command(edited: &Map<String, Value>, asked: &Struct, reads_arguments: bool) -> Result<Vec<String>, String> {
    let mut others = edited.clone();
    let command = others.remove(COMMAND).and_then(|command| serde_json::from_value::<Vec<String>>(command).ok());
    let command = command.filter(|command| !command.is_empty());
    let command = command.ok_or_else(|| format!("has no command line in `{COMMAND}`"))?;
    if reads_arguments || signoff_client::decode(asked) == others {
        return Ok(command);
    }
    Err(format!("changes more than `{COMMAND}`, and without --reads-arguments that does not reach COMMAND"))
}

/// The arguments with the command line among them.
fn with_command(mut arguments: Struct, command: &[String]) -> Result<Struct, Failure> {
    let words = command.iter().map(|word| WireValue { kind: Some(ValueKind::StringValue(word.clone())) }).collect();
    let list = WireValue { kind: Some(ValueKind::ListValue(ListValue { values: words })) };
    match arguments.fields.insert(COMMAND.to_owned(), list) {
        None => Ok(arguments),
        Some(_) => Err(Failure::Usage(format!("the argument `{COMMAND}` is what stands after `--`"))),
    }
}

async fn interrupted(wait: Wait, withdraw: bool, console: &mut Console) {
    let text = format!("interrupted; {}", aftermath(&wait, false));
    if !withdraw {
        return tell(console, &text);
    }
    let id = wait.approval_id().map_or_else(|| "the approval".to_owned(), |id| format!("approval {id}"));
    match wait.withdraw().await {
        Ok(()) => tell(console, &format!("interrupted; {id} is withdrawn")),
        Err(refusal) => {
            let failure = failure(refusal, String::new).to_string();
            tell(console, &format!("interrupted; {id} could not be withdrawn: {failure}"));
        }
    }
}

/// Tells what is not the outcome's to depend on.
fn tell(console: &mut Console, text: &str) {
    if console.json {
        console.failure(&Failure::Stopped(text.to_owned()), true);
    } else {
        _ = console.note(&escape(text));
    }
}

fn refused(refusal: Refusal, hint: impl FnOnce() -> String, console: &mut Console) -> Result<u8, Failure> {
    let code = match refusal.kind {
        Kind::Rejected { .. } | Kind::AutoRejected { .. } => 120,
        Kind::TimedOut => 121,
        Kind::Cancelled => 122,
        Kind::RequestFailed(_) | Kind::Unavailable { .. } => return Err(failure(refusal, hint)),
        _ => 123,
    };
    tell(console, &refusal.to_string());
    Ok(code)
}

/// Why COMMAND has not succeeded. The text is the outcome that is reported.
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
            Self::Lost(error) => write!(f, "run, but how it ended is not known: {error}"),
            Self::Unfit(problem) => write!(f, "not run: {problem}"),
            Self::Interrupted(signal) => write!(f, "not run: signal {signal} came first"),
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
