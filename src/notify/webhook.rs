//! Webhooks: every event as JSON for another program, signed as in Standard Webhooks.

mod payload;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Build, Channel, Fields, Habits, Kind, Message, Resources, SecretSource, SendError, Sent, Subject,
    http::{EndpointSource, HttpClient, HttpSettings, json_headers},
    standard_webhooks::Signer,
};
use crate::{clock::Clock, domain::ChannelState};
use payload::Payload;

/// The kind `webhook`.
pub(super) const KIND: Kind = Kind { name: "webhook", for_people: false, parse };

/// Messages in flight. A receiver handles each in its own time.
const CONCURRENCY: usize = 16;

#[derive(Clone, Debug)]
struct Settings {
    url: EndpointSource,
    /// The secrets that sign, one a line.
    secret: SecretSource,
    http: HttpSettings,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let http = HttpSettings::parse(fields);
    let url = EndpointSource::parse(fields, &http, None);
    let secret = fields.required_secret("secret");
    Some(Arc::new(Settings { url: url?, secret: secret?, http }))
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        let clock = Arc::clone(&resources.clock);
        let http = HttpClient::new(self.http.clone(), Arc::clone(&clock));
        Ok(Arc::new(Webhook { settings: self.clone(), http, clock }))
    }
}

struct Webhook {
    settings: Settings,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Channel for Webhook {
    fn habits(&self) -> Habits {
        Habits { for_people: false, replaces: false, concurrency: CONCURRENCY }
    }

    async fn send(&self, message: &Message, _: Option<&ChannelState>) -> Result<Sent, SendError> {
        if let Subject::Bundle(_) = message.subject {
            return Err(SendError::Rejected { reason: "webhooks get every event by itself, not several".to_owned() });
        }
        let body = Payload::of(message).to_json();
        let to = self.settings.url.endpoint(&self.settings.http).await?;
        let signer = Signer::read(&self.settings.secret).await?;
        let mut headers = json_headers();
        headers.extend(signer.headers(&message.id, self.clock.wall(), &body));
        // The specification repeats everything but 410.
        self.http.post(&to, headers, Bytes::from(body)).await?.settle(&[])
    }
}
