//! One thread of messages for each approval.

use serde::{Deserialize, Serialize};

use super::texts;
use crate::{
    domain::{ChannelState, Priority},
    notify::{AgentText, Card, Message, Subject},
};

/// Longest name of a tool in a subject, in characters.
const TOOL_MAX: usize = 80;

/// The messages about one approval. Mail programs keep messages together that have the same subject, and that name one
/// another. Nobody gets the message that all of them name: so they stay together even if the state is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    /// The id of a message that does not exist, and begins the thread.
    pub(super) root: String,
    /// The id of the message that was sent first, if that is not this one.
    pub(super) first: Option<String>,
    /// The subject of the first message.
    subject: String,
    /// The id of this message.
    id: String,
}

/// What the channel keeps about an approval.
#[derive(Serialize, Deserialize)]
struct State {
    first: String,
    subject: String,
}

impl Thread {
    /// `None` for a message that is not about one approval.
    pub(super) fn of(message: &Message, card: &Card, state: Option<&ChannelState>) -> Option<Self> {
        let Subject::Approval { approval, .. } = &message.subject else { return None };
        // A state that cannot be read is one of another version: the thread goes on by its root.
        let known = state.and_then(|state| serde_json::from_str::<State>(&state.0).ok());
        let id = approval.id.uuid().simple().to_string();
        let tool = AgentText::line(&approval.tool_name, TOOL_MAX);
        let short = &id[id.len() - 6..];
        let urgency = if card.waits() && card.priority == Priority::Urgent { texts::URGENT } else { "" };
        let new = || format!("{urgency}{}", texts::subject(tool.unescaped(), short));
        let (first, subject) = match known {
            // A repetition of the first message is still the first.
            Some(State { first, subject }) if first == message.id => (None, subject),
            Some(State { first, subject }) => (Some(first), subject),
            None => (None, new()),
        };
        Some(Self { root: format!("approval_{id}"), first, subject, id: message.id.clone() })
    }

    /// The subject of this message.
    pub(super) fn subject(&self) -> String {
        if self.first.is_some() { format!("{}{}", texts::REPLY, self.subject) } else { self.subject.clone() }
    }

    /// What the next message of the thread needs.
    pub(super) fn state(self) -> ChannelState {
        let state = State { first: self.first.unwrap_or(self.id), subject: self.subject };
        // Two texts are always valid JSON.
        ChannelState(serde_json::to_string(&state).unwrap_or_default())
    }
}
