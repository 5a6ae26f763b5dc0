//! Lanes: what one channel is still to be told about one approval, in order.
//!
//! A lane is one record. An event and the deliveries that it causes are committed together, so no delivery is lost. The
//! oldest delivery of a lane is its head: only the head is sent, so a channel learns the events of an approval in order.

use std::{collections::VecDeque, fmt};

use serde::{Deserialize, Serialize};

use super::{ApprovalId, ChannelName, DeliveryId, NotificationKind, Revision, Time, moment};

/// Maximum length of the error that a delivery keeps, in bytes.
pub const DELIVERY_ERROR_MAX: usize = 256;

/// Maximum size of what a channel keeps about an approval, in bytes.
pub const CHANNEL_STATE_MAX: usize = 1_024;

/// Everything that one channel is still to be told about one approval, and what the channel keeps about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The channel.
    pub channel: ChannelName,
    /// The approval.
    pub approval: ApprovalId,
    /// Deliveries that are not settled, in order of revision. The first one is the head.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub waiting: VecDeque<Delivery>,
    /// Deliveries that failed for good, in order of revision. An operator can retry them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<Delivery>,
    /// What the channel keeps, such as the id of its message. Only the channel reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ChannelState>,
}

/// One event that a channel is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The revision of the event.
    pub revision: Revision,
    /// What happened.
    pub kind: NotificationKind,
    /// When the event was recorded.
    #[serde(with = "moment")]
    pub created_at: Time,
    /// It is not sent before this time: a delay of the channel, or the next attempt.
    #[serde(with = "moment")]
    pub not_before: Time,
    /// Number of failed attempts.
    #[serde(default)]
    pub attempts: u32,
    /// Why the last attempt failed. Empty if none did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// What a channel keeps about an approval, in a form of its own. At most [`CHANNEL_STATE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelState(pub String);

impl fmt::Debug for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelState({} bytes)", self.0.len())
    }
}

/// What became of the head of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The channel was told everything up to this revision.
    Sent {
        /// The newest revision that it knows.
        up_to: Revision,
        /// Its new state. `None` keeps the present one.
        state: Option<ChannelState>,
    },
    /// Nothing was tried. The delivery waits.
    Postponed {
        /// The head's revision.
        revision: Revision,
        /// Until when.
        until: Time,
    },
    /// The attempt failed, and is repeated.
    Failed {
        /// The head's revision.
        revision: Revision,
        /// When.
        retry_at: Time,
        /// Why.
        error: String,
    },
    /// The delivery failed for good. The next one of the lane is the head.
    Dead {
        /// The head's revision.
        revision: Revision,
        /// Why.
        error: String,
    },
}

impl Lane {
    /// An empty lane.
    #[must_use]
    pub const fn new(channel: ChannelName, approval: ApprovalId) -> Self {
        Self { channel, approval, waiting: VecDeque::new(), dead: Vec::new(), state: None }
    }

    /// The id of one of its deliveries.
    #[must_use]
    pub fn id(&self, delivery: &Delivery) -> DeliveryId {
        DeliveryId { approval: self.approval, revision: delivery.revision, channel: self.channel.clone() }
    }

    /// When its head may be sent. `None` if nothing waits.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.waiting.front().map(|head| head.not_before)
    }

    /// Adds a delivery after the others. An escalation does not wait for the delay of earlier ones: it moves those
    /// forward that were not tried yet.
    pub fn push(&mut self, delivery: Delivery) {
        if delivery.kind == NotificationKind::Escalated {
            for earlier in self.waiting.iter_mut().filter(|earlier| earlier.attempts == 0) {
                earlier.not_before = earlier.not_before.min(delivery.not_before);
            }
        }
        debug_assert!(self.waiting.back().is_none_or(|last| last.revision < delivery.revision), "in order of revision");
        self.waiting.push_back(delivery);
    }

    /// Records what became of the head. Settling a delivery that is no longer waiting changes nothing. Returns whether
    /// the lane changed.
    pub fn settle(&mut self, settlement: Settlement) -> bool {
        let before = self.clone();
        match settlement {
            Settlement::Sent { up_to, state } => {
                self.waiting.retain(|delivery| delivery.revision > up_to);
                if state.is_some() {
                    self.state = state;
                }
            }
            Settlement::Postponed { revision, until } => {
                if let Some(head) = self.head(revision) {
                    head.not_before = until;
                }
            }
            Settlement::Failed { revision, retry_at, error } => {
                if let Some(head) = self.head(revision) {
                    head.attempts = head.attempts.saturating_add(1);
                    head.not_before = retry_at;
                    head.error = bounded(error);
                }
            }
            Settlement::Dead { revision, error } => {
                if let Some(head) = self.head(revision) {
                    head.attempts = head.attempts.saturating_add(1);
                    head.error = bounded(error);
                    self.dead.extend(self.waiting.pop_front());
                    self.dead.sort_by_key(|delivery| delivery.revision);
                }
            }
        }
        *self != before
    }

    /// Moves a dead delivery back to its place among those that wait. Its attempts count anew. Returns whether there was
    /// such a delivery.
    pub fn revive(&mut self, revision: Revision, now: Time) -> bool {
        let Some(index) = self.dead.iter().position(|delivery| delivery.revision == revision) else { return false };
        let delivery = Delivery { attempts: 0, created_at: now, not_before: now, ..self.dead.remove(index) };
        let place = self.waiting.iter().take_while(|other| other.revision < revision).count();
        self.waiting.insert(place, delivery);
        true
    }

    /// Whether the record holds nothing that is still needed. A channel's state is needed while events can follow.
    #[must_use]
    pub fn is_done(&self, approval_has_ended: bool) -> bool {
        self.waiting.is_empty() && self.dead.is_empty() && (self.state.is_none() || approval_has_ended)
    }

    fn head(&mut self, revision: Revision) -> Option<&mut Delivery> {
        self.waiting.front_mut().filter(|head| head.revision == revision)
    }
}

/// The first [`DELIVERY_ERROR_MAX`] bytes of an error, at the boundary of a character.
fn bounded(mut error: String) -> String {
    error.truncate(error.floor_char_boundary(DELIVERY_ERROR_MAX));
    error
}
