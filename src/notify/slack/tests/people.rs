//! Who may click: only people of the table, who the policy asks, and who did not ask themselves.

use super::{receiver::labels, *};
use crate::domain::{Status, SubjectName};

#[tokio::test]
async fn only_reviewers_whom_the_policy_asks_can_decide() {
    let world = World::new().await;
    let asked = NewRequest { on_behalf_of: None, ..asking(json!({ "amount": 1 })) };
    let id = world.ask_for(asked).await;
    world.tell(id).await.unwrap();
    let (ts, _) = world.slack.message();
    world.answering.blocked.add(&SubjectName::from(&person("bob")));
    for (user, explained) in [
        (STRANGER, "Not recorded: your Slack account is not linked to a reviewer. Ask an operator to add U0STRANGER"),
        (CAROL, "Not recorded: the policy does not ask you about this request"),
        (BOB, "Not recorded: an operator has blocked you."),
    ] {
        for action in ["signoff_approve", "signoff_reject"] {
            let notes = world.slack.notes().len();
            world.click(&ts, action, user).await;
            let note = world.note(notes + 1).await;
            assert!(note.starts_with(explained), "{note}");
        }
    }
    // A user of another workspace, as in a channel that two organisations share.
    for key in ["user", "team"] {
        let mut click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
        click["user"]["team_id"] = if key == "user" { "T0EVIL".into() } else { Value::Null };
        click["team"]["id"] = "T0EVIL".into();
        let notes = world.slack.notes().len();
        world.click_as(&click).await;
        assert!(world.note(notes + 1).await.contains("not linked to a reviewer"));
    }
    let (_, message) = world.slack.message();
    assert_eq!(labels(&message), ["Approve", "Reject", "Open"], "the buttons stay for the others");
    assert_eq!((world.approval(id).await.status, world.slack.views().len()), (Status::Pending, 0));
    world.slack.assert_no_problems();
}

#[tokio::test]
async fn nobody_decides_their_own_request() {
    let world = World::new().await;
    let agent = Principal { on_behalf_of: Some(person("asker")), ..Principal::clone(&agent()) };
    let mut follower = Arc::clone(&world.answering.approvals)
        .request(Arc::new(agent), asking(json!({ "amount": 1 })), 0)
        .await
        .unwrap();
    let Update::Update { approval, .. } = follower.next().await.unwrap().unwrap() else { panic!("Progress") };
    assert_eq!(approval.request.on_behalf_of, Some(person("asker")));
    world.tell(approval.id).await.unwrap();
    let (ts, _) = world.slack.message();
    for action in ["signoff_approve", "signoff_reject"] {
        let notes = world.slack.notes().len();
        world.click(&ts, action, ASKER).await;
        let note = world.note(notes + 1).await;
        assert_eq!(note, "Not recorded: you asked for this call yourself, or it is made on your behalf.");
    }
    assert_eq!(world.approval(approval.id).await.votes, []);
    assert_eq!(labels(&world.slack.message().1).len(), 3);
    // With a form that another person opened, the domain refuses it, too.
    let view = world.form(&ts, "signoff_reject", ALICE).await;
    let (status, answer) = world.interact(&world.slack.submit(&view, ASKER, None, Some("no"))).await;
    let refused = json!({ "comment": "Not recorded: you asked for this call yourself, or it is made on your behalf." });
    assert_eq!((status, &answer["errors"]), (StatusCode::OK, &refused));
}
