//! Commands for the writer.

use tokio::sync::oneshot;

use crate::{
    domain::{ApprovalId, Command, Time},
    store::{StoreError, Submission, Submitted, Transitioned},
};

/// Answers a command.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A command for the writer.
pub(super) enum Job {
    Submit(Box<Submission>, Reply<Submitted>),
    Transition(ApprovalId, Box<Command>, Time, Reply<Transitioned>),
    Close(oneshot::Sender<()>),
}
