//! Clicks on Approve: recorded with the same rules as everywhere, or explained to one person.

use super::{
    receiver::{Reply, labels},
    *,
};
use crate::{
    domain::{Assurance, Provenance, Status, SubjectName},
    test_support::member,
};

#[tokio::test]
async fn an_approval_is_recorded_as_that_of_the_person_by_chat() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    world.click(&ts, "signoff_approve", ALICE).await;
    // The buttons go at once; then the message shows the result.
    world.slack.until(|slack| slack.calls("chat.update").len() == 3).await;
    let [_, recording, decided] = <[Value; 3]>::try_from(world.slack.calls("chat.update")).unwrap();
    assert_eq!((labels(&recording), labels(&decided)), (vec![], vec![]));
    assert!(recording.to_string().contains("Recording the decision…"));
    assert!(decided.to_string().contains("Approved by alice"), "{decided}");
    let approval = world.approval(id).await;
    assert_eq!(approval.status, Status::Approved);
    let [vote] = &approval.votes[..] else { panic!("{:?}", approval.votes) };
    assert_eq!((&vote.actor, vote.seen, &vote.via), (&person("alice"), 1, &None));
    let chat = Provenance { surface: Surface::Slack, assurance: Assurance::Chat, opened: vec![] };
    assert_eq!(vote.provenance, Some(chat));
    // The dispatcher has nothing to add.
    world.tell(id).await.unwrap();
    assert_eq!(world.slack.calls("chat.update").len(), 3);
    assert!(world.slack.notes().is_empty());
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_vote_that_does_not_decide_brings_the_buttons_back() {
    let world = World::with(policy(json!({ "quorum": 2 }))).await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    world.click(&ts, "signoff_approve", ALICE).await;
    world.slack.until(|slack| slack.calls("chat.update").len() == 3).await;
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), ["Approve", "Reject", "Open"]);
    assert!(message.to_string().contains("1 of 2 approvals"), "{message}");
    world.click(&ts, "signoff_approve", ALICE).await;
    assert_eq!(world.note(1).await, "You have voted on this request before; that vote counts.");
    world.click(&ts, "signoff_approve", BOB).await;
    world
        .slack
        .until(|slack| labels(&slack.message().1).is_empty() && slack.message().1.to_string().contains("bob"))
        .await;
    assert_eq!(world.approval(id).await.status, Status::Approved);
}

#[tokio::test]
async fn two_clicks_at_once_are_one_decision() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let clicks = [ALICE, BOB].map(|user| world.slack.click(&ts, "signoff_approve", user).unwrap());
    let (one, other) = tokio::join!(world.interact(&clicks[0]), world.interact(&clicks[1]));
    assert_eq!([one.0, other.0], [StatusCode::OK; 2]);
    assert_eq!(world.note(1).await, "Not recorded: it was approved before.");
    world.slack.until(|slack| slack.message().1.to_string().contains("Approved by")).await;
    let approval = world.approval(id).await;
    assert_eq!((approval.status, approval.votes.len(), approval.revision), (Status::Approved, 1, 2));
}

