//! Channels and deliveries as operators see them.

use std::collections::BTreeSet;

use super::{ChannelName, Delivery, DeliveryId, NotificationKind, Time};

/// A channel of notifications, and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its name.
    pub name: ChannelName,
    /// Its kind, such as `webhook`. `None`: it is no longer configured, but has deliveries.
    pub kind: Option<&'static str>,
    /// The events to send to it.
    pub events: BTreeSet<NotificationKind>,
    /// Whether it is notified about requests whose policy names no channel.
    pub is_default: bool,
    /// Number of approvals with deliveries that wait.
    pub waiting: u64,
    /// Number of approvals with dead deliveries.
    pub dead: u64,
    /// When the delivery that has waited longest could first be sent, or can be.
    pub oldest_since: Option<Time>,
    /// Why it is disabled. `None` if it is not.
    pub disabled: Option<String>,
    /// When a message was last sent, since the server started.
    pub last_success: Option<Time>,
    /// When a message last failed, since the server started, and why.
    pub last_failure: Option<(Time, String)>,
}

/// A delivery in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// What is on record.
    pub delivery: Delivery,
    /// Whether it is dead. Otherwise it waits.
    pub dead: bool,
}
