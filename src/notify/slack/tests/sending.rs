//! Messages: posted once, then updated; and what Slack's errors mean.

use super::{
    receiver::{Reply, labels},
    *,
};
use crate::{
    notify::{Bundle, Habits},
    test_support::member,
};

fn texts(message: &Value) -> String {
    message["blocks"].to_string()
}

#[tokio::test]
async fn one_message_shows_an_approval_until_the_end() {
    let world = World::with(policy(json!({ "quorum": 2 }))).await;
    assert_eq!(world.channel.habits(), Habits { for_people: true, replaces: true, concurrency: 4 });
    let (id, ts) = world.ask_and_tell(json!({ "amount": 12_000, "to": "Acme <GmbH>" })).await;
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), ["Approve", "Reject", "Open"]);
    let shown = texts(&message);
    for part in
        ["process_payment: approval needed", "12000", "Acme &lt;GmbH&gt;", "The invoice is due.", "<!date^", "finance"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(message["text"].as_str().unwrap().starts_with("process_payment: approval needed – Waiting for"));
    let open = receiver::buttons(&message).into_iter().find(|(_, button)| button["text"]["text"] == "Open").unwrap().1;
    assert_eq!(open["url"], format!("https://signoff.example/approvals/{id}"));

    world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
    let sent = world.tell(id).await.unwrap();
    assert_eq!(sent.answer, format!("Slack updated message {ts} in {CHANNEL}"));
    let (_, message) = world.slack.message();
    assert!(texts(&message).contains("1 of 2 approvals") && labels(&message).len() == 3);
    world.decide(id, &member(2, &["finance"]), Choice::Approve).await;
    world.tell(id).await.unwrap();
    let (last, message) = world.slack.message();
    assert_eq!((last, labels(&message)), (ts, vec![]));
    assert!(texts(&message).contains("process_payment: approved"), "{message}");
    assert_eq!(world.slack.calls("chat.postMessage").len(), 1);
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn what_is_shown_already_is_not_sent_again() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let old = world.newest(id).await;
    // A repeated delivery, because the first one could not be recorded.
    world.states.lock().unwrap().clear();
    let sent = world.tell(id).await.unwrap();
    assert!(sent.skipped && sent.state.as_ref().unwrap().0.contains(&ts), "{sent:?}");
    world.decide(id, &member(1, &["finance"]), Choice::Reject).await;
    world.tell(id).await.unwrap();
    world.deliver(id, &old).await.unwrap();
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), [""; 0], "an older state does not come back");
    let calls = ["chat.postMessage", "chat.update"].map(|method| world.slack.calls(method).len());
    assert_eq!(calls, [1, 2]);
}

#[tokio::test]
async fn a_message_gets_its_buttons_when_it_is_on_record() {
    let world = World::with(policy(json!({ "quorum": 3 }))).await;
    let id = world.ask(json!({ "amount": 1 })).await;
    let asked = world.newest(id).await;
    let first = world.channel.send(&asked, None).await.unwrap();
    let (ts, message) = world.slack.message();
    assert!(first.begun && first.state.as_ref().unwrap().0.contains(&ts), "{first:?}");
    assert_eq!(labels(&message), [""; 0]);
    assert!(texts(&message).contains("Open the request"), "{message}");
    // It could not be recorded: the same message, and still none.
    let again = world.channel.send(&asked, None).await.unwrap();
    assert_eq!((again.begun, &again.state), (true, &first.state));
    assert_eq!(labels(&world.slack.message().1), [""; 0]);
    let shown = world.channel.send(&asked, first.state.as_ref()).await.unwrap();
    assert_eq!((shown.begun, shown.state), (false, first.state.clone()));
    assert_eq!(labels(&world.slack.message().1).len(), 3);
    // Slack does not update it. It may never update, so the new one waits for the next event.
    world.slack.answer_next("chat.update", Reply::code("edit_window_closed"));
    world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
    let anew = world.channel.send(&world.newest(id).await, first.state.as_ref()).await.unwrap();
    assert!(!anew.begun && anew.state != first.state, "{anew:?}");
    let newest = || world.slack.messages().pop().unwrap().1;
    assert_eq!(labels(&newest()), [""; 0]);
    world.decide(id, &member(2, &["finance"]), Choice::Approve).await;
    world.channel.send(&world.newest(id).await, anew.state.as_ref()).await.unwrap();
    assert_eq!(labels(&newest()).len(), 3);
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_message_that_was_deleted_is_posted_anew() {
    let world = World::new().await;
    for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
        world.slack.answer_next("chat.update", Reply::code(code));
        world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
        let state = world.tell(id).await.unwrap().state.unwrap();
        assert!(!state.0.contains(&ts), "{code}");
    }
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    world.slack.delete(&ts);
    world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
    world.tell(id).await.unwrap();
    assert!(world.slack.messages().iter().all(|(found, _)| *found != ts));
}

