//! PagerDuty against a receiver that checks what the documentation of the Events API v2 says.

mod events_api;

use std::sync::{Arc, Mutex};

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use self::events_api::{Alerts, errors};
use super::{event::SUMMARY_MAX, *};
use crate::{
    domain::{Approval, Request, samples::at},
    notify::{
        ChannelSettings,
        card::samples::{bundle, decided, message, payment, test, with_arguments},
        test_receiver::{Answer, Received, Receiver, channel, problems, secret_file},
    },
};

const KEY: &str = "R0UTINGKEYR0UTINGKEYR0UTINGKEY32";

/// Answers as PagerDuty does.
fn enqueue(received: &Received, alerts: &Mutex<Alerts>) -> Answer {
    let (status, body) = alerts.lock().unwrap().enqueue(&received.body);
    Answer::with(status, "", &body)
}

struct Service {
    receiver: Receiver,
    alerts: Arc<Mutex<Alerts>>,
    channel: Arc<dyn Channel>,
    key: tempfile::NamedTempFile,
    state: Option<ChannelState>,
}

impl Service {
    async fn start(fields: Value) -> Self {
        let alerts = Arc::<Mutex<Alerts>>::default();
        let shared = Arc::clone(&alerts);
        let receiver = Receiver::start(move |received| enqueue(received, &shared)).await;
        let key = secret_file(KEY);
        let mut all = json!({"url": receiver.url("/v2/enqueue"), "routing_key_file": key.path()});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Self { receiver, alerts, channel: channel(KIND, all), key, state: None }
    }

    /// Sends, and keeps the state as the dispatcher does. Returns what PagerDuty was told.
    async fn told(&mut self, message: &Message) -> Vec<Value> {
        let sent = self.channel.send(message, self.state.as_ref()).await.unwrap();
        self.state = sent.state.or(self.state.take());
        let told: Vec<_> = std::iter::from_fn(|| self.receiver.arrived()).map(|received| received.json()).collect();
        assert_eq!(told.is_empty(), sent.skipped);
        told
    }

