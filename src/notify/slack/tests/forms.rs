//! Reject asks for the reason in a form; so does Approve where the policy requires a comment.

use super::{receiver::labels, *};
use crate::{domain::Status, test_support::member};

fn problem(text: &str) -> Value {
    json!({ "response_action": "errors", "errors": { "comment": text } })
}

#[tokio::test]
async fn a_rejection_has_the_chosen_reason_and_the_comment() {
    let reason = format!("Over budget {}", "x".repeat(100));
    let mut document = policy(json!({}));
    document["reject_reasons"] = json!(["Not needed", reason]);
    let world = World::with(document).await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let view = world.form(&ts, "signoff_reject", ALICE).await;
    let options = view["blocks"][1]["element"]["options"].as_array().unwrap();
    assert_eq!(options[0]["text"]["text"], "Not needed");
    assert_eq!(view["title"]["text"], "Reject the call");
    assert_eq!(labels(&world.slack.message().1).len(), 3, "others can still decide");
    let submitted = world.slack.submit(&view, ALICE, Some("1"), Some(" see the memo "));
    assert_eq!(world.interact(&submitted).await, (StatusCode::OK, json!({ "response_action": "clear" })));
    let approval = world.approval(id).await;
    assert_eq!(approval.status, Status::Rejected);
    assert_eq!(approval.decision.clone().unwrap().comment, format!("{reason}\nsee the memo"));
    world.slack.until(|slack| labels(&slack.message().1).is_empty()).await;
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn problems_are_shown_in_the_form() {
    let world = World::with(policy(json!({ "comment_required": true, "quorum": 2 }))).await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let view = world.form(&ts, "signoff_reject", ALICE).await;
    assert_eq!((view["blocks"].as_array().unwrap().len(), &view["blocks"][1]["optional"]), (2, &json!(false)));
    let long = "é".repeat(2_500);
    for (comment, explained) in [
        (None, "The policy requires a comment."),
        (Some("  "), "The policy requires a comment."),
        (Some(long.as_str()), "At most 4096 bytes are allowed."),
    ] {
        let (status, answer) = world.interact(&world.slack.submit(&view, ALICE, None, comment)).await;
        assert_eq!((status, answer), (StatusCode::OK, problem(explained)));
    }
    for (user, explained) in [(STRANGER, "not linked to a reviewer"), (CAROL, "does not ask you")] {
        let (_, answer) = world.interact(&world.slack.submit(&view, user, None, Some("no"))).await;
        assert!(answer["errors"]["comment"].as_str().unwrap().contains(explained), "{answer}");
    }
    assert_eq!(world.approval(id).await.status, Status::Pending);
    world.edit(id, &member(1, &["finance"]), json!({ "amount": 2 })).await;
    let updates = world.slack.calls("chat.update").len();
    let (_, answer) = world.interact(&world.slack.submit(&view, ALICE, None, Some("no"))).await;
    let stale = "Not recorded: the arguments changed since this message showed them. Look at them again.";
    assert_eq!(answer, problem(stale));
    world.slack.until(|slack| slack.calls("chat.update").len() > updates).await;
}

#[tokio::test]
async fn approving_asks_for_a_comment_where_the_policy_does() {
    let world = World::with(policy(json!({ "comment_required": true }))).await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let view = world.form(&ts, "signoff_approve", ALICE).await;
    assert_eq!(view["title"]["text"], "Approve the call");
    let submitted = world.slack.submit(&view, ALICE, None, Some("checked"));
    assert_eq!(world.interact(&submitted).await.1, json!({ "response_action": "clear" }));
    let approval = world.approval(id).await;
    assert_eq!((approval.status, approval.votes[0].comment.as_str()), (Status::Approved, "checked"));
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn a_form_that_does_not_open_is_explained() {
    let world = World::new().await;
    let (_, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    world.slack.answer_next("views.open", receiver::Reply::code("expired_trigger_id"));
    world.click(&ts, "signoff_reject", ALICE).await;
    assert_eq!(world.note(1).await, "Slack did not open the form. Click again, or open the request.");
}
