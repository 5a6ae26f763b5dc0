//! The outbox: lanes of deliveries, which are committed together with the events that cause them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{ApprovalId, ChannelName, DeliveryId, Lane, Revision, Settlement, Time};

/// Stores lanes. [`submit`](super::ApprovalStore::submit) and [`transition`](super::ApprovalStore::transition) add
/// deliveries, as the [`Routes`](crate::domain::Routes) of the store say, in the transaction of the event. An import of
/// histories adds none: those events are old. [`prune`](super::ApprovalStore::prune) forgets the lanes of the approvals
/// that it forgets, whatever they hold, because a message about a forgotten approval has no content.
///
/// An unreadable lane fails alone. `lease` and `lanes` leave it out, and the next event of its approval replaces it.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Leases lanes of a channel whose head is due: at most `limit`, the longest overdue first. Until `lease` has
    /// passed, or the lane is settled, no other call gets them. A restart of the server may end leases early.
    ///
    /// A caller that stops waiting leaves no leases behind.
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

    /// Records what became of the heads of leased lanes, and ends the leases. A settlement whose deliveries no longer wait
    /// changes nothing; neither does one of a head that no longer is it, unless it was sent. A lane is forgotten once it [is done](Lane::is_done).
    ///
    /// # Errors
    /// A failure.
    async fn settle(&self, settlements: Vec<(ChannelName, ApprovalId, Settlement)>) -> Result<(), StoreError>;

    /// One lane.
    ///
    /// # Errors
    /// A failure.
    async fn lane(&self, channel: &ChannelName, approval: ApprovalId) -> Result<Option<Lane>, StoreError>;

    /// Lanes with deliveries that wait or are dead, in order of approval and channel. Fewer than `limit` only if there
    /// are no more.
    ///
    /// # Errors
    /// A failure.
    async fn lanes(&self, query: LaneQuery) -> Result<Vec<Lane>, StoreError>;

    /// Makes a dead delivery wait again. Returns its lane.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such dead delivery, or a failure.
    async fn revive(&self, id: DeliveryId, now: Time) -> Result<Lane, StoreError>;

    /// What waits in each channel that has deliveries, in order of name.
    fn backlog(&self) -> Vec<Backlog>;

    /// Wakes whenever a call of `lease` may get a lane earlier than its answer said: a lane was added, or became due
    /// earlier. From memory; a lost wake-up only delays a pass.
    fn outbox_changes(&self) -> tokio::sync::watch::Receiver<u64>;

    /// All lanes after `after`, in order of approval and channel, at most `limit`: also those that hold only a
    /// channel's state.
    ///
    /// # Errors
    /// A failure.
    async fn export_lanes(&self, after: Option<LaneId>, limit: usize) -> Result<Vec<Lane>, StoreError>;

    /// Imports lanes: all or none. Import their approvals first. It skips lanes that are stored already, and those of
    /// approvals that are not stored. Returns the number of new ones.
    ///
    /// # Errors
    /// [`StoreError::BadLane`], or a failure.
    async fn import_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError>;
}

/// Which lane: in order of approval and channel.
pub type LaneId = (ApprovalId, ChannelName);

/// Leased lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leased {
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// When another call can lease a lane of the channel: its head is due, or its lease ends. Includes the lanes of
    /// this call. `None` if nothing waits.
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
    /// Only lanes with deliveries that wait.
    pub waiting: bool,
    /// Only lanes after this one.
    pub after: Option<LaneId>,
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
    /// When the head that has waited longest could first be sent, or can be. Failed attempts do not move this time.
    pub oldest_since: Option<Time>,
}

/// For implementations of stores: why a lane cannot be imported; `None` if it can. `newest` is the revision of its
/// approval.
#[must_use]
pub fn import_fault(lane: &Lane, newest: Revision) -> Option<&'static str> {
    let beyond = lane.waiting.iter().chain(&lane.dead).any(|one| one.revision == 0 || one.revision > newest);
    lane.fault().or_else(|| beyond.then_some("a delivery is of an event that its approval does not have"))
}