    async fn actions(&mut self, message: &Message) -> String {
        let told = self.told(message).await;
        told.iter().map(|event| event["event_action"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn alerts(&self) -> Vec<String> {
        self.alerts.lock().unwrap().last()
    }
}

fn about(approval: &Approval, kind: NotificationKind) -> Message {
    message(approval, kind, at(60), json!({}))
}

#[tokio::test]
async fn an_alert_follows_its_approval() {
    let mut service = Service::start(json!({})).await;
    let approval = payment();
    let told = service.told(&about(&approval, NotificationKind::Requested)).await;
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(event["routing_key"], KEY);
    assert_eq!(event["dedup_key"], approval.id.to_string());
    let payload = &event["payload"];
    assert!(payload["summary"].as_str().unwrap().starts_with("process_payment: approval needed. Waiting"), "{payload}");
    assert_eq!(payload["source"], "signoff.example.org");
    assert_eq!((&payload["severity"], &payload["class"]), (&json!("warning"), &json!("approval")));
    assert_eq!((&payload["component"], &payload["group"]), (&json!("process_payment"), &json!("billing-bot")));
    assert_eq!(payload["custom_details"]["argument currency"], "EUR");
    assert_eq!(payload["custom_details"]["reason"], "Invoice 4711 is due today.");
    let page = format!("https://signoff.example.org/approvals/{}", approval.id);
    assert_eq!(event["links"], json!([{"href": page, "text": "Open in Signoff"}]));
    assert_eq!(service.actions(&about(&approval, NotificationKind::Escalated)).await, "trigger");
    assert_eq!(service.actions(&about(&approval, NotificationKind::Edited)).await, "trigger");
    assert_eq!(service.actions(&about(&approval, NotificationKind::Voted)).await, "acknowledge");
    assert_eq!(service.alerts(), ["acknowledge"]);
    let approved = decided(approval, Status::Approved, "");
    assert_eq!(service.actions(&about(&approved, NotificationKind::Decided)).await, "resolve");
    // A revocation later finds it resolved.
    assert_eq!(service.actions(&about(&approved, NotificationKind::Revoked)).await, "");
    assert_eq!(service.alerts(), ["resolve"]);
}

#[tokio::test]
async fn every_end_resolves_and_none_triggers() {
    for (status, kind) in [
        (Status::Approved, NotificationKind::Decided),
        (Status::Rejected, NotificationKind::Decided),
        (Status::TimedOut, NotificationKind::TimedOut),
        (Status::Cancelled, NotificationKind::Cancelled),
    ] {
        let mut service = Service::start(json!({})).await;
        let ended = decided(payment(), status, "");
        // The request is told too late. An earlier attempt may have triggered the alert, and lost the answer.
        assert_eq!(service.actions(&about(&ended, NotificationKind::Requested)).await, "resolve", "{status:?}");
        assert_eq!(service.actions(&about(&ended, kind)).await, "", "{status:?}");
        assert_eq!(service.alerts(), [""; 0], "nothing was triggered");
        assert_eq!(service.actions(&about(&payment(), NotificationKind::Requested)).await, "trigger");
        assert_eq!(service.actions(&about(&ended, kind)).await, "resolve", "{status:?}");
        assert_eq!(service.alerts(), ["resolve"]);
    }
}

#[tokio::test]
async fn an_alert_whose_trigger_had_no_answer_is_resolved() {
    for kind in [NotificationKind::Requested, NotificationKind::Decided] {
        let mut service = Service::start(json!({})).await;
        assert_eq!(service.actions(&about(&payment(), NotificationKind::Requested)).await, "trigger");
        service.state = None;
        assert_eq!(service.actions(&about(&decided(payment(), Status::Approved, ""), kind)).await, "resolve");
        assert_eq!(service.alerts(), ["resolve"]);
    }
}

#[tokio::test]
async fn what_the_policy_decides_sends_nothing() {
    let mut service = Service::start(json!({})).await;
    for status in [Status::AutoApproved, Status::AutoRejected] {
        assert_eq!(service.actions(&about(&decided(payment(), status, ""), NotificationKind::Decided)).await, "");
    }
}

#[test]
fn the_events_that_resolve_an_alert_are_kept() {
    let problems = |events: &str| {
        let table = format!("kind = 'pagerduty'\nrouting_key_env = 'K'\nevents = [{events}]").parse().unwrap();
        let problems = ChannelSettings::parse("oncall".parse().unwrap(), table).err().unwrap_or_default();
        problems.wrong.iter().map(|one| format!("{} {}", one.field, one.problem)).collect::<Vec<_>>()
    };
    assert_eq!(problems("'escalated', 'decided', 'timed_out', 'cancelled'"), [""; 0]);
    let said = "events must include decided, timed_out and cancelled, because an alert is resolved only by them";
    assert_eq!(problems("'escalated', 'decided', 'cancelled'"), [said]);
}

#[tokio::test]
async fn votes_and_edits_page_nobody_who_was_not_paged() {
    let mut service = Service::start(json!({})).await;
    for kind in [NotificationKind::Voted, NotificationKind::Edited] {
        assert_eq!(service.actions(&about(&payment(), kind)).await, "");
    }
    let mut service = Service::start(json!({"acknowledge": false})).await;
    assert_eq!(service.actions(&about(&payment(), NotificationKind::Escalated)).await, "trigger");
    assert_eq!(service.actions(&about(&payment(), NotificationKind::Voted)).await, "");
    assert_eq!(service.alerts(), ["trigger"]);
}

#[tokio::test]
async fn a_test_is_resolved_at_once_and_bundles_are_not_sent() {
    let mut service = Service::start(json!({})).await;
    assert_eq!(service.actions(&test()).await, "trigger resolve");
    assert_eq!(service.alerts(), ["resolve"]);
    assert!(matches!(service.channel.send(&bundle(None, 3), None).await, Err(SendError::Rejected { .. })));
    assert!(service.receiver.arrived().is_none());
}

#[test]
fn severity_follows_the_priority() {
    use crate::domain::Priority;
    for (priority, severity) in
        [(Priority::Normal, "warning"), (Priority::High, "error"), (Priority::Urgent, "critical")]
    {
        let mut message = about(&payment(), NotificationKind::Requested);
        let Subject::Approval { approval, .. } = &mut message.subject else { unreachable!() };
        approval.priority = priority;
        let approval = approval.clone();
        let event: Value =
            serde_json::from_slice(&Event::about(Action::Trigger, &message, &approval).to_json(KEY)).unwrap();
        assert_eq!(event["payload"]["severity"], severity);
    }
}

/// Whatever agents write, the event keeps the limits, and their text stays inside its fields.
#[test]
fn events_keep_the_limits_whatever_agents_write() {
    let text = || prop_oneof![".{0,300}", "[<@!|*_`\\[\\](){}\r\n\"\\\\\u{202e}\u{200b}]{0,4000}", "\\PC{0,4096}"];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let strategy = (text(), text(), text());
    runner
        .run(&strategy, |(reason, agent, value)| {
            let approval = with_arguments(payment(), &json!({"text": value, "other": {"deep": [value, agent]}}));
            let mut request = Request::clone(&approval.request);
            (request.reason, request.agent.name) = (reason.as_str().into(), agent.as_str().into());
            let message = about(&Approval { request: request.into(), ..approval }, NotificationKind::Requested);
            let Subject::Approval { approval, .. } = &message.subject else { unreachable!() };
            let body = Event::about(Action::Trigger, &message, approval).to_json(KEY);
            prop_assert_eq!(errors(&body), Vec::<String>::new());
            let event: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(&event["routing_key"], KEY);
            let summary = event["payload"]["summary"].as_str().unwrap();
            let hidden = summary.contains(['\r', '\n', '\u{202e}', '\u{200b}']);
            prop_assert!(!hidden, "{}", summary);
            Ok(())
        })
        .unwrap();
    assert_eq!(SUMMARY_MAX, 1_024);
}

#[tokio::test]
async fn answers_say_what_happens_next() {
    for (status, expected) in [
        ("400 Bad Request", "rejected"),
        ("413 Payload Too Large", "rejected"),
        ("429 Too Many Requests", "after 60s"),
        ("500 Internal Server Error", "after 60s"),
        ("403 Forbidden", "after 60s"),
    ] {
        let body = json!({"message": "Event object is invalid", "errors": [format!("unknown key {KEY}")]}).to_string();
        let receiver = Receiver::start(move |_| Answer::with(status, "retry-after: 60\r\n", &body)).await;
        let key = secret_file(KEY);
        let channel = channel(KIND, json!({"url": receiver.url("/"), "routing_key_file": key.path()}));
        let error = channel.send(&about(&payment(), NotificationKind::Requested), None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(status) && !text.contains(KEY), "{text}");
        let next = match error {
            SendError::Rejected { .. } => {
                assert!(text.ends_with(": Event object is invalid; unknown key ROUTING_KEY"), "{text}");
                "rejected".to_owned()
            }
            SendError::Retry { after: Some(after), .. } => format!("after {}s", after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(next, expected, "{status}");
    }
}

#[tokio::test]
async fn the_routing_key_is_checked_and_never_shown() {
    let mut service = Service::start(json!({})).await;
    for key in ["short", "R0UTINGKEYR0UTINGKEYR0UTINGKEY-2", "R0UTINGKEYR0UTINGKEYR0UTINGKEY321"] {
        std::fs::write(service.key.path(), key).unwrap();
        let error = service.channel.send(&test(), None).await.unwrap_err().to_string();
        assert_eq!(error, "routing_key_file must have a routing key of 32 letters and digits");
    }
    assert!(service.receiver.arrived().is_none());
    assert_eq!(problems(KIND, json!({"routing_key_env": "K"})), "", "the URL has a default");
    assert!(problems(KIND, json!({})).contains("routing_key is missing"));
    assert!(problems(KIND, json!({"routing_key": KEY})).contains("must not be in the configuration"));
}
