//! ntfy against a receiver that checks what the documentation of publishing as JSON says.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{Approval, NotificationKind, Request, Status, samples::at},
    notify::{
        Subject,
        card::samples::{bundle, decided, message, payment, test, with_arguments},
        test_receiver::{Answer, Receiver, channel, problems, secret_file},
    },
};

/// What a server of ntfy refuses, or turns into a file.
fn errors(body: &[u8]) -> Vec<&'static str> {
    let Ok(Value::Object(event)) = serde_json::from_slice(body) else { return vec!["invalid JSON"] };
    let mut errors = Vec::new();
    let mut check = |holds: bool, error| {
        if !holds {
            errors.push(error)
        }
    };
    check(body.len() <= 8_192, "too large");
    check(event["topic"].as_str().is_some_and(|topic| !topic.is_empty()), "no topic");
    check(event["message"].as_str().is_some_and(|text| !text.is_empty() && text.len() <= 4_096), "message");
    check(event["title"].as_str().is_some_and(|text| !text.contains(['\r', '\n'])), "title");
    check(event["priority"].as_u64().is_some_and(|priority| (1..=5).contains(&priority)), "priority");
    let known = ["topic", "title", "message", "priority", "tags", "click", "actions"];
    check(event.keys().all(|field| known.contains(&field.as_str())), "unknown field");
    for action in event["actions"].as_array().unwrap() {
        check(action["action"] == "view" && action["url"] == event["click"], "an action does more than open the page");
    }
    errors
}

fn about(approval: &Approval, kind: NotificationKind) -> Message {
    message(approval, kind, at(60), json!({}))
}

#[tokio::test]
async fn a_request_is_a_notification_that_opens_its_page() {
    let mut receiver = Receiver::start(|_| Answer::with("200 OK", "", "{}")).await;
    let token = secret_file("tk_secret");
    let fields = json!({"url": receiver.url("/"), "topic": "approvals-x7", "token_file": token.path()});
    let ntfy = channel(KIND, fields);
    let approval = payment();
    let sent = ntfy.send(&about(&approval, NotificationKind::Requested), None).await.unwrap();
    assert_eq!(sent, Sent { answer: format!("{} answered 200 OK", receiver.address), ..Sent::default() });
    let received = receiver.next().await;
    assert_eq!((received.line.as_str(), errors(&received.body)), ("POST / HTTP/1.1", vec![]));
    assert_eq!(received.headers["authorization"], "Bearer tk_secret");
    let page = format!("https://signoff.example.org/approvals/{}", approval.id);
    let event = received.json();
    assert_eq!(
        (&event["topic"], &event["title"]),
        (&json!("approvals-x7"), &json!("process_payment: approval needed"))
    );
    assert_eq!((&event["priority"], &event["click"]), (&json!(3), &json!(page)));
    assert_eq!(event["actions"], json!([{"action": "view", "label": "Open", "url": page}]));
    let text = event["message"].as_str().unwrap();
    for line in ["currency: EUR", "Reason: Invoice 4711 is due today."] {
        assert!(text.lines().any(|one| one == line), "{text}");
    }
    // The end makes no sound.
    ntfy.send(&about(&decided(approval, Status::Approved, "ok"), NotificationKind::Decided), None).await.unwrap();
    let event = receiver.next().await.json();
    assert_eq!((&event["priority"], &event["tags"]), (&json!(2), &json!(["white_check_mark"])));
    for message in [test(), bundle(Some("bot"), 3)] {
        ntfy.send(&message, None).await.unwrap();
        let received = receiver.next().await;
        assert_eq!(errors(&received.body), Vec::<&str>::new());
        assert_eq!(received.json()["click"], "https://signoff.example.org/");
    }
    // Without a token there is no header.
    let open = channel(KIND, json!({"url": receiver.url("/"), "topic": "t"}));
    open.send(&test(), None).await.unwrap();
    assert!(receiver.next().await.headers.get("authorization").is_none());
}

#[test]
fn notifications_keep_the_limits_whatever_agents_write() {
    let text = || {
        prop_oneof![".{0,300}", "[<@!|*_`\\[\\](){}\r\n\"\\\\\u{202e}\u{200b}\u{7f}]{0,4000}", "[𝕏\u{10FFFF}é]{0,4096}"]
    };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    runner
        .run(&(text(), text(), text()), |(reason, tool, value)| {
            let args = json!({"text": value, "deep": [value, tool, reason], "more": {"a": tool, "b": value}});
            let approval = with_arguments(payment(), &args);
            let mut request = Request::clone(&approval.request);
            (request.reason, request.tool_name) = (reason.as_str().into(), tool.as_str().into());
            let message = about(&Approval { request: request.into(), ..approval }, NotificationKind::Requested);
            let card = Card::of(&message, &Budget::CHAT);
            let body = serde_json::to_vec(&Published::of(&card, "t")).unwrap();
            prop_assert_eq!(errors(&body), Vec::<&str>::new());
            let event: Value = serde_json::from_slice(&body).unwrap();
            let hidden = event["message"].as_str().unwrap().contains(['\r', '\u{202e}', '\u{200b}', '\u{7f}']);
            prop_assert!(!hidden, "{}", event);
            let Subject::Approval { approval, .. } = &message.subject else { unreachable!() };
            let page = format!("https://signoff.example.org/approvals/{}", approval.id);
            prop_assert_eq!(&event["click"], &json!(page));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    assert_eq!(cut("0123456789", 10, "…"), "0123456789");
    assert_eq!(cut("01234567890", 10, "…"), "0123456…");
    assert_eq!(cut("\"\"\"\"\"\"", 10, "…"), "\"\"\"…");
    assert_eq!(cut("ééééééé", 10, "…"), "ééé…");
}

#[tokio::test]
async fn answers_say_what_happens_next() {
    for (status, rejected) in
        [("400 Bad Request", true), ("413 Payload Too Large", true), ("403 Forbidden", false), ("429 Too Many", false)]
    {
        let receiver = Receiver::start(move |_| Answer::status(status)).await;
        let ntfy = channel(KIND, json!({"url": receiver.url("/"), "topic": "t"}));
        let error = ntfy.send(&test(), None).await.unwrap_err();
        assert_eq!(matches!(error, SendError::Rejected { .. }), rejected, "{error:?}");
    }
}

#[test]
fn settings_say_what_is_wrong() {
    let fine = json!({"url": "https://ntfy.example.com", "topic": "Approvals_x-7"});
    assert_eq!(problems(KIND, fine), "");
    assert_eq!(problems(KIND, json!({"url": "https://a.test"})), "topic is missing");
    let longest = "t".repeat(TOPIC_MAX);
    assert_eq!(problems(KIND, json!({"url": "https://a.test", "topic": longest})), "");
    for topic in ["a b", "a/b", "é", &format!("{longest}t")] {
        let told = problems(KIND, json!({"url": "https://a.test", "topic": topic}));
        assert_eq!(told, "topic must be 1 to 64 letters, digits, - and _", "{topic:?}");
    }
}
