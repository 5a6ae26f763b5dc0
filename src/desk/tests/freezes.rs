//! Freezing and thawing calls.

use super::*;
use crate::{
    domain::{ActorKind, FreezeScope, Role, ToolGlob},
    store::FreezeStore as _,
    test_support::principal,
};

/// What agents and people may try to put into a page.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";
const HARMLESS: &str = "&lt;script&gt;alert(1)&lt;/script&gt;<span class=\"invisible\">U+202E</span>";

async fn frozen(world: &World) -> usize {
    world.store.freezes().await.unwrap().iter().filter(|freeze| freeze.stands()).count()
}

#[tokio::test]
async fn a_freeze_is_confirmed_then_shown_then_thawed() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    world.get(&person, "/freezes").await.assert_has(&["Nothing is frozen.", "/freezes/new"]);
    let fields = [("scope", "tool"), ("name", "pay.*"), ("reason", "incident 12")];
    let page = world.post(&person, "/freezes/new", &fields).await;
    page.assert_has(&["Freeze these calls?", "may be running, and continues", "Any operator can thaw it.", "pay.*"]);
    assert_eq!((page.status, frozen(&world).await), (StatusCode::OK, 0), "nothing happens before the confirmation");
    let key = page.hidden("key");
    let confirmed: Vec<_> = fields.into_iter().chain([("step", "do"), ("key", key.as_str())]).collect();
    // Twice, as by an impatient person.
    for _ in 0..2 {
        let page = world.post(&person, "/freezes/new", &confirmed).await;
        assert_eq!(page.location(), "/freezes?done=frozen");
    }
    assert_eq!(frozen(&world).await, 1);
    let page = world.get(&person, "/freezes?done=frozen").await;
    page.assert_has(&["Frozen. No claim", "pay.*", "incident 12", "test/operator"]);
    let id = world.store.freezes().await.unwrap()[0].id;
    let thaw = format!("/freezes/{id}/thaw");
    let page = world.get(&person, &thaw).await;
    page.assert_has(&["Thaw these calls?", "incident 12", "stay rejected"]);
    assert_eq!(frozen(&world).await, 1);
    let key = page.hidden("key");
    for _ in 0..2 {
        assert_eq!(world.post(&person, &thaw, &[("key", &key)]).await.location(), "/freezes?done=thawed");
    }
    assert_eq!(frozen(&world).await, 0);
    world.get(&person, "/freezes").await.assert_has(&["Nothing is frozen.", "Thawed by", "incident 12"]);
    let gone = world.get(&person, &thaw).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    gone.assert_has(&["is no longer active"]);
    assert_eq!(world.get(&person, "/freezes/x/thaw").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_input_is_named_and_kept() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let long = "r".repeat(1_025);
    for (scope, name, reason, problem) in [
        ("", "x", "why", "Choose the calls to freeze."),
        ("all", "x", "why", "Leave this empty to freeze all calls"),
        ("caller", "mailer", "why", "must be `issuer/subject`"),
        ("tool", "", "why", "Caller, pattern or name: "),
        ("agent", "", "why", "must not be empty"),
        ("all", "", long.as_str(), "Reason: has 1025 bytes; at most 1024 are allowed"),
    ] {
        let page = world.post(&person, "/freezes/new", &[("scope", scope), ("name", name), ("reason", reason)]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{problem}");
        page.assert_has(&["Nothing was changed. Check this:", problem, reason]);
    }
    let fields = [("scope", "agent"), ("name", "bot-7"), ("reason", "why\r\nnot"), ("step", "edit")];
    let page = world.post(&person, "/freezes/new", &fields).await;
    page.assert_has(&["value=\"agent\" checked", "value=\"bot-7\"", ">\nwhy\nnot</textarea>"]);
    assert_eq!(frozen(&world).await, 0);
}

#[tokio::test]
async fn texts_of_people_stay_texts() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let reason = format!("{HOSTILE}\n");
    let page = world.post(&person, "/freezes/new", &[("scope", "all"), ("reason", &reason)]).await;
    page.assert_has(&[HARMLESS]);
    world.desk.admin.freeze(&operator(), FreezeScope::Agent(HOSTILE.into()), HOSTILE.into(), None).await.unwrap();
    let id = world.store.freezes().await.unwrap()[0].id;
    for path in ["/freezes", &format!("/freezes/{id}/thaw"), "/status"] {
        let page = world.get(&person, path).await;
        page.assert_has(&[HARMLESS]);
        assert!(!page.body.contains("<script>alert") && !page.body.contains('\u{202e}'), "{path}");
    }
}

#[tokio::test]
async fn another_operator_must_thaw_where_that_is_set() {
    let setup = Setup { thaw_requires_other_operator: true, ..Setup::default() };
    let world = World::with_setup(json!({}), setup).await;
    let person = world.sign_in(&operator()).await;
    let page = world.post(&person, "/freezes/new", &[("scope", "all")]).await;
    page.assert_has(&["You cannot thaw it yourself"]);
    let scope = FreezeScope::Tool(ToolGlob::new("x").unwrap());
    let id = world.desk.admin.freeze(&operator(), scope, String::new(), None).await.unwrap().id;
    let path = format!("/freezes/{id}/thaw");
    let page = world.get(&person, &path).await;
    page.assert_has(&["Another operator must thaw it"]);
    assert!(!page.body.contains("<form method=\"post\" action=\"/freezes/"), "{}", page.body);
    let refused = world.post(&person, &path, &[]).await;
    assert_eq!((refused.status, frozen(&world).await), (StatusCode::FORBIDDEN, 1));
    let other = world.sign_in(&principal(&[Role::Operator], ActorKind::Person, "other")).await;
    // The role operator may list what it thaws.
    assert_eq!(world.post(&other, &path, &[]).await.location(), "/freezes?done=thawed");
    assert_eq!(frozen(&world).await, 0);
}

#[tokio::test]
async fn older_thawed_freezes_are_one_click_away() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    for n in 0..25 {
        let (by, reason) = (operator(), format!("number-{n}."));
        let id = world.desk.admin.freeze(&by, FreezeScope::All, reason, None).await.unwrap().id;
        world.clock.advance(Duration::from_secs(1));
        world.desk.admin.thaw(&operator(), id, None).await.unwrap();
    }
    let page = world.get(&person, "/freezes").await;
    page.assert_has(&["number-24.", "number-5.", "/freezes?thawed=all", "(5)"]);
    assert!(!page.body.contains("number-4."));
    world.get(&person, "/freezes?thawed=all").await.assert_has(&["number-24.", "number-0."]);
}
