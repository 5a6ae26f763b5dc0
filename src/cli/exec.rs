//! `signoff exec`: the gate around a command, for shells and CI.

use std::{fmt, io, process::ExitStatus};

use clap::Args;
use futures_util::FutureExt as _;
use prost_types::{ListValue, Struct, Value, value::Kind as ValueKind};
use rustix::process::{Pid, Signal, kill_process};
use signoff_client::{Call, GateError, Kind, Permit, Refusal, Run, Step, Wait};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use super::{
    call::{CallArgs, aftermath, failure},
    connection::ConnectionArgs,
    console::Console,
    failure::Failure,
    story::Story,
    text::escape,
};

const EXIT_CODES: &str = "\
COMMAND is what reviewers see, as the argument `command`, and what is run, without a shell, once it is approved. When a
reviewer edits `command`, the edited one is run. Edits of other arguments reach COMMAND in SIGNOFF_ARGUMENTS; unless
--reads-arguments says that it reads them there, it is not run then.

Exit codes:
    COMMAND's own, when it ran; 128 + N when signal N ended it
  120  rejected, by a person or by the policy
  121  timed out
  122  cancelled
  123  not run for another reason: started before, approved too long ago, edited in a way that COMMAND cannot take, ...
  125  approval could not be asked for: refused by the server, server not reachable, ...
  126  COMMAND cannot be started
  127  COMMAND is not there
  130  interrupted before COMMAND was started
    2  usage: the command line makes no sense";

/// The argument that holds the command line.
const COMMAND: &str = "command";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ExecArgs {
    /// Name of the tool, for policy rules and reviewers, for example `deploy`
    #[arg(long, value_name = "NAME")]
    tool: String,
    #[command(flatten)]
    call: CallArgs,
    /// COMMAND reads its arguments from the environment variable SIGNOFF_ARGUMENTS, as JSON, and so follows edits of them
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

/// Returns the exit code: see [`EXIT_CODES`].
pub(super) async fn run(
    args: ExecArgs,
    connection: &ConnectionArgs,
    console: &mut Console,
    interrupt: impl Future<Output = ()>,
) -> Result<u8, Failure> {
    // Standard output belongs to COMMAND.
    console.results_to_stderr = true;
    let call = args.call.call(args.tool.clone(), with_command(args.call.arguments()?, &args.command)?)?;
    match gate(&args, &call, connection, console, interrupt).await {
        Err(failure) if failure.exit_code() == 1 => {
            console.failure(&failure, connection.has_token());
            Ok(125)
        }
        done => done,
    }
}

async fn gate(
    args: &ExecArgs,
    call: &Call,
    connection: &ConnectionArgs,
    console: &mut Console,
    interrupt: impl Future<Output = ()>,
) -> Result<u8, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let interrupt = async {
        tokio::select! { () = interrupt => {}, _ = terminate.recv() => {} }
    };
    let mut interrupt = std::pin::pin!(interrupt.fuse());
    let client = connection.client().await?;
    let mut wait = client.ask(call).map_err(|refusal| failure(refusal, String::new))?;
    let mut story = Story::new(args.progress);
    let decided = loop {
        let step = tokio::select! {
            step = wait.next() => step,
            () = &mut interrupt => return interrupted(wait, args.cancel_on_interrupt, console).await,
        };
        match step {
            Ok(Step::Decided(approval)) => break approval,
            Ok(step) => story.tell(step, console)?,
            Err(refusal) => return refused(refusal, || aftermath(&wait, false), console),
        }
    };
    // Not cut off by an interrupt: a claim that was granted must be reported.
    let permit = match client.claim(call, *decided).await {
        Ok(permit) => permit,
        Err(refusal) => return refused(refusal, String::new, console),
    };
    let stopped = (&mut interrupt).now_or_never().is_some();
    execute(permit, args, stopped, console).await
}

/// The arguments with the command line among them.
fn with_command(mut arguments: Struct, command: &[String]) -> Result<Struct, Failure> {
    let words = command.iter().map(|word| Value { kind: Some(ValueKind::StringValue(word.clone())) }).collect();
    let list = Value { kind: Some(ValueKind::ListValue(ListValue { values: words })) };
    match arguments.fields.insert(COMMAND.to_owned(), list) {
        None => Ok(arguments),
        Some(_) => Err(Failure::Usage(format!("the argument `{COMMAND}` is what stands after `--`"))),
    }
}

