//! Encodes channels of notifications, and deliveries.

use super::moment;
use crate::{
    domain::{ChannelSummary, ListedDelivery},
    proto::v1,
    wire::enums::Code as _,
};

/// Encodes a channel.
#[must_use]
pub fn channel(channel: &ChannelSummary) -> v1::NotificationChannel {
    let (failed, error) = channel.last_failure.clone().unzip();
    v1::NotificationChannel {
        name: channel.name.to_string(),
        kind: channel.kind.unwrap_or_default().to_owned(),
        events: channel.events.iter().map(|kind| kind.to_wire().into()).collect(),
        is_default: channel.is_default,
        waiting_count: channel.waiting,
        dead_count: channel.dead,
        oldest_since_time: channel.oldest_since.map(moment),
        disabled_reason: channel.disabled.clone().unwrap_or_default(),
        last_success_time: channel.last_success.map(moment),
        last_failure_time: failed.map(moment),
        last_error: error.unwrap_or_default(),
    }
}

/// Encodes a delivery.
#[must_use]
pub fn delivery(listed: &ListedDelivery) -> v1::Delivery {
    let ListedDelivery { id, delivery, dead } = listed;
    let state = if *dead { v1::DeliveryState::Dead } else { v1::DeliveryState::Waiting };
    v1::Delivery {
        id: id.to_string(),
        channel: id.channel.to_string(),
        approval_id: id.approval.to_string(),
        revision: delivery.revision,
        kind: delivery.kind.to_wire().into(),
        state: state.into(),
        attempts: delivery.attempts,
        last_error: delivery.error.clone(),
        next_attempt_time: (!dead).then(|| moment(delivery.not_before)),
        create_time: Some(moment(delivery.created_at)),
    }
}
