//! Approvals: what is asked, decided and done with them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Query, StoreError, Subscription, query::Order};
use crate::domain::{Actor, Approval, ApprovalId, Arguments, Command, Event, Request, Revision, Time, Verdict};

/// Keeps approvals. An implementation runs the domain's [`step`](crate::domain::step), and commits the approval, its
/// events, its index entries and its entry in the change feed at once.
#[async_trait]
pub trait ApprovalStore: Send + Sync + 'static {
    /// Records a new request, or finds the one that the same caller made with the same `request_id`, which must be the
    /// same as [`Approval::check_repetition`] says.
    ///
    /// A new one is looked up among the rejections that are remembered, in the same transaction: where
    /// [`Approval::remembered_for`] has a verdict for it, that one is recorded in the place of the submission's. Of several
    /// such rejections the one counts whose time ends last, and of these the newest.
    ///
    /// # Errors
    /// [`Refusal::RequestIdReused`], [`Refusal::RequestForgotten`], [`Refusal::TooManyPending`], or a failure.
    ///
    /// [`Refusal::RequestIdReused`]: crate::domain::Refusal::RequestIdReused
    /// [`Refusal::RequestForgotten`]: crate::domain::Refusal::RequestForgotten
    /// [`Refusal::TooManyPending`]: crate::domain::Refusal::TooManyPending
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError>;

    /// The approval that a caller asked for under a `request_id`.
    ///
    /// # Errors
    /// [`Refusal::RequestForgotten`](crate::domain::Refusal::RequestForgotten), or a failure.
    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError>;

    /// Does what a command asks for, as far as [`step`](crate::domain::step) allows.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], the refusal of `step`, or a failure.
    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError>;

    /// The approval as it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or a failure.
    async fn get(&self, id: ApprovalId) -> Result<Arc<Approval>, StoreError>;

    /// Events with revisions from `after + 1` to `up_to`, in order. Empty for an unknown approval.
    ///
    /// # Errors
    /// A failure.
    async fn events(&self, id: ApprovalId, after: Revision, up_to: Revision) -> Result<Vec<Event>, StoreError>;

    /// One page of approvals.
    ///
    /// # Errors
    /// A failure.
    async fn list(&self, query: Query) -> Result<Page, StoreError>;

    /// Pending approvals that are due: whose deadline has passed, or that are to be escalated. At most `limit`, the
    /// longest overdue first.
    ///
    /// # Errors
    /// A failure.
    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError>;

    /// Forgets approvals to which nothing has happened since before a moment, and which were decided then: at most
    /// `limit`, the oldest decision first. Their callers' `request_id`s are remembered as used for
    /// [`REMEMBERED`](super::REMEMBERED) from `now` on; of those whose time is over some are forgotten as well. Returns
    /// how many approvals it forgot.
    ///
    /// # Errors
    /// A failure.
    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError>;

    /// How many approvals are pending.
    fn pending(&self) -> u64;

    /// Wakes on every new revision of one approval.
    fn subscribe(&self, id: ApprovalId) -> Subscription;
}

/// A new request.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The name it will have.
    pub id: ApprovalId,
    /// What is asked.
    pub request: Arc<Request>,
    /// The arguments, as asked.
    pub arguments: Arguments,
    /// What the policy says of it.
    pub verdict: Arc<Verdict>,
    /// When it was accepted.
    pub now: Time,
    /// Most pending approvals of one caller.
    pub pending_limit: u32,
}

/// A request that is on record.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The approval as it is now.
    pub approval: Arc<Approval>,
    /// False when it was found under its `request_id`.
    pub created: bool,
}

/// A command that is on record.
#[derive(Clone, Debug)]
pub struct Transitioned {
    /// The approval as it is now.
    pub approval: Arc<Approval>,
    /// The revision that holds the command's result: older than the approval's when the command was a repetition.
    pub revision: Revision,
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The approvals, in the query's order.
    pub approvals: Vec<Arc<Approval>>,
    /// Where the next page starts: after this id. `None` on the last page.
    pub next: Option<ApprovalId>,
    /// Approvals that may belong here, and cannot be read: their records are damaged, or a later version wrote them.
    pub unreadable: Vec<ApprovalId>,
}

impl Page {
    /// For implementations of stores: leaves out unreadable approvals that the next page names again.
    pub fn keep_before_next(&mut self, order: Order) {
        if let Some(next) = self.next {
            self.unreadable.retain(|id| match order {
                Order::OldestFirst => *id <= next,
                Order::NewestFirst => *id >= next,
            });
        }
    }
}

/// What is overdue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Approvals that are due.
    pub ids: Vec<ApprovalId>,
    /// When the next one will be.
    pub next: Option<Time>,
}
