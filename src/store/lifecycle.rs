//! The life of a store in a process: health, closing, and observers.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::{Approval, Event, Freezes, Time};

/// Health, newest time, and closing.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// The newest time on record when the store was opened: of an event, a version of the policy or a freeze, including
    /// those of approvals forgotten since. `None` for an empty store. Server time continues from it.
    fn newest_time(&self) -> Option<Time>;

    /// Whether the store works. A failed store never recovers; an unreachable one may.
    fn health(&self) -> watch::Receiver<Health>;

    /// Writes all accepted commands, and releases the store. Later calls fail.
    async fn close(&self);
}

/// Whether a store works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The store works.
    Working,
    /// The database does not answer. Calls fail until it does.
    Unreachable(String),
    /// A write failed; the store accepts no more commands.
    Failed(String),
}

/// Receives commits, for metrics and logs. The store's writer makes the calls, so they must return immediately.
pub trait Observer: Send + Sync + 'static {
    /// A group of commands was made durable.
    fn committed(&self, commands: usize, sync: Duration);
    /// An approval has a new status, `PENDING` included.
    fn reached(&self, approval: &Approval);
    /// An event was recorded. `approval` is in the state after that event, or a newer one. Events of one approval are
    /// in order.
    fn recorded(&self, approval: &Approval, event: &Event);
    /// The number of pending approvals, and when the oldest was requested.
    fn pending(&self, count: u64, oldest: Option<Time>);
    /// The stored freezes: when the store opens, and whenever they change.
    fn frozen(&self, freezes: &Freezes);
}

/// Ignores everything.
impl Observer for () {
    fn committed(&self, _: usize, _: Duration) {}
    fn reached(&self, _: &Approval) {}
    fn recorded(&self, _: &Approval, _: &Event) {}
    fn pending(&self, _: u64, _: Option<Time>) {}
    fn frozen(&self, _: &Freezes) {}
}
