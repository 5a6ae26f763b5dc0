//! Termination signals, from the start of the command to its end.

use std::{future::poll_fn, io, task::Poll};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Child,
    signal::unix::{self, SignalKind},
};

const SIGNALS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// Receives the signals, which no longer end this process.
pub(super) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let listen = |signal: Signal| Ok((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
        SIGNALS.into_iter().map(listen).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the next signal; returns its number.
    pub(super) async fn next(&mut self) -> i32 {
        poll_fn(|context| {
            for (signal, arrivals) in &mut self.0 {
                if arrivals.poll_recv(context).is_ready() {
                    return Poll::Ready(signal.as_raw());
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A signal that has already arrived.
    pub(super) fn pending(&mut self) -> Option<i32> {
        futures_util::FutureExt::now_or_never(self.next())
    }
}

/// The exit code that a shell reports for a process that a signal ended.
pub(super) fn exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}

/// Passes a signal on to the child. Except for SIGTERM it skips a child in the terminal's foreground: the terminal has
/// already sent the signal to the whole foreground group.
pub(super) fn pass_on(signal: i32, child: &Child) {
    let signal = SIGNALS.into_iter().find(|known| known.as_raw() == signal);
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    if let (Some(signal), Some(pid)) = (signal, pid)
        && (signal == Signal::TERM || !in_the_foreground())
    {
        // Fails if the child has already ended; then the wait returns.
        let _ = kill_process(pid, signal);
    }
}

fn in_the_foreground() -> bool {
    let foreground = rustix::termios::tcgetpgrp(std::io::stdin()).or_else(|_| rustix::termios::tcgetpgrp(io::stderr()));
    foreground.is_ok_and(|group| group == rustix::process::getpgrp())
}
