//! A store as a part of a process: from its opening to its end.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::{Approval, Event, Freezes, Time};

/// Tells how a store is, and ends it.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// The newest time of an event or a version of the policy that was on record when the store was opened, of
    /// approvals that were forgotten since as well; `None` when there was none. Server time goes on from it.
    fn newest_time(&self) -> Option<Time>;

    /// Whether the store works. Once it has failed it stays so.
    fn health(&self) -> watch::Receiver<Health>;

    /// Writes out everything accepted so far and releases the store. Later calls fail.
    async fn close(&self);
}

/// Whether a store works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Working,
    /// A write failed; nothing more is accepted.
    Failed(String),
}

/// Told about commits, for metrics. Calls come from the store's writer and must return at once.
pub trait Observer: Send + Sync + 'static {
    /// A group of commands was made durable.
    fn committed(&self, commands: usize, sync: Duration);
    /// An approval has a new status, `PENDING` included.
    fn reached(&self, approval: &Approval);
    /// Something was recorded on an approval, which is as that left it, or newer. In order for each approval.
    fn recorded(&self, approval: &Approval, event: &Event);
    /// How many approvals are pending now, and when the oldest of them was asked for.
    fn pending(&self, count: u64, oldest: Option<Time>);
    /// The freezes that are kept now: from the opening on, and when they change.
    fn frozen(&self, freezes: &Freezes);
}

/// Observes nothing.
impl Observer for () {
    fn committed(&self, _: usize, _: Duration) {}
    fn reached(&self, _: &Approval) {}
    fn recorded(&self, _: &Approval, _: &Event) {}
    fn pending(&self, _: u64, _: Option<Time>) {}
    fn frozen(&self, _: &Freezes) {}
}
