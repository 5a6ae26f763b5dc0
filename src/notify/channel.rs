//! What every channel does.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;

use super::{Answering, Message};
use crate::domain::{ChannelName, ChannelState};

/// Maximum time of an attempt. Channels have shorter timeouts of their own, which fit into it together.
pub(in crate::notify) const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends messages to one place, such as a Slack channel or a webhook.
///
/// A message may arrive twice: after a crash between sending and recording, it is sent again with the same
/// [id](Message::id). Where the receiver offers a key against repetitions, a channel passes that id.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// How the dispatcher treats the channel.
    fn habits(&self) -> Habits;

    /// Sends a message. `state` is what the channel returned for the same approval before.
    ///
    /// # Errors
    /// Why the receiver does not have the message.
    async fn send(&self, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError>;

    /// Routes of this server by which people answer in the receiver, such as by buttons. `None` for most channels.
    fn routes(self: Arc<Self>, name: &ChannelName, answering: &Answering) -> Option<Router> {
        let _ = (name, answering);
        None
    }
}

/// How the dispatcher treats a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Whether people read it. Then requests are bundled, interruptions are limited, and a request that was decided
    /// before it could be sent is not sent at all. Programs get every event.
    pub for_people: bool,
    /// Whether one message shows the current state, and replaces what was sent about the approval before. Then only the
    /// newest event of a lane is sent.
    pub replaces: bool,
    /// Maximum number of messages in flight.
    pub concurrency: usize,
}

/// The receiver has the message, or needs none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What the channel needs for its next message about this approval. `None` keeps the present state.
    pub state: Option<ChannelState>,
    /// The receiver's answer in one line, for `signoff notify test`. No secrets.
    pub answer: String,
    /// Whether the message is not complete: the channel completes it when `state` is on record, so that no crash can leave
    /// a message that the channel does not know. Then [`Channel::send`] is called again for the same event, with the state.
    /// Requires a new `state`, and a channel that [replaces](Habits::replaces) its messages.
    pub begun: bool,
    /// Whether nothing was sent, because the receiver needs no message about this event. It says nothing about whether
    /// the receiver works.
    pub skipped: bool,
}

/// Why the receiver does not have the message. The texts are for operators: one sentence, no secrets, no addresses with
/// secrets in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may succeed later.
    #[error("{reason}")]
    Retry {
        /// Why.
        reason: String,
        /// Minimum delay that the receiver asks for.
        after: Option<Duration>,
    },
    /// The receiver rejects this message, and would reject it again.
    #[error("{reason}")]
    Rejected {
        /// Why.
        reason: String,
    },
    /// The receiver wants no more messages, such as a webhook that answers 410. The channel is disabled until the server
    /// starts again, or an operator retries a delivery.
    #[error("{reason}")]
    Gone {
        /// Why.
        reason: String,
    },
}
