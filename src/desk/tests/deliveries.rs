//! The page of deliveries.

use super::*;
use crate::{
    domain::{ActorKind, ChannelName, DeliveryId, Role, Settlement},
    store::{LaneQuery, OutboxStore as _},
    test_support::{hook_and_mail, principal},
};

/// What agents and receivers may try to put into a page.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";
const HARMLESS: &str = "&lt;script&gt;alert(1)&lt;/script&gt;<span class=\"invisible\">U+202E</span>";

fn hook() -> ChannelName {
    "hook".parse().unwrap()
}

/// A world with the channels `hook` and `mail`.
async fn world() -> World {
    let setup = Setup { routes: hook_and_mail(), answer: HOSTILE.to_owned(), ..Setup::default() };
    World::with_setup(json!({"unlisted_tools": {"require_approval": {}}}), setup).await
}

/// Makes a request whose delivery to `hook` is dead.
async fn dead(world: &World) -> DeliveryId {
    let approval = world.ask("pay", json!({})).await;
    let gone = Settlement::Dead { revision: 1, error: HOSTILE.to_owned() };
    world.store.settle(vec![(hook(), approval, gone)]).await.unwrap();
    DeliveryId { approval, revision: 1, channel: hook() }
}

async fn dead_lanes(world: &World) -> usize {
    world.store.lanes(LaneQuery { dead: true, limit: 1_000, ..LaneQuery::default() }).await.unwrap().len()
}

#[tokio::test]
async fn a_delivery_is_shown_and_retried() {
    let world = world().await;
    let person = world.sign_in(&operator()).await;
    let page = world.get(&person, "/deliveries").await;
    page.assert_has(&[
        "hook",
        "mail",
        "Failing",
        "no answer",
        "all events",
        "No dead deliveries.",
        "No deliveries wait.",
    ]);
    let id = dead(&world).await;
    let page = world.get(&person, "/deliveries").await;
    page.assert_has(&["no longer sends these", &id.to_string(), HARMLESS, "1 approval", "0 approvals", "Next attempt"]);
    assert!(!page.body.contains("<script>alert") && !page.body.contains('\u{202e}'));
    // Operators may not read approvals, unless they have another role.
    let link = format!("/approvals/{}", id.approval);
    let only = world.sign_in(&principal(&[Role::Operator], ActorKind::Person, "only")).await;
    assert!(page.body.contains(&link) && !world.get(&only, "/deliveries").await.body.contains(&link));
    assert_eq!(dead_lanes(&world).await, 1);
    let (key, text) = (page.hidden("key"), id.to_string());
    // Twice, as by an impatient person.
    for _ in 0..2 {
        let retried = world.post(&person, "/deliveries/retry", &[("delivery", &text), ("key", &key)]).await;
        assert_eq!(retried.location(), "/deliveries?done=retried");
    }
    assert_eq!(dead_lanes(&world).await, 0);
    assert_eq!(*world.channels.enabled.lock().unwrap(), [hook()]);
    world.get(&person, "/deliveries?done=retried").await.assert_has(&["The server sends it again now."]);
    let sent = Settlement::Sent { from: 1, up_to: 1, state: None };
    world.store.settle(vec![(hook(), id.approval, sent)]).await.unwrap();
    let gone = world.post(&person, "/deliveries/retry", &[("delivery", &text)]).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&person, "/deliveries/retry", &[("delivery", "x")]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn all_dead_deliveries_of_a_channel_are_retried() {
    let world = world().await;
    let person = world.sign_in(&operator()).await;
    for _ in 0..60 {
        dead(&world).await;
    }
    let page = world.get(&person, "/deliveries").await;
    page.assert_has(&["Dead: the first 50", "Waiting: the first 50", "Retry dead deliveries"]);
    let retried = world.post(&person, "/deliveries/retry-all", &[("channel", "hook")]).await;
    assert_eq!((retried.location(), dead_lanes(&world).await), ("/deliveries?done=all", 0));
    world.get(&person, "/deliveries?done=all").await.assert_has(&["The server sends them again now."]);
    let unknown = world.post(&person, "/deliveries/retry-all", &[("channel", "slack")]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_waits_is_shown_behind_many_dead_ones() {
    let world = world().await;
    for _ in 0..110 {
        let approval = dead(&world).await.approval;
        let sent = Settlement::Sent { from: 1, up_to: 1, state: None };
        world.store.settle(vec![("mail".parse().unwrap(), approval, sent)]).await.unwrap();
    }
    let waits = DeliveryId { approval: world.ask("pay", json!({})).await, revision: 1, channel: hook() };
    let page = world.get(&world.sign_in(&operator()).await, "/deliveries").await;
    page.assert_has(&["Dead: the first 50", &waits.to_string()]);
    assert!(!page.body.contains("Waiting: the first"), "{}", page.body);
}

#[tokio::test]
async fn a_test_shows_what_the_receiver_said() {
    let world = world().await;
    let person = world.sign_in(&operator()).await;
    let page = world.post(&person, "/deliveries/test", &[("channel", "hook")]).await;
    page.assert_has(&["hook: The receiver accepted the test message. Its answer: ", HARMLESS]);
    let page = world.post(&person, "/deliveries/test", &[("channel", "mail")]).await;
    page.assert_has(&["mail: The test message failed: ", "no answer"]);
    assert_eq!(world.channels.tested.lock().unwrap().len(), 2);
    assert_eq!(world.post(&person, "/deliveries/test", &[("channel", "slack")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&person, "/deliveries/test", &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn auditors_see_the_page_without_buttons() {
    let world = world().await;
    let id = dead(&world).await.to_string();
    let auditor = principal(&[Role::Auditor], ActorKind::Person, "auditor");
    let person = world.sign_in(&auditor).await;
    let page = world.get(&person, "/deliveries").await;
    page.assert_has(&[&id, "/approvals/"]);
    assert!(!page.body.contains("action=\"/deliveries"), "{}", page.body);
    let forms: [(&str, [(&str, &str); 1]); 3] = [
        ("/deliveries/retry", [("delivery", &id)]),
        ("/deliveries/retry-all", [("channel", "hook")]),
        ("/deliveries/test", [("channel", "hook")]),
    ];
    for (path, fields) in forms {
        assert_eq!(world.post(&person, path, &fields).await.status, StatusCode::NOT_FOUND, "{path}");
        // A form of another site does not know the session's token.
        let operator = world.sign_in(&operator()).await;
        let page = world.post_fields(&operator, path, &form(fields.iter().copied())).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        for method in ["GET", "HEAD"] {
            let page = world.send(operator.request(method, path).body(Body::empty()).unwrap()).await;
            assert!(!page.status.is_success(), "{method} {path}");
        }
    }
    assert_eq!((dead_lanes(&world).await, world.channels.tested.lock().unwrap().len()), (1, 0));
    let page = world.get(&world.sign_in(&operator()).await, "/deliveries?done=retried&channel=hook").await;
    assert_eq!((page.status, dead_lanes(&world).await), (StatusCode::OK, 1));
}

#[tokio::test]
async fn without_channels_the_page_says_what_to_do() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    world.get(&person, "/deliveries").await.assert_has(&["No channel is configured", "[channels.NAME]"]);
}
