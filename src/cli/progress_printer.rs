//! Prints the progress of a wait.

use std::{error::Error as _, time::Duration};

use signoff_client::Step;
use tonic::Status;

use super::{
    cause::words,
    console::Console,
    describe,
    failure::Failure,
    text::{escape, moment, span},
};
use crate::proto::v1::{ApprovalUpdate, RequestApprovalResponse, event::Kind, request_approval_response::Message};

/// Prints each step of a wait: lines for people, protocol messages for programs.
pub(super) struct ProgressPrinter {
    /// Print progress also without a terminal, which shows it as a live line.
    progress: bool,
    /// The server's address.
    address: String,
    /// Maximum time until the server's first response.
    patience: Duration,
    begun: bool,
    /// The server has responded at least once.
    answered: bool,
    /// The connection is lost, and a message says so.
    lost: bool,
}

impl ProgressPrinter {
    pub(super) fn new(progress: bool, address: String, patience: Duration) -> Self {
        Self { progress, address, patience, begun: false, answered: false, lost: false }
    }

    /// Prints a step, except the last one, which the command prints.
    pub(super) fn tell(&mut self, step: Step, console: &mut Console) -> Result<(), Failure> {
        let was_lost = std::mem::replace(&mut self.lost, matches!(step, Step::Retrying { .. }));
        self.answered |= !self.lost;
        match step {
            Step::Update(update) if console.json => console.message(&message(Message::Update(*update)))?,
            Step::Update(update) => self.update(&update, console)?,
            Step::Progress(progress) => match (console.json, self.progress, console.err_width.is_some()) {
                (true, true, _) => console.message(&message(Message::Progress(*progress)))?,
                (false, true, false) => console.note(&escape(&progress.message))?,
                (false, _, true) => console.live(&progress.message)?,
                (true, false, _) | (false, false, false) => {}
            },
            // Once, for any number of retries.
            Step::Retrying { cause, .. } if !was_lost => {
                let (what, bound) = if self.answered {
                    ("Lost the connection to", "until the approval's deadline".to_owned())
                } else {
                    ("Cannot reach", format!("for {}", span(self.patience)))
                };
                // A model does not need addresses and causes.
                let details = if console.is_read_by_a_model() {
                    String::new()
                } else {
                    format!(" at {}: {}", escape(&self.address), escape(&reason(&cause)))
                };
                console.note(&format!("{what} the approvals server{details}. Trying {bound}."))?;
            }
            // The command prints the end.
            _ => {}
        }
        Ok(())
    }

    fn update(&mut self, update: &ApprovalUpdate, console: &mut Console) -> Result<(), Failure> {
        if let Some(approval) = &update.approval
            && !std::mem::replace(&mut self.begun, true)
        {
            let deadline = moment(approval.deadline.as_ref());
            console.line(&format!("approval {}, deadline {deadline}", escape(&approval.id)))?;
            if let Some(policy) = &approval.policy {
                console.line(&format!("policy: {}", describe::policy(policy)))?;
            }
        }
        let message =
            update.approval.as_ref().and_then(|approval| approval.policy.as_ref()).map(|policy| &policy.message);
        for event in &update.events {
            let mut event = event.clone();
            // The line with the rule already contains the policy's message.
            if let Some(Kind::Decided(decision)) = &mut event.kind
                && Some(&decision.comment) == message
            {
                decision.comment.clear();
            }
            console.line(&describe::event(&event))?;
        }
        Ok(())
    }
}

/// Why a call failed: the root cause, or the server's message.
fn reason(status: &Status) -> String {
    status.source().map_or_else(|| status.message().to_owned(), words)
}

fn message(message: Message) -> RequestApprovalResponse {
    RequestApprovalResponse { message: Some(message) }
}
