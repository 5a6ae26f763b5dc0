//! Commands for the writer.

use tokio::sync::oneshot;

use crate::{
    domain::{ApprovalId, Command, Time},
    store::{ControlVersion, StoreError, Submission, Submitted, Transitioned},
};

/// Answers a command.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A command for the writer.
pub(super) struct Job {
    /// The control data that its caller was checked with. `None` for what the server does by itself.
    pub(super) known: Option<ControlVersion>,
    pub(super) task: Task,
}

/// What a command does.
pub(super) enum Task {
    Submit(Box<Submission>, Reply<Submitted>),
    Transition(ApprovalId, Box<Command>, Time, Reply<Transitioned>),
    Close(oneshot::Sender<()>),
}

impl Job {
    /// Whether the caller no longer waits.
    pub(super) fn is_abandoned(&self) -> bool {
        match &self.task {
            Task::Submit(_, reply) => reply.is_closed(),
            Task::Transition(.., reply) => reply.is_closed(),
            Task::Close(_) => false,
        }
    }
}
