//! The outbox: lanes of deliveries, which are committed together with the events that cause them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{ApprovalId, ChannelName, DeliveryId, Lane, Settlement, Time};

/// Stores lanes. [`submit`](super::ApprovalStore::submit) and [`transition`](super::ApprovalStore::transition) add
/// deliveries, as the [`Routes`](crate::domain::Routes) of the store say, in the transaction of the event.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Leases lanes of a channel whose head is due: at most `limit`, the longest overdue first. Until `lease` has
    /// passed, or the lane is settled, no other call gets them.
    ///
    /// # Errors
    /// A failure.
    async fn lease(
        &self,
        channel: &ChannelName,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Leased, StoreError>;

    /// Records what became of the heads of leased lanes, and ends the leases. The lane of an approval that has ended is
    /// forgotten once it [is done](Lane::is_done).
    ///
    /// # Errors
    /// A failure.
    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError>;

    /// One lane.
    ///
    /// # Errors
    /// A failure.
    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError>;

    /// Lanes with deliveries that wait or are dead, in order of approval and channel: at most `limit`, after `after`.
    ///
    /// # Errors
    /// A failure.
    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError>;

    /// Makes a dead delivery wait again. Returns its lane.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such dead delivery, or a failure.
    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError>;

    /// What waits in each channel.
    fn backlog(&self) -> Vec<Backlog>;

    /// Wakes whenever a lane is added or becomes due earlier. From memory; a lost wake-up only delays a pass.
    fn outbox_changes(&self) -> tokio::sync::watch::Receiver<u64>;
}

/// Leased lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leased {
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// When the next lane of the channel will be due. `None` if no other waits.
    pub next: Option<Time>,
}

/// Which lanes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneQuery {
    /// Only this channel.
    pub channel: Option<ChannelName>,
    /// Only this approval.
    pub approval: Option<ApprovalId>,
    /// Only lanes with dead deliveries.
    pub dead: bool,
    /// Only lanes after this one.
    pub after: Option<(ApprovalId, ChannelName)>,
    /// At most so many.
    pub limit: usize,
}

/// What waits in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The channel.
    pub channel: ChannelName,
    /// Number of lanes with a delivery that waits.
    pub waiting: u64,
    /// Number of lanes with a dead delivery.
    pub dead: u64,
    /// When the head that is due first was, or will be, due.
    pub oldest_due: Option<Time>,
}
