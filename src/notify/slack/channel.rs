//! Sends and updates messages.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use serde_json::{Value, json};

use super::{
    Buttons,
    api::{CallError, Placed, SlackApi},
    endpoint,
    payload::Posted,
    render::{Foot, Rendered},
    shown::{Board, Boards},
    state::LaneState,
};
use crate::{
    clock::Clock,
    domain::{Approval, Assurance, ChannelName, ChannelState, NotificationKind},
    notify::{
        Answering, Channel, Habits, Links, Message, SendError, Sent, Subject,
        card::{Budget, Card},
    },
    policy::RedactedApproval,
};

/// Maximum number of messages in flight. Slack allows about one message per second and channel, and bursts.
const CONCURRENCY: usize = 4;

/// Longest timestamp of a message, in bytes.
const TS_MAX: usize = 32;

/// One channel of Slack.
pub(super) struct SlackChannel {
    pub(super) api: SlackApi,
    /// The id of the channel in Slack.
    pub(super) channel: String,
    pub(super) buttons: Option<Buttons>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) boards: Boards,
    links: Links,
}

impl SlackChannel {
    pub(super) fn new(
        api: SlackApi,
        channel: String,
        buttons: Option<Buttons>,
        clock: Arc<dyn Clock>,
        links: Links,
    ) -> Self {
        Self { api, channel, buttons, clock, boards: Boards::default(), links }
    }

    /// The message about an approval.
    pub(super) fn rendered(&self, card: &Card, approval: &RedactedApproval) -> Rendered {
        let accepts_chat = approval.min_assurance.accepts(Assurance::Chat);
        let foot = if self.buttons.is_some() { Foot::Buttons { accepts_chat } } else { Foot::Link };
        Rendered::of(card, foot)
    }

    /// The card of an approval as it is now.
    pub(super) fn card(&self, approval: &RedactedApproval) -> Card {
        let kind = if approval.edits > 0 { NotificationKind::Edited } else { NotificationKind::Requested };
        let subject = Subject::Approval {
            kind,
            revision: approval.revision,
            at: approval.updated_at,
            approval: Box::new(approval.clone()),
        };
        let message = Message { id: String::new(), subject, now: self.clock.now(), links: self.links.clone() };
        Card::of(&message, &Budget::CHAT)
    }

    async fn post(&self, rendered: &Rendered) -> Result<Posted, CallError> {
        let message = json!({
            "channel": self.channel,
            "text": rendered.text,
            "blocks": rendered.blocks,
            "mrkdwn": false,
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        let Placed { channel, ts } = self.api.call("chat.postMessage", &message).await?;
        if ts.is_empty() || ts.len() > TS_MAX {
            let reason = "Slack answered chat.postMessage without the message's timestamp".to_owned();
            return Err(SendError::Rejected { reason }.into());
        }
        Ok(Posted { channel: channel.unwrap_or_else(|| self.channel.clone()), ts })
    }

    /// Replaces a message.
    pub(super) async fn update(&self, message: &Posted, rendered: &Rendered) -> Result<(), CallError> {
        let Posted { channel, ts } = message;
        let Rendered { text, blocks, .. } = rendered;
        let message = json!({
            "channel": channel, "ts": ts, "text": text, "blocks": blocks, "parse": "none", "link_names": false,
        });
        self.api.call("chat.update", &message).await.map(drop)
    }

    /// Opens a modal for the person behind a trigger.
    pub(super) async fn open(&self, trigger_id: &str, view: &Value) -> Result<(), SendError> {
        self.api.call("views.open", &json!({ "trigger_id": trigger_id, "view": view })).await?;
        Ok(())
    }

    /// Posts a message about no single approval. It is never updated.
    async fn post_once(&self, card: &Card) -> Result<Sent, SendError> {
        let link = Rendered::of(card, Foot::Link);
        let (_, answer) = self.show(None, &link, &link).await?;
        Ok(Sent { answer, ..Sent::default() })
    }

    /// Updates a message, or posts a new one if it is not there any more.
    async fn show(
        &self,
        before: Option<Posted>,
        update: &Rendered,
        new: &Rendered,
    ) -> Result<(Posted, String), SendError> {
        if let Some(message) = before {
            match self.update(&message, update).await {
                Ok(()) => {
                    let answer = format!("Slack updated message {} in {}", message.ts, message.channel);
                    return Ok((message, answer));
                }
                Err(CallError::NoMessage) => {}
                Err(CallError::Failed(error)) => return Err(error),
            }
        }
        let message = self.post(new).await?;
        let answer = format!("Slack posted message {} in {}", message.ts, message.channel);
        Ok((message, answer))
    }

    /// Shows an approval. A message gets its buttons only when it is on record: after a crash, a message that is not on
    /// record cannot be found again, and its buttons would stay. A message that replaces one that Slack does not update
    /// gets them with the next event: if Slack never updates, that is never, because they could not be removed either.
    async fn tell(
        &self,
        card: &Card,
        approval: &RedactedApproval,
        state: Option<&ChannelState>,
    ) -> Result<Sent, SendError> {
        let mut board = self.boards.lock(approval.id).await;
        let recorded = LaneState::read(state).map(|state| state.message);
        // Without a state, it may have been sent before, but that could not be recorded.
        let before = recorded.clone().or_else(|| board.message.clone());
        let shown = board.revision.filter(|_| before.is_some() && board.message == before);
        if shown.is_some_and(|shown| shown >= approval.revision) {
            let answer = "the message shows it already".to_owned();
            return Ok(Sent { state: state_of(before), answer, begun: false, skipped: true });
        }
        board.revision = None;
        let has_buttons = self.buttons.is_some() && card.waits();
        let complete = self.rendered(card, approval);
        let without_buttons = has_buttons.then(|| Rendered::of(card, Foot::Link));
        let new = without_buttons.as_ref().unwrap_or(&complete);
        let update = if recorded.is_some() { &complete } else { new };
        let (message, answer) = self.show(before, update, new).await?;
        let begun = has_buttons && recorded.is_none();
        *board = Board { message: Some(message.clone()), revision: (!begun).then_some(approval.revision) };
        Ok(Sent { state: state_of(Some(message)), answer, begun, skipped: false })
    }

    /// Shows that a decision about an approval is being recorded. Nobody else can click meanwhile.
    pub(super) async fn show_recording(&self, message: &Posted, card: &Card, approval: &Approval) {
        let mut board = self.boards.lock(approval.id).await;
        board.revision = None;
        if let Err(error) = self.update(message, &Rendered::of(card, Foot::Recording)).await {
            let error = SendError::from(error);
            tracing::debug!(approval = %approval.id, %error, "cannot show in Slack that a decision is being recorded");
        }
    }
}

fn state_of(message: Option<Posted>) -> Option<ChannelState> {
    message.map(|message| LaneState { message }.write())
}

#[async_trait]
impl Channel for SlackChannel {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: true, concurrency: CONCURRENCY }
    }

    async fn send(&self, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError> {
        let card = Card::of(message, &Budget::CHAT);
        match &message.subject {
            Subject::Approval { approval, .. } => self.tell(&card, approval, state).await,
            Subject::Bundle(_) | Subject::Test => self.post_once(&card).await,
        }
    }

    fn routes(self: Arc<Self>, name: &ChannelName, answering: &Answering) -> Option<Router> {
        endpoint::router(self, name, answering.clone())
    }
}
