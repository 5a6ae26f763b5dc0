//! `signoff demo`: the whole story in one terminal, on a server of its own.
//!
//! [`stage`] starts the server, [`play`] makes the calls, [`story`] has the words, [`narrator`] prints them, and
//! [`keys`] reads what the person at the terminal types.

mod keys;
mod narrator;
mod play;
mod stage;
mod story;

use std::{io, process::ExitCode, time::Duration};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{narrator::Narrator, play::Play, stage::Stage};
use super::{
    console::Console,
    failure::{Credentials, Failure},
};
use crate::{config::parse_duration, private_files};

const EXIT_CODES: &str = "\
The demo starts its own server on a free port of 127.0.0.1, with a temporary data directory, and deletes the \
directory at the end. It ignores the environment variables of Signoff. Without a terminal, a script decides.

Exit codes:
    0  the story ended, with any decision
    1  the demo failed: the server cannot start, ...
    2  usage: an option is not valid
  130  interrupted; the demo deleted its data";

/// Pause after each step on a terminal.
const PACE: Duration = Duration::from_millis(900);

/// Options of the demo.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct DemoArgs {
    /// Let a script decide, without waiting for a key
    #[arg(long, short)]
    yes: bool,
    /// How long the payment waits for a decision
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
    /// Pause after each step, such as 500ms, or 0 for none [default: 900ms on a terminal, else 0]
    #[arg(long, value_name = "DURATION", value_parser = parse_pace)]
    pace: Option<Duration>,
}

fn parse_pace(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// Plays the story, and returns the process's exit code: 0 at its end, 1 for a failure, 128 + N after signal N.
///
/// Needs a tokio runtime with I/O and time.
pub(super) async fn demo(args: DemoArgs) -> ExitCode {
    private_files::keep_new_files_private();
    let mut console = Console::standard(false);
    ExitCode::from(run(&args, &mut console).await.unwrap_or_else(|failure| {
        console.failure(&failure, Credentials { token: true, ..Credentials::default() });
        failure.exit_code()
    }))
}

async fn run(args: &DemoArgs, console: &mut Console) -> Result<u8, Failure> {
    let mut signals = Signals::listen()?;
    let interactive = !args.yes && console.can_ask && console.out_width.is_some();
    let pace = args.pace.unwrap_or(if console.out_width.is_some() { PACE } else { Duration::ZERO });
    let mut stage = Stage::start(interactive).await?;
    let play = Play::new(&stage, args.timeout, interactive)?;
    let mut narrator = Narrator::new(console, pace);
    let done = tokio::select! {
        done = play.run(&mut narrator) => done.map(|()| 0),
        signal = signals.next() => Ok(signal),
        failure = stage.failed() => Err(failure),
    };
    // Open connections would delay the end of the server.
    drop(play);
    let stopped = tokio::select! {
        stopped = stage.stop() => stopped,
        _ = signals.next() => Ok(()),
    };
    let code = done?;
    if code != 0 {
        console.note("Interrupted. The demo stopped its server and deleted its data.")?;
    }
    stopped.map(|()| code)
}

/// The signals that end a program. They no longer end this one by themselves: it has a directory to delete.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The exit code for the next one, as a shell reports it.
    async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        };
        u8::try_from(128 + number.as_raw_value()).unwrap_or(1)
    }
}
