//! The channels to notify about an approval, as far as the approval says: those that the policy names, and whether the
//! configured default applies.

use super::{Approval, ChannelName, NotifiedChannels};

impl Approval {
    /// The channels to notify about the newest event: those of the verdict, of the escalations that have happened, and
    /// of earlier verdicts.
    #[must_use]
    pub fn channels(&self) -> NotifiedChannels {
        let escalated = self.escalations().iter().flat_map(|escalation| &escalation.notify);
        let named = self.verdict.notify.iter().chain(escalated).chain(&self.earlier_channels.named);
        NotifiedChannels { default: self.tells_default(), named: named.cloned().collect() }
    }

    /// Whether the configured default is notified.
    #[must_use]
    pub fn tells_default(&self) -> bool {
        self.verdict.tells_default() || self.earlier_channels.default
    }

    /// Whether the policy names a channel. Allocates nothing: the store's writer asks it for every event.
    pub(super) fn names(&self, channel: &ChannelName) -> bool {
        let escalated = || self.escalations().iter().any(|escalation| escalation.notify.contains(channel));
        self.verdict.notify.contains(channel) || escalated() || self.earlier_channels.named.contains(channel)
    }
}
