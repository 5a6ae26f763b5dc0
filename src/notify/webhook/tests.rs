//! Webhooks that a real receiver verifies with the reference implementation.

use std::sync::Arc;

use serde_json::{Value, json};
use standardwebhooks::Webhook as Verifier;

use super::*;
use crate::{
    domain::{Approval, DeliveryId, Effect, NotificationKind, Requirement, samples::*},
    notify::{
        Bundle, Links,
        test_receiver::{Answer, Received, Receiver, channel, problems, secret_file},
    },
    policy::Display,
};

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// A webhook to a receiver on loopback, and the file with its secrets.
struct Sender {
    channel: Arc<dyn Channel>,
    secrets: tempfile::NamedTempFile,
}

impl Sender {
    fn to(receiver: &Receiver) -> Self {
        let secrets = secret_file(OLD);
        let fields = json!({"url": receiver.url("/hook?key=hidden"), "secret_file": secrets.path()});
        let channel = channel(KIND, fields);
        Self { channel, secrets }
    }

    async fn send(&self, message: &Message) -> Result<Sent, SendError> {
        self.channel.send(message, None).await
    }
}

fn links() -> Links {
    Links::new(Some("https://signoff.example.com".parse().unwrap()))
}

fn about(approval: &Approval, kind: NotificationKind, redact: &[&str]) -> Message {
    let display = Display::new("1", &serde_json::from_value(json!({"redact": redact})).unwrap()).unwrap();
    let approval = Box::new(display.redacted(approval));
    let id = DeliveryId { approval: approval.id, revision: 1, channel: "hooks".parse().unwrap() };
    Message::about(&id, Subject::Approval { kind, revision: 1, at: at(0), approval }, at(9), links())
}

fn requested() -> Message {
    about(&opened(verdict(Effect::RequireApproval(Requirement::any(1)))), NotificationKind::Requested, &[])
}

fn test() -> Message {
    Message { id: "msg_test_1".to_owned(), subject: Subject::Test, now: at(0), links: links() }
}

fn verifies(secret: &str, received: &Received) -> bool {
    Verifier::new(secret).unwrap().verify(&received.body, &received.headers).is_ok()
}