#[tokio::test]
async fn a_stale_button_is_explained_and_the_message_is_updated() {
    let world = World::with(policy(json!({ "quorum": 2 }))).await;
    let finance = member(1, &["finance"]);
    for (end, explained) in [
        ("approved", "Not recorded: it was approved before."),
        ("rejected", "Not recorded: it was rejected before."),
        ("late", "Not recorded: the time to decide has passed."),
        ("edited", "Not recorded: the arguments changed since this message showed them. Look at them again."),
        ("forgotten", "Not recorded: the policy does not ask you about this request, or it is not kept any more."),
    ] {
        let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
        let click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
        match end {
            "approved" => {
                world.decide(id, &finance, Choice::Approve).await;
                drop(world.decide(id, &member(2, &["finance"]), Choice::Approve).await);
            }
            "rejected" => drop(world.decide(id, &finance, Choice::Reject).await),
            "late" => world.clock.advance(Duration::from_secs(300)),
            "edited" => world.edit(id, &finance, json!({ "amount": 2 })).await,
            _ => {
                world.decide(id, &finance, Choice::Reject).await;
                world.clock.advance(Duration::from_secs(9));
                world.answering.approvals.forget_decided(Duration::from_secs(1), 10).await.unwrap();
            }
        }
        let (notes, updates) = (world.slack.notes().len(), world.slack.calls("chat.update").len());
        world.click_as(&click).await;
        assert_eq!(world.note(notes + 1).await, explained);
        world.slack.until(|slack| slack.calls("chat.update").len() > updates).await;
        let last = world.slack.calls("chat.update").pop().unwrap();
        match end {
            "edited" => assert!(last.to_string().contains("\"2\"") && labels(&last).len() == 3, "{last}"),
            _ => assert_eq!(labels(&last), [""; 0], "{end}"),
        }
    }
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_copy_that_the_outbox_does_not_know_is_updated_too() {
    let world = World::new().await;
    let (id, first) = world.ask_and_tell(json!({ "amount": 1 })).await;
    // As when the record of the first one was lost: another process posts again.
    let again = world.channel_again();
    let sent = again.send(&world.newest(id).await, None).await.unwrap();
    world.states.lock().unwrap().insert(id, sent.state.unwrap());
    assert_eq!(world.slack.messages().len(), 2);
    world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
    world.tell(id).await.unwrap();
    let copy = |world: &World| world.slack.messages().into_iter().find(|(ts, _)| *ts == first).unwrap().1;
    assert_eq!(labels(&copy(&world)).len(), 3);
    world.click(&first, "signoff_approve", BOB).await;
    assert_eq!(world.note(1).await, "Not recorded: it was approved before.");
    world.slack.until(|slack| slack.messages().iter().all(|(_, message)| labels(message).is_empty())).await;
}

#[tokio::test]
async fn the_message_is_updated_even_if_slack_is_busy() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    world.decide(id, &member(1, &["finance"]), Choice::Approve).await;
    let busy = |status, body: &str| Reply { status, headers: "retry-after: 0\r\n", body: body.into() };
    world.slack.answer_next("chat.update", busy(503, ""));
    world.slack.answer_next("chat.update", busy(200, r#"{"ok":false,"error":"ratelimited"}"#));
    world.click_as(&click).await;
    world.slack.until(|slack| labels(&slack.message().1).is_empty()).await;
}

#[tokio::test]
async fn the_buttons_come_back_if_the_person_is_blocked_meanwhile() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let blocked = world.answering.blocked.clone();
    world.slack.before_next("chat.update", move || blocked.add(&SubjectName::from(&person("alice"))));
    world.click(&ts, "signoff_approve", ALICE).await;
    assert_eq!(world.note(1).await, "Not recorded: an operator has blocked you.");
    world.slack.until(|slack| slack.calls("chat.update").len() == 3).await;
    assert_eq!(labels(&world.slack.message().1), ["Approve", "Reject", "Open"]);
    assert_eq!(world.approval(id).await.status, Status::Pending);
}

#[tokio::test]
async fn what_was_not_shown_cannot_be_approved_from_chat() {
    let long = json!({ "note": "x".repeat(5_000), "amount": 1 });
    let hidden = json!({ "amount": 1, "card": "4242" });
    let world = World::new().await;
    let redacting = {
        let mut document = policy(json!({}));
        document["redact"] = json!(["args.card"]);
        document
    };
    let by_session = policy(json!({ "min_assurance": "MIN_ASSURANCE_CREDENTIALS" }));
    let (cut, not_by_chat) =
        ("this message does not show everything", "the policy does not accept approvals from chat");
    for (document, asked, why) in
        [(policy(json!({})), long, cut), (redacting, hidden, cut), (by_session, json!({ "amount": 1 }), not_by_chat)]
    {
        world.set_policy(document).await;
        let (id, ts) = world.ask_and_tell(asked).await;
        let (_, message) = world.slack.messages().pop().unwrap();
        assert_eq!(labels(&message), ["Reject", "Open"]);
        assert!(message.to_string().contains(why), "{message}");
        assert!(!message.to_string().contains("4242"));
        // A forged button, in a payload that Slack would sign.
        let mut click = world.slack.click(&ts, "signoff_reject", ALICE).unwrap();
        click["actions"][0]["action_id"] = "signoff_approve".into();
        let notes = world.slack.notes().len();
        world.click_as(&click).await;
        assert!(world.note(notes + 1).await.contains(why));
        assert_eq!(world.approval(id).await.status, Status::Pending);
        // Rejecting lets nothing run.
        world.decide_by_form(&ts, ALICE, "no").await;
        assert_eq!(world.approval(id).await.status, Status::Rejected);
    }
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_button_decides_in_its_own_channel_only() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let mut click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    click["container"]["channel_id"] = "C0OTHER".into();
    world.click_as(&click).await;
    assert_eq!(world.note(1).await, "Not recorded: this button belongs to another channel.");
    assert_eq!(world.approval(id).await.status, Status::Pending);
}

#[tokio::test]
async fn notes_go_to_slack_only() {
    let world = World::new().await;
    let (_, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    for url in ["https://169.254.169.254/latest", "http://127.0.0.1:1/", "https://hooks.slack.com/actions/1"] {
        let mut click = world.slack.click(&ts, "signoff_approve", STRANGER).unwrap();
        click["response_url"] = url.into();
        world.click_as(&click).await;
    }
    world.click(&ts, "signoff_approve", STRANGER).await;
    world.note(1).await;
}
