//! What a channel is asked to send.

use crate::{
    domain::{ApprovalId, DeliveryId, NotificationKind, PublicUrl, Revision, Time},
    policy::RedactedApproval,
};

/// A message. Its channel renders it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same for every attempt.
    pub id: String,
    /// What it is about.
    pub subject: Subject,
    /// Server time.
    pub now: Time,
    /// Addresses of the desk.
    pub links: Links,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// An event of one approval.
    Approval {
        /// The event that caused the message.
        kind: NotificationKind,
        /// Its revision. The approval may be newer.
        revision: Revision,
        /// When it was recorded.
        at: Time,
        /// The approval as it is now, without what the policy redacts.
        approval: Box<RedactedApproval>,
    },
    /// Several requests of one agent, or more than the channel's limit of interruptions. Has no buttons.
    Bundle(Bundle),
    /// A test by an operator.
    Test,
}

/// Several requests in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The agent that all of them are from, as its caller names it. `None` if they are from several.
    pub agent: Option<String>,
    /// The tools, without repetitions.
    pub tools: Vec<String>,
    /// The approvals.
    pub approvals: Vec<ApprovalId>,
    /// When the first one was requested.
    pub since: Time,
}

/// Addresses of the desk, if `public_url` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    public_url: Option<PublicUrl>,
}

impl Links {
    /// Links that begin with this address.
    #[must_use]
    pub const fn new(public_url: Option<PublicUrl>) -> Self {
        Self { public_url }
    }

    /// The page of an approval.
    #[must_use]
    pub fn approval(&self, id: ApprovalId) -> Option<String> {
        self.public_url.as_ref().map(|url| url.join(&format!("/approvals/{id}")))
    }

    /// The page of everything that waits for the reader.
    #[must_use]
    pub fn queue(&self) -> Option<String> {
        self.public_url.as_ref().map(|url| url.join("/"))
    }
}

impl Message {
    /// A message about an approval.
    #[must_use]
    pub fn about(id: &DeliveryId, subject: Subject, now: Time, links: Links) -> Self {
        Self { id: id.to_string(), subject, now, links }
    }
}
