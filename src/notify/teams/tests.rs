//! Teams against a receiver that checks the form of a card, and what can go wrong in one.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{adaptive_card::MESSAGE_MAX, *};
use crate::{
    domain::{Approval, NotificationKind, Request, Status, samples::at},
    notify::{
        card::samples::{bundle, decided, message, payment, test, with_arguments},
        test_receiver::{Answer, Receiver, channel, problems, secret_file},
    },
};

fn about(approval: &Approval, kind: NotificationKind) -> Message {
    message(approval, kind, at(60), json!({}))
}

/// What is wrong with a message: its form, its size, an element that reads Markdown, or an action other than a link.
fn errors(body: &[u8]) -> Vec<String> {
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return vec!["invalid JSON".to_owned()] };
    let mut errors = Vec::new();
    let mut check = |holds: bool, error: &Value| {
        if !holds {
            errors.push(error.to_string())
        }
    };
    check(body.len() <= 28_000, &json!("too large"));
    let attachment = &message["attachments"][0];
    check(message["type"] == "message", &message);
    check(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", attachment);
    let card = &attachment["content"];
    check(card["type"] == "AdaptiveCard" && card["version"] == "1.4", card);
    // Mentions would be here.
    check(card["msteams"].as_object().unwrap().keys().all(|key| key == "width"), &card["msteams"]);
    let blocks = card["body"].as_array().unwrap();
    check(!blocks.is_empty(), card);
    for block in blocks {
        check(block["type"] == "RichTextBlock", block);
        for run in block["inlines"].as_array().unwrap() {
            check(run["type"] == "TextRun" && run.get("selectAction").is_none(), run);
            let text = run["text"].as_str().unwrap();
            let inert = !["<at", "<AT", "{{", "${", "\r", "\n", "\u{202e}"].iter().any(|mark| text.contains(mark));
            check(inert && !text.is_empty(), run);
        }
    }
    for action in card["actions"].as_array().unwrap() {
        let url = action["url"].as_str().unwrap_or_default();
        check(action["type"] == "Action.OpenUrl" && url.starts_with("https://signoff.example.org/"), action);
    }
    errors
}

fn texts(message: &Value) -> String {
    let blocks = message["attachments"][0]["content"]["body"].as_array().unwrap();
    let line = |block: &Value| {
        let runs = block["inlines"].as_array().unwrap().iter();
        runs.map(|run| run["text"].as_str().unwrap()).collect::<String>()
    };
    blocks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_request_is_a_card_that_opens_its_page() {
    let mut receiver = Receiver::start(|_| Answer::status("202 Accepted")).await;
    let url = secret_file(&receiver.url("/workflows/x/triggers/manual/paths/invoke?sig=hidden"));
    let teams = channel(KIND, json!({"url_file": url.path()}));
    let approval = payment();
    let sent = teams.send(&about(&approval, NotificationKind::Requested), None).await.unwrap();
    assert_eq!(sent.answer, format!("{} answered 202 Accepted", receiver.address));
    let received = receiver.next().await;
    assert_eq!(received.line, "POST /workflows/x/triggers/manual/paths/invoke?sig=hidden HTTP/1.1");
    assert_eq!(errors(&received.body), Vec::<String>::new());
    let card = received.json();
    let page = format!("https://signoff.example.org/approvals/{}", approval.id);
    let actions = &card["attachments"][0]["content"]["actions"];
    assert_eq!(actions, &json!([{"type": "Action.OpenUrl", "title": "Open", "url": page}]));
    let text = texts(&card);
    for line in ["process_payment: approval needed", "currency: EUR", "Reason: Invoice 4711 is due today."] {
        assert!(text.lines().any(|one| one == line), "{text}");
    }
    for message in
        [test(), bundle(Some("bot"), 3), about(&decided(approval, Status::Rejected, "no"), NotificationKind::Decided)]
    {
        teams.send(&message, None).await.unwrap();
        assert_eq!(errors(&receiver.next().await.body), Vec::<String>::new());
    }
}

#[test]
fn cards_keep_their_form_whatever_agents_write() {
    let text = || {
        prop_oneof![
            ".{0,300}",
            "(<at>|</at>|@all|\\{\\{DATE\\(2026-01-01T00:00:00Z\\)\\}\\}|\\$\\{x\\}|\\[a\\]\\(https://b\\)|\r\n|\u{202e}|<b>){0,300}",
            "[𝕏\u{1F600}é]{0,4096}",
        ]
    };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(16));
    runner
        .run(&(text(), text(), text()), |(reason, tool, value)| {
            let args: Value = (0..20).map(|n| (format!("argument {n} {tool}"), json!([value, reason]))).collect();
            let approval = with_arguments(payment(), &args);
            let mut request = Request::clone(&approval.request);
            (request.reason, request.tool_name) = (reason.as_str().into(), tool.as_str().into());
            let message = about(&Approval { request: request.into(), ..approval }, NotificationKind::Requested);
            let body = adaptive_card::message(&Card::of(&message, &Budget::CHAT));
            prop_assert_eq!(errors(&body), Vec::<String>::new());
            prop_assert!(body.len() <= MESSAGE_MAX);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_card_that_is_too_large_says_so() {
    let long = "𝕏".repeat(400);
    let args: Value = (0..20).map(|n| (format!("{n} {}", "😀".repeat(120)), json!(long))).collect();
    let message = about(&with_arguments(payment(), &args), NotificationKind::Requested);
    // A budget with more than Teams takes.
    let body = adaptive_card::message(&Card::of(&message, &Budget { values: 100_000, facts: 100, ..Budget::CHAT }));
    assert_eq!(errors(&body), Vec::<String>::new());
    let text = texts(&serde_json::from_slice(&body).unwrap());
    assert!(text.starts_with("process_payment: approval needed\n"), "{text}");
    assert!(text.ends_with("\nThere is more. Open the page to see everything."), "{text}");
}

#[tokio::test]
async fn errors_do_not_have_the_url() {
    for (status, kind) in
        [("400 Bad Request", "Rejected"), ("404 Not Found", "Retry"), ("410 Gone", "Gone"), ("429 Too Many", "Retry")]
    {
        let receiver = Receiver::start(move |_| Answer::status(status)).await;
        let url = secret_file(&receiver.url("/?sig=hidden"));
        let error = channel(KIND, json!({"url_file": url.path()})).send(&test(), None).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.starts_with(kind) && !shown.contains("hidden"), "{shown}");
        std::fs::write(url.path(), "https://user:hidden@a.test/").unwrap();
        let error = channel(KIND, json!({"url_file": url.path()})).send(&test(), None).await.unwrap_err();
        assert_eq!(error.to_string(), "url_file must not have a user or a password before the host");
    }
    assert!(problems(KIND, json!({"url": "https://a.test/?sig=x"})).contains("must not be in the configuration"));
}
