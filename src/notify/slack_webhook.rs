//! Slack by an incoming webhook: the simple mode. A new message at each request and at its end, with a link. Nothing is
//! updated, and nobody can decide in Slack.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{
    Build, Channel, Fields, Habits, Kind, Message, Resources, SendError, Sent, Subject,
    card::{Budget, Card},
    http::{EndpointSource, HttpClient, HttpSettings, Reply},
    slack::{Foot, Rendered, again, json_headers},
};
use crate::domain::{ChannelState, NotificationKind};

/// `kind = "slack-webhook"`.
pub(super) const KIND: Kind = Kind { name: "slack-webhook", for_people: true, parse };

/// Maximum number of messages in flight. Slack allows about one message per second.
const CONCURRENCY: usize = 2;

/// Settings of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    url: EndpointSource,
    http: HttpSettings,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    // Whoever has the URL can post.
    let url = fields.required_secret("url").map(EndpointSource::Secret);
    let http = HttpSettings::parse(fields);
    Some(Arc::new(Settings { url: url?, http }))
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        let client = HttpClient::new(self.http.clone(), Arc::clone(&resources.clock));
        Ok(Arc::new(SlackWebhook { settings: self.clone(), client }))
    }
}

struct SlackWebhook {
    settings: Settings,
    client: HttpClient,
}

/// Whether a message of its own is worth it: people are asked, or it has ended.
const fn is_told(kind: NotificationKind) -> bool {
    !matches!(kind, NotificationKind::Voted)
}

#[async_trait]
impl Channel for SlackWebhook {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: false, concurrency: CONCURRENCY }
    }

    async fn send(&self, message: &Message, _: Option<&ChannelState>) -> Result<Sent, SendError> {
        if matches!(&message.subject, Subject::Approval { kind, .. } if !is_told(*kind)) {
            let answer = "votes that decide nothing have no message".to_owned();
            return Ok(Sent { answer, skipped: true, ..Sent::default() });
        }
        let Rendered { text, blocks, .. } = Rendered::of(&Card::of(message, &Budget::CHAT), Foot::Link);
        let body = json!({ "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false });
        let endpoint = self.settings.url.endpoint(&self.settings.http).await?;
        let reply = self.client.post(&endpoint, json_headers(), Bytes::from(body.to_string())).await?;
        answer(&reply)
    }
}

/// By <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
fn answer(reply: &Reply) -> Result<Sent, SendError> {
    match reply.status {
        StatusCode::OK => Ok(Sent { answer: reply.line(), ..Sent::default() }),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => Err(SendError::Gone {
            reason: format!("{}: the webhook was removed; set the URL of another one", reply.line()),
        }),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Err(again(reply)),
        _ => Err(SendError::Rejected { reason: reply.line() }),
    }
}
