//! Slack. With a bot's token, one message shows each approval, and is updated until the end. With a signing secret too,
//! it has buttons. `slack-webhook` is the simple mode: see `slack_webhook.rs`.
//!
//! Set up by docs/notifications.md. Written from <https://docs.slack.dev>.

mod api;
mod channel;
mod clicks;
mod endpoint;
mod modal;
mod payload;
mod people;
mod render;
mod shown;
mod signature;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod texts;

use std::sync::Arc;

use super::{
    Build, Channel, Fields, Kind, Resources, SecretSource,
    http::{Endpoint, HttpClient, HttpSettings},
};
use crate::domain::NotificationKind;
use api::SlackApi;
use channel::SlackChannel;
use people::People;

pub(super) use api::{again, json_headers};
pub(super) use render::{Foot, Rendered};

/// `kind = "slack"`.
pub(super) const KIND: Kind = Kind { name: "slack", for_people: true, parse };

/// The events at which a message with buttons must change: it has ended, or shows old arguments.
const ENDS: [NotificationKind; 5] = [
    NotificationKind::Decided,
    NotificationKind::TimedOut,
    NotificationKind::Cancelled,
    NotificationKind::Revoked,
    NotificationKind::Edited,
];

/// Settings of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SlackSettings {
    token: SecretSource,
    channel: String,
    buttons: Option<Buttons>,
    api_url: String,
    http: HttpSettings,
}

/// What is needed to decide in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Buttons {
    signing_secret: SecretSource,
    people: People,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let token = fields.required_secret("token");
    let channel = fields.required_text("channel").filter(|id| {
        let valid = people::is_id(id, "CGD");
        if !valid {
            fields.problem("channel", "must be the id of a channel, such as C0123ABCD, and not its name");
        }
        valid
    });
    let signing_secret = fields.secret("signing_secret");
    let idle = ["teams", "issuer"].map(|field| (field, fields.has(field) && !fields.has("people")));
    let people = People::parse(fields);
    let buttons = match (signing_secret, people.is_empty()) {
        (Some(signing_secret), false) => Some(Buttons { signing_secret, people }),
        (Some(_), true) => {
            fields.problem("people", "is missing; list who may decide, by the ids of users in Slack");
            None
        }
        (None, false) => {
            fields.problem(
                "signing_secret",
                "is missing; set signing_secret_file or signing_secret_env, or remove people",
            );
            None
        }
        (None, true) => {
            for (field, _) in idle.into_iter().filter(|(_, idle)| *idle) {
                fields.problem(field, "has no effect without people");
            }
            None
        }
    };
    if buttons.is_some() {
        fields.require_events(&ENDS, "the buttons of a message must end");
    }
    let http = HttpSettings::parse(fields);
    let api_url = fields.text("api_url").unwrap_or_else(|| api::URL.to_owned());
    let api_url = api_url.trim_end_matches('/').to_owned();
    if let Err(error) = Endpoint::parse(&format!("{api_url}/chat.postMessage"), &http) {
        fields.problem("api_url", error.to_string());
    } else if api_url.contains('?') {
        fields.problem("api_url", "must not have a query");
    }
    Some(Arc::new(SlackSettings { token: token?, channel: channel?, buttons, api_url, http }))
}

impl Build for SlackSettings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(self.channel(resources)))
    }
}

impl SlackSettings {
    fn channel(&self, resources: &Resources) -> SlackChannel {
        let client = Arc::new(HttpClient::new(self.http.clone(), Arc::clone(&resources.clock)));
        let api = SlackApi::new(client, self.http.clone(), self.api_url.clone(), self.token.clone());
        let Resources { clock, links, minter: _ } = resources.clone();
        SlackChannel::new(api, self.channel.clone(), self.buttons.clone(), clock, links)
    }
}
