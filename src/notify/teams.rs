//! Microsoft Teams: an Adaptive Card to the webhook of a workflow. A card opens the desk; nobody decides from it.

mod adaptive_card;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;

use super::{
    Budget, Build, Card, Channel, Fields, Habits, Kind, Message, Resources, SendError, Sent,
    http::{EndpointSource, HttpClient, HttpSettings, json_headers},
};
use crate::domain::ChannelState;

/// The kind `teams`.
pub(super) const KIND: Kind = Kind { name: "teams", for_people: true, parse };

#[derive(Clone, Debug)]
struct Settings {
    /// A secret: its query has the signature that permits to post.
    url: EndpointSource,
    http: HttpSettings,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let http = HttpSettings::parse(fields);
    let url = fields.required_secret("url").map(EndpointSource::Secret);
    Some(Arc::new(Settings { url: url?, http }))
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        let http = HttpClient::new(self.http.clone(), Arc::clone(&resources.clock));
        Ok(Arc::new(Teams { settings: self.clone(), http }))
    }
}

struct Teams {
    settings: Settings,
    http: HttpClient,
}

#[async_trait]
impl Channel for Teams {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: false, concurrency: 2 }
    }

    async fn send(&self, message: &Message, _: Option<&ChannelState>) -> Result<Sent, SendError> {
        let body = adaptive_card::message(&Card::of(message, &Budget::CHAT));
        let to = self.settings.url.endpoint(&self.settings.http).await?;
        let reply = self.http.post(&to, json_headers(), Bytes::from(body)).await?;
        reply.settle(&[StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE])
    }
}
