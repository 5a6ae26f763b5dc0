//! The channels that an approval tells, as far as the approval says: those that the policy names, and whether the
//! configured default applies.

use super::{Approval, ChannelName, NotifiedChannels};

impl Approval {
    /// The channels that are told of the newest event: those of the verdict, of the escalations that have happened, and
    /// of earlier verdicts.
    #[must_use]
    pub fn channels(&self) -> NotifiedChannels {
        let escalated = self.escalations().iter().flat_map(|escalation| &escalation.notify);
        let named = self.verdict.notify.iter().chain(escalated).chain(&self.earlier_channels.named);
        NotifiedChannels { default: self.tells_default(), named: named.cloned().collect() }
    }

    /// Whether the configured default is told.
    #[must_use]
    pub fn tells_default(&self) -> bool {
        self.verdict.tells_default() || self.earlier_channels.default
    }

    /// Whether the policy names a channel that is told. Allocates nothing: the store's writer asks it for every event.
    pub(super) fn names(&self, channel: &ChannelName) -> bool {
        let escalated = || self.escalations().iter().any(|escalation| escalation.notify.contains(channel));
        self.verdict.notify.contains(channel) || escalated() || self.earlier_channels.named.contains(channel)
    }
}
