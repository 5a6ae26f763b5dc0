//! The channels that an approval tells, as far as the approval says: those that the policy names, and whether the
//! configured default applies.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Approval, ChannelName, Effect, Verdict};

/// Channels that are told of an approval. An edit can lead to a verdict with other channels; those that were told
/// before are still told how it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedChannels {
    /// Whether the configured default is told: the policy names no channel.
    #[serde(default)]
    pub default: bool,
    /// The channels that the policy names.
    #[serde(default)]
    pub named: BTreeSet<ChannelName>,
}

impl NotifiedChannels {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.default && self.named.is_empty()
    }

    /// Those that another verdict does not name.
    pub(super) fn beyond(mut self, verdict: &Verdict) -> Self {
        self.named.retain(|channel| !verdict.notify.contains(channel));
        self.default &= !verdict.tells_default();
        self
    }
}

impl Verdict {
    /// Whether the configured default is told of such calls. Not of calls that the policy decides: they may be frequent.
    fn tells_default(&self) -> bool {
        matches!(self.effect, Effect::RequireApproval(_)) && self.notify.is_empty()
    }
}

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
