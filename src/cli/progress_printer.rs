//! What is told of a wait while it goes on.

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

/// Tells one step after the other: lines for people, the protocol's messages for programs.
pub(super) struct ProgressPrinter {
    /// Tell of progress where no terminal shows it as a live line.
    progress: bool,
    /// Where the server is looked for.
    address: String,
    /// How long it is looked for until it answers once.
    patience: Duration,
    begun: bool,
    /// The server has answered.
    answered: bool,
    /// The connection is lost, and that was told.
    lost: bool,
}

impl ProgressPrinter {
    pub(super) fn new(progress: bool, address: String, patience: Duration) -> Self {
        Self { progress, address, patience, begun: false, answered: false, lost: false }
    }

    /// Everything but the end, which is the command's to tell.
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
            // Once, however many tries it takes.
            Step::Retrying { cause, .. } if !was_lost => {
                let (what, bound) = if self.answered {
                    ("Lost the connection to", "until the approval's deadline".to_owned())
                } else {
                    ("Cannot reach", format!("for {}", span(self.patience)))
                };
                // A model has no use for addresses and causes.
                let told = if console.is_read_by_a_model() {
                    String::new()
                } else {
                    format!(" at {}: {}", escape(&self.address), escape(&reason(&cause)))
                };
                console.note(&format!("{what} the approvals server{told}. Trying {bound}."))?;
            }
            // The end is the command's to tell.
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
            // The policy's message stands beside its rule already.
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

/// Why a call failed: what the server says, or the cause of all causes, which those above it only repeat.
fn reason(status: &Status) -> String {
    status.source().map_or_else(|| status.message().to_owned(), words)
}

fn message(message: Message) -> RequestApprovalResponse {
    RequestApprovalResponse { message: Some(message) }
}
