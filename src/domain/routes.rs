//! Routes: which channels are told of an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Approval, ChannelName, Delivery, Event, NotificationKind, after};

/// The configured channels, and those that are told of requests whose policy names none. The store's writer asks it
/// while it commits an event, so it must be quick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// The configured channels.
    pub channels: BTreeMap<ChannelName, Subscription>,
    /// The channels for requests whose policy names none.
    pub default: BTreeSet<ChannelName>,
}

/// What a channel wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The kinds of events.
    pub kinds: BTreeSet<NotificationKind>,
    /// How long a request must wait before the channel is told of it.
    pub after: Duration,
}

impl Routes {
    /// The channels that an approval names, or the default ones.
    ///
    /// Channels that are not configured are left out.
    #[must_use]
    pub fn channels_of<'a>(&'a self, approval: &'a Approval) -> BTreeSet<&'a ChannelName> {
        // The helper `routing` replaces this with the channels of the verdict and of escalations.
        let _ = approval;
        self.default.iter().filter(|name| self.channels.contains_key(*name)).collect()
    }

    /// The deliveries that an event causes. `approval` is in the state after the event.
    #[must_use]
    pub fn deliveries(&self, approval: &Approval, event: &Event) -> Vec<(ChannelName, Delivery)> {
        let Some(kind) = NotificationKind::of(&event.kind) else { return Vec::new() };
        let delivery = |name: &ChannelName| {
            let Subscription { kinds, after: delay } = self.channels.get(name)?;
            let delay = if kind == NotificationKind::Requested { *delay } else { Duration::ZERO };
            let not_before = after(event.at, delay);
            let Event { revision, at, .. } = *event;
            let delivery = Delivery { revision, kind, created_at: at, not_before, attempts: 0, error: String::new() };
            kinds.contains(&kind).then(|| (name.clone(), delivery))
        };
        self.channels_of(approval).into_iter().filter_map(delivery).collect()
    }
}
