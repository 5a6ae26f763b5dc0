//! Clicks that must change nothing: forged, repeated, and of people who may not decide.

use signoff::proto::v1::{ActorKind, ApprovalStatus, CreateTokenRequest, Person, Role};

use super::{ALICE, ASKER, CAROL, Office, SECRET, STRANGER, asking, form, labels, message_of, now, sign};
use crate::calls::open;

#[tokio::test]
async fn forged_and_repeated_clicks_change_nothing() {
    let office = Office::open().await;
    let (approval, ts) = office.shown(asking("bot")).await;
    let click = office.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    let (body, at) = (form(&click), now());
    let genuine = sign(SECRET, at, &body);
    let old = at - 301;
    for (name, at, signature, body) in [
        ("another secret", at, sign("guessed", at, &body), body.clone()),
        ("no secret", at, sign("", at, &body), body.clone()),
        ("another person", at, genuine.clone(), body.replace(ALICE, ASKER)),
        ("another time", at + 1, genuine.clone(), body.clone()),
        ("too old", old, sign(SECRET, old, &body), body.clone()),
        ("no signature", at, String::new(), body.clone()),
    ] {
        assert_eq!(office.send(at, &signature, body).await, (401, "not signed by Slack\n".to_owned()), "{name}");
    }
    let untouched = office.approval(&approval.id).await;
    assert_eq!((untouched.revision, untouched.status()), (1, ApprovalStatus::Pending));
    assert_eq!(labels(&message_of(&office.slack, &approval.id).unwrap().1).len(), 3);

    assert_eq!(office.send(at, &genuine, body.clone()).await, (200, String::new()));
    office.until("the click counts", |slack| slack.message().1.to_string().contains("Approved by alice")).await;
    let decided = office.approval(&approval.id).await;
    assert_eq!(office.send(at, &genuine, body).await.0, 401, "a repeated click");
    assert_eq!(office.approval(&approval.id).await, decided);
    // A button that is not there any more, in another request that Slack signs.
    let mut late = click;
    late["trigger_id"] = "another".into();
    assert_eq!(office.interact(&late).await, (200, String::new()));
    assert_eq!(office.note(0).await, "Not recorded: it was approved before.");
    assert_eq!(office.approval(&approval.id).await, decided);
    office.slack.assert_no_problems();
}

#[tokio::test]
async fn people_who_may_not_decide_get_an_explanation_that_only_they_see() {
    let office = Office::open().await;
    let bound = CreateTokenRequest {
        subject: "assistant".into(),
        kind: ActorKind::Agent.into(),
        roles: vec![Role::Agent.into()],
        on_behalf_of: Some(Person { issuer: "dev".into(), subject: "asker".into(), groups: Vec::new() }),
        ..Default::default()
    };
    let mut access = office.server.access(&office.server.tokens().operator);
    let token = access.create_token(bound).await.unwrap().into_inner().secret;
    let (_, approval) = open(&mut office.server.client(&token), asking("assistant")).await.unwrap();
    assert_eq!(approval.on_behalf_of.as_ref().unwrap().subject, "asker");
    let ts = office.buttons(&approval.id).await;

    let unknown = "Not recorded: your Slack account is not linked to a reviewer. Ask an operator to add U0STRANGER to the \
                   people of this channel, or open the request.";
    let not_asked = "Not recorded: the policy does not ask you about this request, or it is not kept any more.";
    let own = "Not recorded: you asked for this call yourself, or it is made on your behalf.";
    for (user, explained) in [(STRANGER, unknown), (CAROL, not_asked), (ASKER, own)] {
        for button in ["signoff_approve", "signoff_reject"] {
            let click = office.slack.click(&ts, button, user).unwrap();
            let notes = office.slack.notes().len();
            assert_eq!(office.interact(&click).await, (200, String::new()));
            assert_eq!(office.note(notes).await, explained, "{user} {button}");
        }
    }
    let untouched = office.approval(&approval.id).await;
    assert_eq!((untouched.revision, untouched.status()), (1, ApprovalStatus::Pending));
    assert_eq!(office.slack.views().len(), 0, "no form is opened for them");

    // The buttons stay, and work for a reviewer.
    let click = office.slack.click(&ts, "signoff_approve", ALICE).expect("the buttons stay");
    office.interact(&click).await;
    office.until("it is approved", |slack| slack.message().1.to_string().contains("Approved by alice")).await;
    assert_eq!(office.approval(&approval.id).await.status(), ApprovalStatus::Approved);
    office.slack.assert_no_problems();
}