#[tokio::test]
async fn a_receiver_verifies_the_signature_of_every_secret() {
    let mut receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let sender = Sender::to(&receiver);
    let message = requested();
    let sent = sender.send(&message).await.unwrap();
    assert_eq!(sent, Sent { answer: format!("{} answered 200 OK", receiver.address), ..Sent::default() });
    let received = receiver.next().await;
    assert!(verifies(OLD, &received) && !verifies(NEW, &received));
    assert_eq!(received.line, "POST /hook?key=hidden HTTP/1.1");
    assert_eq!(received.headers["webhook-id"], message.id);
    assert_eq!(received.headers["content-type"], "application/json");
    // Another body, id or time has another signature.
    let mut changed = received.clone();
    changed.body[20] ^= 1;
    assert!(!verifies(OLD, &changed));
    for (header, value) in [("webhook-id", "msg_x"), ("webhook-timestamp", "1700000000")] {
        let mut changed = received.clone();
        changed.headers.insert(header, value.parse().unwrap());
        assert!(!verifies(OLD, &changed), "{header}");
    }

    // Rotation needs no restart.
    std::fs::write(sender.secrets.path(), format!("{NEW}\n{OLD}\n")).unwrap();
    sender.send(&message).await.unwrap();
    let received = receiver.next().await;
    assert!(verifies(OLD, &received) && verifies(NEW, &received));
    assert_eq!(received.headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    std::fs::write(sender.secrets.path(), NEW).unwrap();
    sender.send(&message).await.unwrap();
    let received = receiver.next().await;
    assert!(!verifies(OLD, &received) && verifies(NEW, &received));

    std::fs::write(sender.secrets.path(), "hunter2").unwrap();
    let SendError::Retry { reason, after: None } = sender.send(&message).await.unwrap_err() else { panic!("no retry") };
    assert!(reason.contains("secret 1 is not whsec_") && !reason.contains("hunter2"), "{reason}");
    assert!(receiver.arrived().is_none());
}

#[tokio::test]
async fn the_answer_says_what_happens_next() {
    for (status, headers, expected) in [
        ("200 OK", "", Ok(())),
        ("204 No Content", "", Ok(())),
        ("299 Whatever", "", Ok(())),
        ("410 Gone", "retry-after: 5\r\n", Err("gone")),
        ("429 Too Many Requests", "retry-after: 17\r\n", Err("after 17s")),
        ("503 Service Unavailable", "retry-after: 99999\r\n", Err("after 3600s")),
        ("500 Internal Server Error", "", Err("later")),
        ("400 Bad Request", "", Err("later")),
        ("401 Unauthorized", "", Err("later")),
        ("404 Not Found", "", Err("later")),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", Err("later")),
    ] {
        let receiver = Receiver::start(move |_| Answer::with(status, headers, "hook?key=hidden")).await;
        let result = Sender::to(&receiver).send(&requested()).await;
        let told = result.map(drop).map_err(|error| {
            assert!(error.to_string().contains(&status[..3]) && !error.to_string().contains("hidden"), "{error}");
            match error {
                SendError::Retry { after: None, .. } => "later".to_owned(),
                SendError::Retry { after: Some(after), .. } => format!("after {}s", after.as_secs()),
                SendError::Rejected { .. } => "rejected".to_owned(),
                SendError::Gone { .. } => "gone".to_owned(),
            }
        });
        assert_eq!(told, expected.map_err(str::to_owned), "{status}");
    }
}

#[tokio::test]
async fn every_kind_is_a_type_and_bundles_are_not_sent() {
    let mut receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let sender = Sender::to(&receiver);
    let approval = opened(verdict(Effect::RequireApproval(Requirement::any(1))));
    for kind in NotificationKind::ALL {
        sender.send(&about(&approval, kind, &[])).await.unwrap();
        assert_eq!(receiver.next().await.json()["type"], format!("approval.{}", kind.name()));
    }
    sender.send(&test()).await.unwrap();
    let expected = json!({
        "type": "test",
        "timestamp": "2027-01-15T08:00:00.000000Z",
        "data": {"url": "https://signoff.example.com/"},
    });
    assert_eq!(receiver.next().await.json(), expected);
    let bundle = Bundle { agent: None, tools: Vec::new(), approvals: Vec::new(), since: at(0) };
    let bundle = Message { subject: Subject::Bundle(bundle), ..test() };
    assert!(matches!(sender.send(&bundle).await, Err(SendError::Rejected { .. })));
    assert!(receiver.arrived().is_none());
    assert_eq!(sender.channel.habits(), Habits { for_people: false, replaces: false, concurrency: 16 });
}

/// The fields that docs/notifications.md promises.
#[tokio::test]
async fn the_body_has_the_documented_fields_without_redacted_values() {
    let mut receiver = Receiver::start(|_| Answer::status("200 OK")).await;
    let sender = Sender::to(&receiver);
    let mut approval = opened(verdict(Effect::RequireApproval(Requirement::any(1))));
    approval.arguments = arguments(&json!({"to": "alice@company.com", "card": {"number": "4111 1111"}, "n": 1.5}));
    approval.request = Arc::new(crate::domain::Request {
        reason: "<b>\u{202e}\r\nX-Injected: 1\u{0}@channel</b>".into(),
        ..(*approval.request).clone()
    });
    sender.send(&about(&approval, NotificationKind::Requested, &["args.card"])).await.unwrap();
    let received = receiver.next().await;
    assert!(!String::from_utf8_lossy(&received.body).contains("4111"));
    let expected = json!({
        "type": "approval.requested",
        "timestamp": "2027-01-15T08:00:00.000000Z",
        "data": {
            "id": approval.id.to_string(),
            "revision": 1,
            "event_revision": 1,
            "status": "PENDING",
            "tool_name": "send_email",
            "arguments": {"to": "alice@company.com", "card": "[redacted]", "n": 1.5},
            "redacted_paths": ["args.card"],
            "summary": received.json()["data"]["summary"],
            "caller": {"kind": "AGENT", "issuer": "test", "subject": "agent"},
            "on_behalf_of": null,
            "agent": {"name": "bot", "run_id": "run-1", "chain": ["planner"]},
            "reason": "<b>\u{202e}\r\nX-Injected: 1\u{0}@channel</b>",
            "labels": {"team": "billing"},
            "create_time": "2027-01-15T08:00:00.000000Z",
            "update_time": "2027-01-15T08:00:00.000000Z",
            "deadline": "2027-01-15T08:05:00.000000Z",
            "priority": "NORMAL",
            "policy": {"policy_version": "1", "rule": "rule", "message": ""},
            "panels": [{"rule": "", "reviewers": [], "quorum": 1, "approvals": 0}],
            "votes": [],
            "edits": 0,
            "decision": null,
            "claim_time": null,
            "outcome": null,
            "revocation": null,
            "url": format!("https://signoff.example.com/approvals/{}", approval.id),
        },
    });
    let got = received.json();
    assert_eq!(got, expected, "{got:#}");
    assert!(got["data"]["summary"].as_array().unwrap().iter().any(|item| item["path"] == "args.to"));
}

#[test]
fn a_shown_setting_has_no_path_of_the_url() {
    let table = toml::toml! { url = "https://a.test/hook?key=hidden" secret_file = "/s" };
    let settings = (KIND.parse)(&mut Fields::new(table)).unwrap();
    assert!(!format!("{settings:?}").contains("hidden"), "{settings:?}");
}

#[test]
fn settings_say_what_is_wrong() {
    let problems = |fields| problems(KIND, fields);
    let fine = json!({"url": "https://a.test/hook", "secret_file": "/s"});
    let with = |fields: Value| {
        let mut table = fine.clone();
        table.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        problems(table)
    };
    assert_eq!(problems(fine.clone()), "");
    assert_eq!(problems(json!({"url_file": "/u", "secret_env": "S"})), "");
    assert_eq!(with(json!({"timeout": "14s", "ca_file": "/ca", "allowed_networks": ["10.0.0.0/8", "fd00::/8"]})), "");
    assert!(problems(json!({"secret_file": "/s"})).contains("url is missing"));
    assert!(problems(json!({"url": "https://a.test"})).contains("secret is missing; set secret_file or secret_env"));
    assert!(with(json!({"url": "http://a.test/"})).contains("set allow_http = true"));
    assert_eq!(with(json!({"url": "http://a.test/", "allow_http": true})), "");
    assert!(with(json!({"url_file": "/u"})).contains("url and url_file or url_env are both set"));
    for (field, value, problem) in [
        ("timeout", json!("15s"), "must be a duration from 1s to 14s"),
        ("timeout", json!("999ms"), "must be a duration from 1s to 14s"),
        ("allowed_networks", json!(["10.0.0.1/8"]), "which is not a network; write one as 10.1.0.0/16"),
        ("allowed_networks", json!(["10.0.0.1"]), "which is not a network"),
        ("allow_http", json!("yes"), "must be true or false"),
        ("secret", json!("whsec_x"), "must not be in the configuration"),
    ] {
        let told = with(json!({ field: value }));
        assert!(told.starts_with(field) && told.contains(problem), "{field}: {told}");
    }
}
