//! The store of approvals: requests, commands, histories and lists.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Query, StoreError, Subscription, query::Order};
use crate::domain::{Actor, Approval, ApprovalId, Arguments, Command, Event, Request, Revision, Time, Verdict};

/// Stores approvals. An implementation runs the domain's [`step`](crate::domain::step), and commits the approval, its
/// events, its index entries and its entry in the change feed atomically.
#[async_trait]
pub trait ApprovalStore: Send + Sync + 'static {
    /// Records a new request, or finds the earlier one of the same caller with the same `request_id`. A repetition must
    /// match the first request, as [`Approval::check_repetition`] defines.
    ///
    /// The same transaction searches for a remembered rejection of a new request. If [`Approval::remembered_for`]
    /// returns a verdict, that verdict is recorded instead of the submission's. Of several such rejections, the one
    /// whose time ends last counts, and of these the newest.
    ///
    /// # Errors
    /// [`Refusal::RequestIdReused`], [`Refusal::RequestForgotten`], [`Refusal::TooManyPending`], or a failure.
    ///
    /// [`Refusal::RequestIdReused`]: crate::domain::Refusal::RequestIdReused
    /// [`Refusal::RequestForgotten`]: crate::domain::Refusal::RequestForgotten
    /// [`Refusal::TooManyPending`]: crate::domain::Refusal::TooManyPending
    async fn submit(&self, submission: Submission) -> Result<Submitted, StoreError>;

    /// Finds the approval of a caller's `request_id`.
    ///
    /// # Errors
    /// [`Refusal::RequestForgotten`](crate::domain::Refusal::RequestForgotten), or a failure.
    async fn find(&self, caller: &Actor, request_id: &str, now: Time) -> Result<Option<ApprovalId>, StoreError>;

    /// Runs a command, as [`step`](crate::domain::step) allows.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], the refusal of `step`, or a failure.
    async fn transition(&self, id: ApprovalId, command: Command, now: Time) -> Result<Transitioned, StoreError>;

    /// Reads an approval.
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

    /// Pending approvals whose deadline or escalation is due: at most `limit`, the longest overdue first.
    ///
    /// # Errors
    /// A failure.
    async fn due(&self, now: Time, limit: usize) -> Result<Due, StoreError>;

    /// Forgets approvals that were decided, and last changed, before `decided_before`: at most `limit`, the oldest
    /// decision first. The store remembers their `request_id`s for [`REMEMBERED`](super::REMEMBERED) from `now` on, and
    /// forgets some of those whose time is over. Returns the number of forgotten approvals. While a
    /// [`Snapshot`](super::Snapshot) exists, a store may forget nothing; call again later.
    ///
    /// # Errors
    /// A failure.
    async fn prune(&self, decided_before: Time, now: Time, limit: usize) -> Result<usize, StoreError>;

    /// The number of pending approvals.
    fn pending(&self) -> u64;

    /// Wakes on every new revision of one approval.
    fn subscribe(&self, id: ApprovalId) -> Subscription;
}

/// A new request.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The id of the new approval.
    pub id: ApprovalId,
    /// The request.
    pub request: Arc<Request>,
    /// The arguments of the request.
    pub arguments: Arguments,
    /// The policy's verdict.
    pub verdict: Arc<Verdict>,
    /// When the request arrived.
    pub now: Time,
    /// Maximum pending approvals of one caller.
    pub pending_limit: u32,
}

/// A request that is on record.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The approval as it is now.
    pub approval: Arc<Approval>,
    /// False for a repetition, which was found by its `request_id`.
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
    /// The next page starts after this id. `None` on the last page.
    pub next: Option<ApprovalId>,
    /// Approvals that may belong to the page, but are unreadable: damaged, or written by a later version.
    pub unreadable: Vec<ApprovalId>,
}

impl Page {
    /// For implementations of stores: removes unreadable approvals that the next page will list again.
    pub fn keep_before_next(&mut self, order: Order) {
        if let Some(next) = self.next {
            self.unreadable.retain(|id| match order {
                Order::OldestFirst => *id <= next,
                Order::NewestFirst => *id >= next,
            });
        }
    }
}

/// Overdue approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Approvals that are due.
    pub ids: Vec<ApprovalId>,
    /// When the next approval will be due.
    pub next: Option<Time>,
}
