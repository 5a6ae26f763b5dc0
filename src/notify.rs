//! Notifications: messages that bring people, and other programs, to a decision.
//!
//! The store commits deliveries together with the events that cause them (its outbox). The dispatcher leases them, and
//! hands each one to its [`Channel`] as a [`Message`]. A message is rendered when it is sent, and holds only a redacted
//! view of the approval: no channel can show what the policy redacts.
//!
//! **A new channel** is one file with its settings and its [`Channel`], and one line in `registry.rs`.

mod answering;
mod card;
mod channel;
mod dispatcher;
mod email;
mod http;
mod kind;
mod link_minter;
mod message;
mod ntfy;
mod operations;
mod pagerduty;
mod plain_text;
mod registry;
mod router;
mod secret_source;
mod settings;
mod slack;
mod slack_webhook;
mod standard_webhooks;
mod teams;
#[cfg(test)]
mod test_kind;
#[cfg(test)]
mod test_receiver;
mod webhook;

pub use answering::Answering;
pub use card::{AgentText, Budget, Card, Deadline, Detail, DetailKey, Fact, Phrase, Span, Tone};
pub use channel::{Channel, Habits, SendError, Sent};
pub use dispatcher::{BuildError, ChannelStatus, Channels, Sources, TestError};
pub use http::shown_url;
pub use kind::{Build, Kind, Resources};
pub use link_minter::LinkMinter;
pub use message::{Bundle, Links, Message, Subject};
pub use registry::{
    CHANNELS_MAX, ChannelProblems, ChannelSettings, INTERRUPTIONS_DEFAULT, INTERRUPTIONS_WINDOW, KINDS,
};
pub use secret_source::{SECRET_MAX, SecretError, SecretSource};
pub use settings::{FieldProblem, Fields};
