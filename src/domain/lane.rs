//! Lanes: the deliveries of one approval to one channel, in order.
//!
//! A lane is one record. An event and the deliveries that it causes are committed together, so no delivery is lost. The
//! oldest delivery of a lane is its head: only the head is sent, so a channel learns the events of an approval in order.

use std::{collections::VecDeque, fmt};

use serde::{Deserialize, Serialize};

use super::{ApprovalId, ChannelName, DeliveryId, NotificationKind, Revision, Time, moment, optional_moment};

/// Maximum length of the error that a delivery keeps, in bytes.
pub const DELIVERY_ERROR_MAX: usize = 256;

/// Maximum size of what a channel keeps about an approval, in bytes.
pub const CHANNEL_STATE_MAX: usize = 1_024;

/// Maximum number of deliveries in a lane. A full lane drops votes, then escalations: the next message about the approval
/// shows them anyway. The other events of an approval are fewer than this.
pub const LANE_DELIVERIES_MAX: usize = 256;

/// The deliveries of one approval to one channel that are not sent yet, and what the channel keeps about the approval.
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

/// One event to send to a channel.
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
    /// When an operator retried it last. From then on its time to arrive counts anew.
    #[serde(default, with = "optional_moment", skip_serializing_if = "Option::is_none")]
    pub retried_at: Option<Time>,
}

impl Delivery {
    /// A delivery that was not tried yet.
    #[must_use]
    pub const fn new(revision: Revision, kind: NotificationKind, created_at: Time, not_before: Time) -> Self {
        Self { revision, kind, created_at, not_before, attempts: 0, error: String::new(), retried_at: None }
    }

    /// From when its time to arrive counts, apart from the channel's delay.
    #[must_use]
    pub fn started_at(&self) -> Time {
        self.retried_at.unwrap_or(self.created_at)
    }
}

/// What a channel keeps about an approval, in a form of its own. At most [`CHANNEL_STATE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelState(pub String);

impl ChannelState {
    /// Whether a lane can keep it.
    #[must_use]
    pub const fn fits(&self) -> bool {
        self.0.len() <= CHANNEL_STATE_MAX
    }
}

impl fmt::Debug for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelState({} bytes)", self.0.len())
    }
}

/// What became of the head of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The channel has these deliveries. An older one that an operator retries meanwhile still waits.
    Sent {
        /// The head's revision when the message was planned.
        from: Revision,
        /// The newest revision that the channel knows.
        up_to: Revision,
        /// Its new state. `None` keeps the present one.
        state: Option<ChannelState>,
    },
    /// The channel has begun the message of the head, and completes it when this is on record. The head still waits.
    Begun {
        /// The channel's new state, such as the id of the message.
        state: ChannelState,
    },
    /// Nothing was tried. The delivery waits, but no longer than an escalation behind it.
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
    /// forward that were not tried yet. If the lane has [`LANE_DELIVERIES_MAX`] of them, it drops a vote, or else an
    /// escalation: the oldest one that waits behind the head, or else the oldest dead one.
    pub fn push(&mut self, delivery: Delivery) {
        if delivery.kind == NotificationKind::Escalated {
            for earlier in self.waiting.iter_mut().filter(|earlier| earlier.attempts == 0) {
                earlier.not_before = earlier.not_before.min(delivery.not_before);
            }
        }
        debug_assert!(self.waiting.back().is_none_or(|last| last.revision < delivery.revision), "in order of revision");
        if self.waiting.len() + self.dead.len() >= LANE_DELIVERIES_MAX {
            self.drop_one();
        }
        self.waiting.push_back(delivery);
    }

    /// Records what became of the head. Settling a delivery that is no longer waiting changes nothing. Returns whether
    /// the lane changed. A state of more than [`CHANNEL_STATE_MAX`] bytes is not kept: a part of it would be useless.
    pub fn settle(&mut self, settlement: Settlement) -> bool {
        let before = self.clone();
        match settlement {
            Settlement::Sent { from, up_to, state } => {
                self.waiting.retain(|delivery| delivery.revision < from || delivery.revision > up_to);
                if let Some(state) = state.filter(ChannelState::fits) {
                    self.state = Some(state);
                }
            }
            Settlement::Begun { state } => {
                if state.fits() {
                    self.state = Some(state);
                }
            }
            Settlement::Postponed { revision, until } => {
                let escalated = self.waiting.iter().filter(|delivery| delivery.kind == NotificationKind::Escalated);
                let until = escalated.map(|delivery| delivery.not_before).fold(until, Time::min);
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
        let delivery = Delivery { attempts: 0, not_before: now, retried_at: Some(now), ..self.dead.remove(index) };
        let place = self.waiting.iter().take_while(|other| other.revision < revision).count();
        self.waiting.insert(place, delivery);
        true
    }

    /// Whether the record holds nothing that is still needed. A channel's state is needed until no
    /// [event can follow](super::Approval::may_notify).
    #[must_use]
    pub fn is_done(&self, events_can_follow: bool) -> bool {
        self.is_idle() && (self.state.is_none() || !events_can_follow)
    }

    /// Whether it has no deliveries.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.dead.is_empty()
    }

    /// For implementations of stores: why it cannot be stored; `None` if it can.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let (waiting, dead) = (self.waiting.iter(), self.dead.iter());
        if !waiting.clone().is_sorted_by(before) || !dead.clone().is_sorted_by(before) {
            return Some("its deliveries are not in order of revision");
        }
        if waiting.clone().any(|delivery| self.dead.iter().any(|dead| dead.revision == delivery.revision)) {
            return Some("a delivery both waits and is dead");
        }
        if waiting.len() + dead.len() > LANE_DELIVERIES_MAX {
            return Some("it has more than 256 deliveries");
        }
        if waiting.chain(dead).any(|delivery| delivery.error.len() > DELIVERY_ERROR_MAX) {
            return Some("an error is longer than 256 bytes");
        }
        let state = self.state.as_ref().is_some_and(|state| !state.fits());
        state.then_some("the channel's state is longer than 1024 bytes")
    }

    /// Makes room for another delivery.
    fn drop_one(&mut self) {
        for kind in [NotificationKind::Voted, NotificationKind::Escalated] {
            let is_one = |delivery: &Delivery| delivery.kind == kind;
            if let Some(behind) = self.waiting.iter().skip(1).position(is_one) {
                self.waiting.remove(behind + 1);
                return;
            }
            if let Some(dead) = self.dead.iter().position(is_one) {
                self.dead.remove(dead);
                return;
            }
        }
    }

    fn head(&mut self, revision: Revision) -> Option<&mut Delivery> {
        self.waiting.front_mut().filter(|head| head.revision == revision)
    }
}

fn before(one: &&Delivery, next: &&Delivery) -> bool {
    one.revision < next.revision
}

/// The first [`DELIVERY_ERROR_MAX`] bytes of an error, at the boundary of a character.
fn bounded(mut error: String) -> String {
    error.truncate(error.floor_char_boundary(DELIVERY_ERROR_MAX));
    error
}

#[cfg(test)]
mod tests;
