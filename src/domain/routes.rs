//! Routes: which channels are notified about an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Approval, ChannelName, Delivery, Event, Lane, NotificationKind, Time, after};

/// The configured channels, and those to notify about requests whose policy names none. The store's writer asks it
/// while it commits an event, so it must be quick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// The configured channels.
    pub channels: BTreeMap<ChannelName, Subscription>,
    /// The channels for requests whose policy names none.
    pub default: BTreeSet<ChannelName>,
}

/// The events that a channel subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The kinds of events.
    pub kinds: BTreeSet<NotificationKind>,
    /// How long a request must wait before the channel is notified.
    pub after: Duration,
}

impl Routes {
    /// The channels to notify about the newest event of an approval: those that its verdict names, or the default ones;
    /// those of the escalations that have happened; and those that were notified before an edit.
    ///
    /// Channels that are not configured are left out.
    #[must_use]
    pub fn channels_of<'a>(&'a self, approval: &'a Approval) -> BTreeSet<&'a ChannelName> {
        self.channels.keys().filter(|name| self.tells(approval, name)).collect()
    }

    /// Whether there are no channels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// The deliveries that an event causes. `approval` is in the state after the event.
    ///
    /// The channel's delay holds for the request only. Later events of the lane wait behind the request; an escalation
    /// moves it forward ([`Lane::push`](super::Lane::push)).
    #[must_use]
    pub fn deliveries(&self, approval: &Approval, event: &Event) -> Vec<(ChannelName, Delivery)> {
        let Some(kind) = NotificationKind::of(&event.kind) else { return Vec::new() };
        let told =
            self.channels.iter().filter(|(name, wants)| wants.kinds.contains(&kind) && self.tells(approval, name));
        let delivery = |(name, wants): (&ChannelName, &Subscription)| {
            let delay = if kind == NotificationKind::Requested { wants.after } else { Duration::ZERO };
            (name.clone(), Delivery::new(event.revision, kind, event.at, after(event.at, delay)))
        };
        told.map(delivery).collect()
    }

    /// When the head of a lane could first be sent: failed attempts do not move this time. `None` if nothing waits.
    #[must_use]
    pub fn since(&self, lane: &Lane) -> Option<Time> {
        let head = lane.waiting.front()?;
        if head.attempts == 0 {
            return Some(head.not_before);
        }
        let delayed = self.channels.get(&lane.channel).filter(|_| head.kind == NotificationKind::Requested);
        let first = after(head.started_at(), delayed.map_or(Duration::ZERO, |wants| wants.after));
        Some(first.min(head.not_before))
    }

    fn tells(&self, approval: &Approval, name: &ChannelName) -> bool {
        (approval.tells_default() && self.default.contains(name)) || approval.names(name)
    }
}

#[cfg(test)]
mod tests;