#[tokio::test]
async fn errors_of_slack_have_their_meaning() {
    let world = World::new().await;
    let id = world.ask(json!({ "amount": 1 })).await;
    let plain = |status, headers, body: &str| Reply { status, headers, body: body.into() };
    let minute = Some(Duration::from_secs(60));
    for (reply, expected) in [
        (plain(429, "retry-after: 60\r\n", r#"{"ok":false,"error":"ratelimited"}"#), Ok(minute)),
        (plain(200, "retry-after: 60\r\n", r#"{"ok":false,"error":"ratelimited"}"#), Ok(minute)),
        (plain(503, "", "busy"), Ok(None)),
        (plain(200, "", "<html>"), Ok(None)),
        (plain(200, "", ""), Ok(None)),
        (Reply::code("channel_not_found"), Ok(None)),
        (Reply::code("not_in_channel"), Ok(None)),
        (Reply::code("internal_error"), Ok(None)),
        (Reply::code("invalid_auth"), Ok(None)),
        (Reply::code("token_revoked"), Ok(None)),
        (Reply::code("msg_too_long"), Err("rejected")),
        (Reply::code("invalid_blocks"), Err("rejected")),
        (plain(401, "", "proxy"), Ok(None)),
        (plain(403, "", "proxy"), Ok(None)),
        (plain(404, "", "no"), Ok(None)),
        (plain(407, "retry-after: 60\r\n", "proxy"), Ok(minute)),
        (plain(200, "", r#"{"ok":true}"#), Err("rejected")),
    ] {
        world.slack.answer_next("chat.postMessage", reply.clone());
        let error = world.tell(id).await.unwrap_err();
        assert!(!error.to_string().contains(TOKEN));
        let kind = match error {
            SendError::Retry { after, .. } => Ok(after),
            SendError::Rejected { .. } => Err("rejected"),
            SendError::Gone { .. } => Err("gone"),
        };
        assert_eq!(kind, expected, "{reply:?}");
    }
    // A new token needs no restart, and nothing is dead meanwhile.
    std::fs::write(world.secrets.path().join("token"), "xoxb-old").unwrap();
    assert!(matches!(world.tell(id).await, Err(SendError::Retry { .. })));
    std::fs::write(world.secrets.path().join("token"), TOKEN).unwrap();
    world.tell(id).await.unwrap();
}

#[tokio::test]
async fn a_message_about_several_requests_has_no_buttons() {
    let world = World::new().await;
    let ids = [world.ask(json!({ "amount": 1 })).await, world.ask(json!({ "amount": 2 })).await];
    let tools = vec!["process_payment".to_owned()];
    let bundle = Bundle { agent: Some("bot".into()), tools, approvals: ids.to_vec(), since: at(0) };
    let links = Links::new(Some("https://signoff.example".parse().unwrap()));
    let bundle = Message { id: "msg_2".into(), subject: Subject::Bundle(bundle), now: at(9), links };
    let sent = world.channel.send(&bundle, None).await.unwrap();
    assert!(sent.answer.starts_with("Slack posted message 1503435956.") && sent.state.is_none(), "{sent:?}");
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), [""; 0]);
    assert!(texts(&message).contains("<https://signoff.example/|"), "{message}");
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_test_message_is_posted() {
    let world = World::new().await;
    let message = Message { id: "t".into(), subject: Subject::Test, now: at(0), links: Links::default() };
    let sent = world.channel.send(&message, None).await.unwrap();
    assert!(sent.answer.starts_with("Slack posted message 1503435956.") && sent.state.is_none(), "{sent:?}");
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn without_a_signing_secret_there_are_only_links() {
    let world = World::with_fields(policy(json!({})), "").await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), [""; 0]);
    assert!(texts(&message).contains(&format!("<https://signoff.example/approvals/{id}|Open the request>")));
    let (status, _) = world.send(request("0", "v0=", "payload=")).await;
    assert_eq!((status, world.slack.click(&ts, "signoff_approve", ALICE)), (StatusCode::NOT_FOUND, None));
    world.slack.assert_no_problems();
}
