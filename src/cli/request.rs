//! `signoff request`: requests an approval and waits for the decision, across reconnects.

use std::time::Duration;

use clap::Args;
use signoff_client::{Refusal, Step, Wait};

use super::{
    call::{CallArgs, aftermath, failure},
    connection::ConnectionArgs,
    console::Console,
    failure::Failure,
    progress_printer::ProgressPrinter,
};
use crate::proto::v1::ApprovalStatus;

const EXIT_CODES: &str = "\
Exit codes:
    0  approved, by people or by the policy
    2  usage error
   10  rejected, by a person or by the policy
   11  timed out
   12  cancelled
   13  unknown final status, from a newer server; not approved
    1  any other failure: rejected by the server, server not reachable, ...
  130  interrupted; the approval stays open

If standard error is not a terminal, a model may read it: messages then contain only what a model may know. With
--json they have the details.";

/// Maximum time until the server's first response: the client's default.
const PATIENCE: Duration = Duration::from_secs(30);

/// Exit code for an unknown status of a newer server.
const UNKNOWN: u8 = 13;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RequestArgs {
    /// Name of the tool, for example `send_email`
    tool: String,
    #[command(flatten)]
    call: CallArgs,
    /// Cancel the request when this command ends or loses its connection
    #[arg(long)]
    cancel_on_disconnect: bool,
    /// Print progress as lines on stderr, or with --json as messages; a terminal always shows progress
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
    let call = args
        .call
        .call(args.tool, args.call.arguments(console)?)?
        .cancel_on_disconnect(args.cancel_on_disconnect)
        .patience(PATIENCE);
    let client = connection.client().await?;
    let mut wait = client.ask(&call).map_err(|refusal| failure(refusal, String::new, console))?;
    let mut printer = ProgressPrinter::new(args.progress, connection.address()?, PATIENCE);
    let done = tokio::select! {
        done = follow(&mut wait, &mut printer, console) => Some(done),
        () = interrupt => None,
    };
    let hint = || aftermath(&wait, args.cancel_on_disconnect);
    match done {
        Some(Ok(code)) => Ok(code),
        Some(Err(End::Refused(refusal))) if matches!(refusal.kind, signoff_client::Kind::UnknownStatus { .. }) => {
            Ok(UNKNOWN)
        }
        Some(Err(End::Refused(refusal))) => Err(failure(*refusal, hint, console)),
        Some(Err(End::Failed(failure))) => Err(failure),
        None => {
            console.note(&format!("interrupted; {}", hint()))?;
            Ok(130)
        }
    }
}

/// Why there is no outcome.
enum End {
    Refused(Box<Refusal>),
    Failed(Failure),
}

async fn follow(wait: &mut Wait, printer: &mut ProgressPrinter, console: &mut Console) -> Result<u8, End> {
    loop {
        match wait.next().await.map_err(|refusal| End::Refused(Box::new(refusal)))? {
            Step::Decided(approval) => return Ok(exit_code(approval.status)),
            step => printer.tell(step, console).map_err(End::Failed)?,
        }
    }
}

/// The exit code for a final status.
fn exit_code(status: i32) -> u8 {
    match ApprovalStatus::try_from(status) {
        Ok(ApprovalStatus::Approved | ApprovalStatus::AutoApproved) => 0,
        Ok(ApprovalStatus::Rejected | ApprovalStatus::AutoRejected) => 10,
        Ok(ApprovalStatus::TimedOut) => 11,
        Ok(ApprovalStatus::Cancelled) => 12,
        Ok(ApprovalStatus::Pending | ApprovalStatus::Unspecified) | Err(_) => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_approval_exits_with_zero() {
        for (status, code) in [(1, 13), (2, 0), (3, 10), (4, 11), (5, 12), (6, 0), (7, 10)] {
            assert_eq!(exit_code(status), code, "{status}");
        }
        for unknown in [-1, 0, 8, 99, i32::MAX] {
            assert_eq!(exit_code(unknown), UNKNOWN, "{unknown}");
        }
    }
}