async fn interrupted(wait: Wait, withdraw: bool, console: &mut Console) -> Result<u8, Failure> {
    let text = match wait.approval_id() {
        Some(id) if withdraw => format!("interrupted; approval {} is withdrawn", escape(id)),
        _ if withdraw => "interrupted; the approval, if there is one, is withdrawn".to_owned(),
        _ => format!("interrupted; {}", aftermath(&wait, false)),
    };
    console.note(&text)?;
    if withdraw {
        wait.withdraw().await;
    }
    Ok(130)
}

fn refused(refusal: Refusal, hint: impl FnOnce() -> String, console: &mut Console) -> Result<u8, Failure> {
    let code = match refusal.kind {
        Kind::Rejected { .. } | Kind::AutoRejected { .. } => 120,
        Kind::TimedOut => 121,
        Kind::Cancelled => 122,
        Kind::RequestFailed(_) | Kind::Unavailable(_) => return Err(failure(refusal, hint)),
        _ => 123,
    };
    console.note(&escape(&refusal.to_string()))?;
    Ok(code)
}

/// Why COMMAND has not succeeded. The text is the outcome that is reported.
#[derive(Debug)]
enum Failed {
    Ended(ExitStatus),
    NotStarted { program: String, error: io::Error },
    Unfit(String),
    Interrupted,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "{status}"),
            Self::NotStarted { program, error } => write!(f, "not run: {program}: {error}"),
            Self::Unfit(problem) => write!(f, "not run: {problem}"),
            Self::Interrupted => f.write_str("not run: interrupted"),
        }
    }
}

async fn execute(permit: Permit, args: &ExecArgs, stopped: bool, console: &mut Console) -> Result<u8, Failure> {
    let ran = permit
        .execute(|run| async move {
            if stopped {
                return Err(Failed::Interrupted);
            }
            let command = if run.edited { edited_command(&run, args)? } else { args.command.clone() };
            let child = start(&command, &run);
            let child = child.map_err(|error| Failed::NotStarted { program: command[0].clone(), error })?;
            let status = until_end(child).await;
            let status = status.map_err(|error| Failed::NotStarted { program: command[0].clone(), error })?;
            if status.success() { Ok(()) } else { Err(Failed::Ended(status)) }
        })
        .await;
    let failed = match ran {
        Ok(()) => return Ok(0),
        Err(GateError::Refused(refusal)) => return refused(refusal, String::new, console),
        Err(GateError::Failed(failed)) => failed,
    };
    if !matches!(failed, Failed::Ended(_)) {
        console.note(&escape(&failed.to_string()))?;
    }
    Ok(match failed {
        Failed::Ended(status) => code_of(status),
        Failed::NotStarted { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
        Failed::NotStarted { .. } => 126,
        Failed::Unfit(_) => 123,
        Failed::Interrupted => 130,
    })
}

/// What a reviewer made of the command line, if it may be run.
fn edited_command(run: &Run, args: &ExecArgs) -> Result<Vec<String>, Failed> {
    let mut others = run.arguments.clone();
    let command = others.remove(COMMAND).and_then(|command| serde_json::from_value::<Vec<String>>(command).ok());
    let command = command.filter(|command| !command.is_empty());
    let command = command.ok_or_else(|| Failed::Unfit(format!("`{COMMAND}` was edited to what is no command line")))?;
    let asked = args.call.arguments().map(|asked| signoff_client::decode(&asked));
    if args.reads_arguments || asked.is_ok_and(|asked| asked == others) {
        return Ok(command);
    }
    Err(Failed::Unfit("arguments were edited, and without --reads-arguments they do not reach it".to_owned()))
}

fn start(command: &[String], run: &Run) -> io::Result<Child> {
    let arguments = serde_json::Value::Object(run.arguments.clone()).to_string();
    Command::new(&command[0])
        .args(&command[1..])
        .env("SIGNOFF_ARGUMENTS", arguments)
        .env("SIGNOFF_APPROVAL_ID", &run.approval_id)
        .spawn()
}

/// Waits for COMMAND. SIGTERM is passed on; an interrupt from the terminal reaches it without us.
async fn until_end(mut child: Child) -> io::Result<ExitStatus> {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            Some(()) = terminate.recv() => {
                // It may have ended by itself; then the wait says so.
                let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
            }
        }
    }
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
