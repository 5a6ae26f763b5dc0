//! Requests that Slack did not send, or sent before.

use super::{receiver::labels, *};
use crate::domain::Status;

#[tokio::test]
async fn forged_altered_old_and_replayed_interactions_change_nothing() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    let (now, body) = (world.clock.wall().timestamp(), body(&click));
    let good = sign(SECRET, now, &body);
    let (old, future) = (now - 301, now + 301);
    for (name, request) in [
        ("unsigned", Request::post(format!("/slack/interactions/{NAME}")).body(body.clone().into()).unwrap()),
        ("other secret", request(&now.to_string(), &sign("guess", now, &body), body.clone())),
        ("altered", request(&now.to_string(), &good, body.replace(ALICE, BOB))),
        ("other time", request(&(now + 1).to_string(), &good, body.clone())),
        ("old", request(&old.to_string(), &sign(SECRET, old, &body), body.clone())),
        ("future", request(&future.to_string(), &sign(SECRET, future, &body), body.clone())),
        ("no version", request(&now.to_string(), &good[3..], body.clone())),
    ] {
        let (status, answer) = world.send(request).await;
        assert_eq!((status, answer), (StatusCode::UNAUTHORIZED, "not signed by Slack\n".into()), "{name}");
    }
    assert_eq!(world.approval(id).await.votes, []);
    let copy = || request(&now.to_string(), &good, body.clone());
    assert_eq!(world.send(copy()).await.0, StatusCode::OK);
    world.slack.until(|slack| slack.message().1.to_string().contains("Approved by alice")).await;
    assert_eq!(world.send(copy()).await.0, StatusCode::UNAUTHORIZED);
    // Another server, or this one after a restart, does not remember the signature: it is the same decision.
    let restarted = router([(&NAME.parse().unwrap(), &world.channel_again())], &world.answering);
    assert_eq!(restarted.oneshot(copy()).await.unwrap().status(), StatusCode::OK);
    world.note(1).await;
    let approval = world.approval(id).await;
    assert_eq!((approval.status, approval.revision), (Status::Approved, 2));
}

#[tokio::test]
async fn signed_requests_of_another_form_are_refused() {
    let world = World::new().await;
    let (_, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    let now = world.clock.wall().timestamp();
    let altered = |path: &[&str], value: Value| {
        let mut click = click.clone();
        let mut place = &mut click;
        for key in path {
            place = match key.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[*key],
            };
        }
        *place = value;
        body(&click)
    };
    for body in [
        String::new(),
        "payload=".into(),
        "payload={}".into(),
        "other=1".into(),
        "payload=%FF".into(),
        format!("{}&payload=1", body(&click)),
        altered(&["actions", "0", "value"], "x".into()),
        altered(&["actions", "0", "value"], Value::Null),
        altered(&["container", "message_ts"], Value::Null),
        altered(&["user"], "U0ALICE".into()),
    ] {
        let (status, _) = world.send(request(&now.to_string(), &sign(SECRET, now, &body), body.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    for other in [json!({ "type": "view_closed" }), json!({ "type": "message_action", "user": {} })] {
        assert_eq!(world.interact(&other).await, (StatusCode::OK, "".into()));
    }
    // Opening is a link: Slack tells of the click, and nothing is to do.
    world.click(&ts, "signoff_open", ALICE).await;
    let large = format!("payload={}", "x".repeat(256 << 10));
    let (status, _) = world.send(request(&now.to_string(), &sign(SECRET, now, &large), large)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let get = Request::get(format!("/slack/interactions/{NAME}")).body(Body::empty()).unwrap();
    assert_eq!(world.send(get).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let elsewhere = Request::post("/slack/interactions/other").body(Body::empty()).unwrap();
    assert_eq!(world.send(elsewhere).await.0, StatusCode::NOT_FOUND);
    assert_eq!(labels(&world.slack.message().1).len(), 3);
}

#[tokio::test]
async fn without_its_secret_the_endpoint_accepts_nothing() {
    let world = World::new().await;
    let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
    let click = world.slack.click(&ts, "signoff_approve", ALICE).unwrap();
    std::fs::write(world.secrets.path().join("signing"), "").unwrap();
    let now = world.clock.wall().timestamp();
    let (body, empty) = (body(&click), sign("", now, &body(&click)));
    let (status, _) = world.send(request(&now.to_string(), &empty, body)).await;
    assert_eq!((status, world.approval(id).await.votes.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
}
