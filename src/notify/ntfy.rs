//! ntfy: notifications on phones, by publishing JSON to a server of ntfy. A notification opens the desk; nobody decides
//! from it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use serde::Serialize;

use super::{
    Budget, Build, Card, Channel, Fields, Habits, Kind, Message, Resources, SecretSource, SendError, Sent, Tone,
    http::{EndpointSource, HttpClient, HttpSettings, json_headers},
    plain_text,
};
use crate::domain::{ChannelState, Priority};

/// The kind `ntfy`.
pub(super) const KIND: Kind = Kind { name: "ntfy", for_people: true, parse };

/// Longest topic, in characters.
const TOPIC_MAX: usize = 64;

/// Longest title, in bytes.
const TITLE_MAX: usize = 250;

/// Longest message as JSON, in bytes. ntfy makes a file of a message over 4,096 bytes, and reads 8,192 bytes of JSON.
const MESSAGE_MAX: usize = 4_000;

/// What stands at the end of a message that is cut.
const MORE: &str = "\n… (open the page for the rest)";

#[derive(Clone, Debug)]
struct Settings {
    /// The root of the server.
    url: EndpointSource,
    topic: String,
    token: Option<SecretSource>,
    http: HttpSettings,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let http = HttpSettings::parse(fields);
    let url = EndpointSource::parse(fields, &http, None);
    let allowed = |topic: &String| {
        topic.len() <= TOPIC_MAX && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let topic = fields.required_text("topic").and_then(|topic| {
        if !allowed(&topic) {
            fields.problem("topic", format!("must be 1 to {TOPIC_MAX} letters, digits, - and _"));
        }
        Some(topic).filter(allowed)
    });
    let token = fields.secret("token");
    Some(Arc::new(Settings { url: url?, topic: topic?, token, http }))
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        let http = HttpClient::new(self.http.clone(), Arc::clone(&resources.clock));
        Ok(Arc::new(Ntfy { settings: self.clone(), http }))
    }
}

struct Ntfy {
    settings: Settings,
    http: HttpClient,
}

/// What is published. `actions` has only `view`, which opens a page in a browser.
#[derive(Debug, Serialize)]
struct Published<'a> {
    topic: &'a str,
    title: String,
    message: String,
    priority: u8,
    tags: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<View<'a>>,
}

#[derive(Debug, Serialize)]
struct View<'a> {
    action: &'static str,
    label: &'static str,
    url: &'a str,
}

#[async_trait]
impl Channel for Ntfy {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: false, concurrency: 4 }
    }

    async fn send(&self, message: &Message, _: Option<&ChannelState>) -> Result<Sent, SendError> {
        let card = Card::of(message, &Budget::CHAT);
        // Texts and small numbers, so it cannot fail.
        let body = serde_json::to_vec(&Published::of(&card, &self.settings.topic)).unwrap_or_default();
        let to = self.settings.url.endpoint(&self.settings.http).await?;
        let mut headers = json_headers();
        if let Some(source) = &self.settings.token {
            let token = source.read().await?;
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).map_err(|_| {
                let reason = format!("{} must be printable ASCII", source.field("token"));
                SendError::Retry { reason, after: None }
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let reply = self.http.post(&to, headers, Bytes::from(body)).await?;
        reply.settle(&[StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE])
    }
}

impl<'a> Published<'a> {
    fn of(card: &'a Card, topic: &'a str) -> Self {
        let click = card.open.as_deref().or(card.queue.as_deref());
        let heading = plain_text::line(&card.heading);
        let (priority, tag) = match (card.tone, card.priority) {
            (Tone::Waiting, Priority::Urgent) => (5, "rotating_light"),
            (Tone::Waiting, Priority::High) => (4, "hourglass_flowing_sand"),
            (Tone::Waiting, Priority::Normal) => (3, "hourglass_flowing_sand"),
            (Tone::Neutral, _) => (3, "bell"),
            // What happened makes no sound.
            (Tone::Approved, _) => (2, "white_check_mark"),
            (Tone::Rejected, _) => (2, "x"),
            (Tone::Ended, _) => (2, "no_entry"),
        };
        Self {
            topic,
            title: cut(&heading, TITLE_MAX, "…"),
            message: cut(&plain_text::lines(card).join("\n"), MESSAGE_MAX, MORE),
            priority,
            tags: [tag],
            click,
            actions: click.map(|url| View { action: "view", label: "Open", url }).into_iter().collect(),
        }
    }
}

/// A text whose JSON has at most `max` bytes.
fn cut(text: &str, max: usize, more: &str) -> String {
    let length = |c: char| match c {
        '"' | '\\' | '\n' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    };
    if text.chars().map(length).sum::<usize>() <= max {
        return text.to_owned();
    }
    let mut left = max - more.chars().map(length).sum::<usize>();
    let fits = |c: &char| {
        let fits = length(*c) <= left;
        left = left.saturating_sub(length(*c));
        fits
    };
    text.chars().take_while(fits).collect::<String>() + more
}
