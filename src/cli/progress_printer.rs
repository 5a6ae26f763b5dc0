//! What is told of a wait while it goes on.

use signoff_client::Step;

use super::{
    console::Console,
    describe,
    failure::Failure,
    text::{escape, moment},
};
use crate::proto::v1::{ApprovalUpdate, RequestApprovalResponse, request_approval_response::Message};

/// Tells one step after the other: lines for people, the protocol's messages for programs.
pub(super) struct ProgressPrinter {
    /// Tell of progress where no terminal shows it as a live line.
    progress: bool,
    begun: bool,
}

impl ProgressPrinter {
    pub(super) fn new(progress: bool) -> Self {
        Self { progress, begun: false }
    }

    /// Everything but the end, which is the command's to tell.
    pub(super) fn tell(&mut self, step: Step, console: &mut Console) -> Result<(), Failure> {
        match step {
            Step::Update(update) if console.json => console.message(&message(Message::Update(*update)))?,
            Step::Update(update) => self.update(&update, console)?,
            Step::Progress(progress) => match (console.json, self.progress, console.err_is_terminal) {
                (true, true, _) => console.message(&message(Message::Progress(*progress)))?,
                (false, true, false) => console.note(&escape(&progress.message))?,
                (false, _, true) => console.live(&progress.message)?,
                (true, false, _) | (false, false, false) => {}
            },
            Step::Retrying { cause, delay } => {
                let cause = escape(cause.message());
                console.note(&format!("connection lost ({cause}); attaching again in {:.1} s", delay.as_secs_f64()))?;
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
        }
        for event in &update.events {
            console.line(&describe::event(event))?;
        }
        Ok(())
    }
}

fn message(message: Message) -> RequestApprovalResponse {
    RequestApprovalResponse { message: Some(message) }
}
