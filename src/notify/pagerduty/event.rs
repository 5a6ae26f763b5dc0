//! Events of the Events API v2, and their limits.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    domain::{Priority, Time, moment},
    notify::{
        AgentText, Budget, Card, Message,
        plain_text::{left_out, line},
    },
    policy::RedactedApproval,
};

/// Longest summary, in characters.
pub(super) const SUMMARY_MAX: usize = 1_024;

/// Longest name of a component or group, in characters.
const NAME_MAX: usize = 128;

/// Where alerts come from, if `public_url` is not set.
const SOURCE: &str = "signoff";

/// What happens to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

/// An event, without the routing key.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    event_action: Action,
    dedup_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: &'static str,
    #[serde(with = "moment")]
    timestamp: Time,
    component: String,
    group: String,
    class: &'static str,
    custom_details: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Link {
    href: String,
    text: &'static str,
}

impl Event {
    pub(super) fn about(action: Action, message: &Message, approval: &RedactedApproval) -> Self {
        let key = approval.id.to_string();
        if action != Action::Trigger {
            return Self::bare(action, key);
        }
        let card = Card::of(message, &Budget::CHAT);
        let agent = AgentText::line(&approval.agent.name, NAME_MAX);
        let mut details: BTreeMap<_, _> =
            card.facts.iter().map(|fact| (format!("argument {}", line(&fact.name)), line(&fact.value))).collect();
        details.extend(left_out(&card).map(|words| ("arguments left out".to_owned(), words)));
        for detail in &card.details {
            // Several rules may ask.
            let value = details.entry(detail.label.to_lowercase()).or_default();
            if !value.is_empty() {
                value.push_str("; ");
            }
            value.push_str(&line(&detail.value));
        }
        let warnings: Vec<_> = card.warnings.iter().map(line).collect();
        if !warnings.is_empty() {
            details.insert("warnings".to_owned(), warnings.join("; "));
        }
        let payload = Payload {
            summary: summary(&card),
            source: source(message),
            severity: match approval.priority {
                Priority::Urgent => "critical",
                Priority::High => "error",
                Priority::Normal => "warning",
            },
            timestamp: approval.created_at,
            component: AgentText::line(&approval.tool_name, NAME_MAX).unescaped().to_owned(),
            group: agent.unescaped().to_owned(),
            class: "approval",
            custom_details: details,
        };
        let links = card.open.iter().map(|href| Link { href: href.clone(), text: "Open in Signoff" }).collect();
        Self { payload: Some(payload), links, ..Self::of_client(action, key, message) }
    }

    /// An alert of the lowest severity, which is resolved immediately.
    pub(super) fn test(action: Action, message: &Message) -> Self {
        let key = message.id.clone();
        if action != Action::Trigger {
            return Self::bare(action, key);
        }
        let payload = Payload {
            summary: summary(&Card::of(message, &Budget::CHAT)),
            source: source(message),
            severity: "info",
            timestamp: message.now,
            component: SOURCE.to_owned(),
            group: SOURCE.to_owned(),
            class: "test",
            custom_details: BTreeMap::new(),
        };
        Self { payload: Some(payload), ..Self::of_client(action, key, message) }
    }

    fn of_client(action: Action, key: String, message: &Message) -> Self {
        Self { client: Some("Signoff"), client_url: message.links.queue(), ..Self::bare(action, key) }
    }

    const fn bare(event_action: Action, dedup_key: String) -> Self {
        Self { event_action, dedup_key, payload: None, links: Vec::new(), client: None, client_url: None }
    }

    /// The body. The card's budget keeps it below the limit of 512 KB.
    pub(super) fn to_json(&self, routing_key: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Keyed<'a> {
            routing_key: &'a str,
            #[serde(flatten)]
            event: &'a Event,
        }
        // Keys are texts and there are no numbers, so it cannot fail.
        serde_json::to_vec(&Keyed { routing_key, event: self }).unwrap_or_default()
    }
}

/// The heading and how things are. PagerDuty reads it to people over the phone.
fn summary(card: &Card) -> String {
    let text = format!("{}. {}", line(&card.heading), line(&card.status));
    if text.chars().count() <= SUMMARY_MAX {
        return text;
    }
    text.chars().take(SUMMARY_MAX - 1).chain(['…']).collect()
}

/// The host of the desk.
fn source(message: &Message) -> String {
    let url = message.links.queue();
    let host = url.as_deref().and_then(|url| url.split("://").nth(1)).map(|host| host.trim_end_matches('/'));
    host.unwrap_or(SOURCE).to_owned()
}
