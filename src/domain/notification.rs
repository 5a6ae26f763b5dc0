//! Notifications: the events of an approval that are sent to channels.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ApprovalId, ChannelName, EventKind, Revision, Status};

/// What happened. Channels subscribe to kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// A request waits for reviewers.
    Requested,
    /// A reviewer voted without deciding.
    Voted,
    /// A reviewer changed the arguments.
    Edited,
    /// More reviewers are asked, or the priority was raised.
    Escalated,
    /// Approved or rejected, by reviewers or by the policy.
    Decided,
    /// Nobody decided before the deadline.
    TimedOut,
    /// The requester withdrew the request.
    Cancelled,
    /// An approved call was revoked before it was claimed.
    Revoked,
}

impl NotificationKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::Voted,
        Self::Edited,
        Self::Escalated,
        Self::Decided,
        Self::TimedOut,
        Self::Cancelled,
        Self::Revoked,
    ];

    /// Its name in settings, the API and webhooks, such as `timed_out`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Voted => "voted",
            Self::Edited => "edited",
            Self::Escalated => "escalated",
            Self::Decided => "decided",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of an event. `None` for claims and reports. A request that the policy decides immediately is a decision.
    #[must_use]
    pub fn of(event: &EventKind) -> Option<Self> {
        Some(match event {
            EventKind::Requested { verdict, .. } if verdict.effect.status().is_terminal() => Self::Decided,
            EventKind::Requested { .. } => Self::Requested,
            EventKind::Voted { .. } => Self::Voted,
            EventKind::Edited { .. } => Self::Edited,
            EventKind::Escalated(_) => Self::Escalated,
            EventKind::Decided { status: Status::TimedOut, .. } => Self::TimedOut,
            EventKind::Decided { status: Status::Cancelled, .. } => Self::Cancelled,
            EventKind::Decided { .. } => Self::Decided,
            EventKind::Revoked { .. } => Self::Revoked,
            EventKind::Claimed { .. } | EventKind::Reported { .. } => return None,
        })
    }
}

/// The id of a delivery: the same for every attempt, so receivers can drop repetitions. `msg_` with the approval's id,
/// the revision of the event, and the channel; without `.`, which separates it from other fields in the signatures of
/// Standard Webhooks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The approval.
    pub approval: ApprovalId,
    /// The revision of the event.
    pub revision: Revision,
    /// The channel.
    pub channel: ChannelName,
}

/// The text is not the id of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a delivery's id, such as msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_1_finance-slack")]
pub struct DeliveryIdError;

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}_{}_{}", self.approval.uuid().simple(), self.revision, self.channel)
    }
}

impl FromStr for DeliveryId {
    type Err = DeliveryIdError;

    fn from_str(text: &str) -> Result<Self, DeliveryIdError> {
        let mut parts = text.strip_prefix("msg_").ok_or(DeliveryIdError)?.splitn(3, '_');
        let mut part = || parts.next().ok_or(DeliveryIdError);
        let id = Self {
            approval: part()?.parse().map_err(|_| DeliveryIdError)?,
            revision: part()?.parse().map_err(|_| DeliveryIdError)?,
            channel: part()?.parse().map_err(|_| DeliveryIdError)?,
        };
        if id.to_string() == text { Ok(id) } else { Err(DeliveryIdError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_deliveries_are_read_as_they_are_written() {
        let text = "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_12_finance-slack";
        assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
        for bad in [
            "",
            "msg_",
            "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_12",
            "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_+12_a",
            "msg_0190f3b2-c4d5-7e8f-9a0b-1c2d3e4f5a6b_12_a",
            "msg_0190F3B2C4D57E8F9A0B1C2D3E4F5A6B_12_a",
            "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_12_a_b",
        ] {
            assert_eq!(bad.parse::<DeliveryId>(), Err(DeliveryIdError), "{bad:?}");
        }
    }

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in NotificationKind::ALL {
            assert_eq!(NotificationKind::named(kind.name()), Some(kind));
        }
        assert_eq!(NotificationKind::named("claimed"), None);
    }
}
