//! Channels that are notified about an approval.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ChannelName, Verdict};

/// Channels that are notified about an approval. An edit can lead to a verdict with other channels; the earlier ones
/// are still notified about later events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedChannels {
    /// Whether the configured default is notified: the policy names no channel.
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
