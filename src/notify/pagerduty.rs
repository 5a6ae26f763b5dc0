//! PagerDuty: one alert for each approval, by the Events API v2. It is triggered when reviewers are asked, acknowledged
//! when one of them votes, and resolved when the approval ends, however it ends.

mod event;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::{
    AgentText, Build, Channel, Fields, Habits, Kind, Message, Resources, SecretSource, SendError, Sent, Subject,
    http::{EndpointSource, HttpClient, HttpSettings, json_headers},
};
use crate::{
    domain::{ChannelState, NotificationKind, Status},
    identity::Secret,
    policy::RedactedApproval,
};
use event::{Action, Event};

/// The kind `pagerduty`.
pub(super) const KIND: Kind = Kind { name: "pagerduty", for_people: false, parse };

/// The service region of the United States. That of the EU is `https://events.eu.pagerduty.com/v2/enqueue`.
const DEFAULT_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// Length of a routing key, in characters.
const ROUTING_KEY: usize = 32;

/// Longest explanation of a rejected event, in characters.
const EXPLANATION: usize = 150;

/// The events that resolve an alert. What is revoked was decided before.
const ENDS: [NotificationKind; 3] =
    [NotificationKind::Decided, NotificationKind::TimedOut, NotificationKind::Cancelled];

/// The state of a triggered alert, and of a resolved one.
const TRIGGERED: &str = "triggered";
const RESOLVED: &str = "resolved";

#[derive(Clone, Debug)]
struct Settings {
    url: EndpointSource,
    routing_key: SecretSource,
    /// Whether a vote acknowledges the alert. Then PagerDuty pages nobody else.
    acknowledge: bool,
    http: HttpSettings,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let http = HttpSettings::parse(fields);
    let url = EndpointSource::parse(fields, &http, Some(DEFAULT_URL));
    let routing_key = fields.required_secret("routing_key");
    let acknowledge = fields.flag("acknowledge").unwrap_or(true);
    fields.require_events(&ENDS, "an alert is resolved only by them");
    Some(Arc::new(Settings { url: url?, routing_key: routing_key?, acknowledge, http }))
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        let http = HttpClient::new(self.http.clone(), Arc::clone(&resources.clock));
        Ok(Arc::new(PagerDuty { settings: self.clone(), http }))
    }
}

struct PagerDuty {
    settings: Settings,
    http: HttpClient,
}

#[async_trait]
impl Channel for PagerDuty {
    /// It gets every event in order, because what an event does depends on those before. PagerDuty bundles alerts by
    /// itself, and a bundle of ours could not be resolved.
    fn habits(&self) -> Habits {
        Habits { for_people: false, replaces: false, concurrency: 4 }
    }

    async fn send(&self, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError> {
        match &message.subject {
            Subject::Approval { kind, approval, .. } => {
                let state = state.map(|state| state.0.as_str());
                let Some(action) = action(*kind, approval, state, self.settings.acknowledge) else {
                    let answer = "nothing to tell PagerDuty".to_owned();
                    return Ok(Sent { answer, skipped: true, ..Sent::default() });
                };
                let sent = self.post(&Event::about(action, message, approval)).await?;
                let state = match action {
                    Action::Trigger => Some(TRIGGERED),
                    Action::Acknowledge => None,
                    Action::Resolve => Some(RESOLVED),
                };
                Ok(Sent { state: state.map(|state| ChannelState(state.to_owned())), ..sent })
            }
            Subject::Bundle(_) => {
                Err(SendError::Rejected { reason: "PagerDuty gets every request by itself, not several".to_owned() })
            }
            Subject::Test => {
                self.post(&Event::test(Action::Trigger, message)).await?;
                self.post(&Event::test(Action::Resolve, message)).await
            }
        }
    }
}

/// What an event does to the alert. The approval may be newer than the event: a request that has ended pages nobody.
fn action(
    kind: NotificationKind,
    approval: &RedactedApproval,
    state: Option<&str>,
    acknowledge: bool,
) -> Option<Action> {
    let triggered = state == Some(TRIGGERED);
    if approval.status != Status::Pending || approval.revoked.is_some() {
        // Nobody was asked about a request that the policy decided. About others, PagerDuty may have a trigger whose
        // answer was lost. It ignores the end of an alert that it does not know.
        let asked = !matches!(approval.status, Status::AutoApproved | Status::AutoRejected);
        return (asked && state != Some(RESOLVED)).then_some(Action::Resolve);
    }
    match kind {
        NotificationKind::Requested | NotificationKind::Escalated => Some(Action::Trigger),
        // An edit asks those who were asked before.
        NotificationKind::Edited => triggered.then_some(Action::Trigger),
        NotificationKind::Voted => (triggered && acknowledge).then_some(Action::Acknowledge),
        NotificationKind::Decided
        | NotificationKind::TimedOut
        | NotificationKind::Cancelled
        | NotificationKind::Revoked => None,
    }
}

/// The answer to an event that is rejected.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<String>,
}

impl PagerDuty {
    async fn post(&self, event: &Event) -> Result<Sent, SendError> {
        let to = self.settings.url.endpoint(&self.settings.http).await?;
        let key = self.routing_key().await?;
        let body = Bytes::from(event.to_json(key.reveal()));
        let reply = self.http.post(&to, json_headers(), body).await?;
        let settled = reply.settle(&[StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE]);
        settled.map_err(|error| match error {
            SendError::Rejected { reason } => {
                let why = serde_json::from_slice(&reply.body).map(|problem: Problem| problem.text(&key));
                SendError::Rejected { reason: format!("{reason}{}", why.unwrap_or_default()) }
            }
            error => error,
        })
    }

    async fn routing_key(&self) -> Result<Secret, SendError> {
        let source = &self.settings.routing_key;
        let key = source.read().await?;
        if key.reveal().len() == ROUTING_KEY && key.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(key);
        }
        let field = source.field("routing_key");
        let reason = format!("{field} must have a routing key of {ROUTING_KEY} letters and digits");
        Err(SendError::Retry { reason, after: None })
    }
}

impl Problem {
    /// The explanation, without the key that was sent.
    fn text(self, key: &Secret) -> String {
        let texts: Vec<_> = [self.message].into_iter().chain(self.errors).filter(|text| !text.is_empty()).collect();
        let text = texts.join("; ").replace(key.reveal(), "ROUTING_KEY");
        if text.is_empty() { text } else { format!(": {}", AgentText::line(&text, EXPLANATION).unescaped()) }
    }
}
