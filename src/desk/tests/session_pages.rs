//! Listing and ending sessions, blocking people.

use super::*;
use crate::{
    domain::{ActorKind, Role, SubjectName},
    test_support::{principal, reviewer},
};

/// The ids of the sessions on a page.
fn ids(page: &Page) -> Vec<String> {
    let parts = page.body.split("<dd class=\"id\">").skip(1);
    parts.map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

const PERSON: &str = "/sessions/person?issuer=test&subject=reviewer-1";

#[tokio::test]
async fn people_see_and_end_their_own_sessions() {
    let world = World::new().await;
    let (phone, laptop) = (world.sign_in(&reviewer(1)).await, world.sign_in(&reviewer(1)).await);
    let other = world.sign_in(&reviewer(2)).await;
    let page = world.get(&laptop, "/sessions").await;
    page.assert_has(&["This one", "development mode", "End…"]);
    assert!(!page.body.contains("/sessions/all"));
    let found = ids(&page);
    assert_eq!(found.len(), 2);
    let path = |id: &str| format!("/sessions/{id}/end");
    for id in &found {
        world.get(&laptop, &path(id)).await.assert_has(&["End this session?"]);
        // Another person's session does not exist.
        assert_eq!(world.get(&other, &path(id)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.post(&other, &path(id), &[]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(ids(&world.get(&phone, "/sessions").await).len(), 2);
    let this = |page: &Page| page.body.contains("This is the session of this page");
    let mut own = Vec::new();
    for id in &found {
        own.push(this(&world.get(&laptop, &path(id)).await));
    }
    let phones = &found[own.iter().position(|own| !own).unwrap()];
    assert_eq!(world.post(&laptop, &path(phones), &[]).await.location(), "/sessions?done=ended");
    assert!(world.get(&phone, "/sessions").await.location().starts_with("/sign-in"));
    assert_eq!(ids(&world.get(&laptop, "/sessions?done=ended").await).len(), 1);
    let own = &found[own.iter().position(|own| *own).unwrap()];
    assert_eq!(world.post(&laptop, &path(own), &[]).await.location(), "/sessions?done=ended");
    assert!(world.get(&laptop, "/sessions?done=ended").await.location().starts_with("/sign-in"));
    assert_eq!(world.get(&other, "/sessions/x/end").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn operators_end_all_sessions_of_a_person() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let (phone, laptop) = (world.sign_in(&reviewer(1)).await, world.sign_in(&reviewer(1)).await);
    let other = world.sign_in(&reviewer(2)).await;
    let page = world.get(&person, "/sessions/all").await;
    page.assert_has(&[
        "test/reviewer-1",
        "test/reviewer-2",
        "issuer=test&amp;subject=reviewer-1",
        "Nobody is blocked.",
    ]);
    assert_eq!(ids(&page).len(), 4);
    let page = world.get(&person, PERSON).await;
    page.assert_has(&["End all sessions", "test/reviewer-1"]);
    assert_eq!(ids(&page).len(), 2);
    let key = page.hidden("key");
    let fields = [("issuer", "test"), ("subject", "reviewer-1"), ("step", "end"), ("key", &key)];
    for _ in 0..2 {
        assert_eq!(world.post(&person, "/sessions/person", &fields).await.location(), "/sessions/all?done=ended-all");
    }
    for ended in [&phone, &laptop] {
        assert!(world.get(ended, "/").await.location().starts_with("/sign-in"));
    }
    assert_eq!(world.get(&other, "/").await.status, StatusCode::OK);
    assert_eq!(ids(&world.get(&person, "/sessions/all").await).len(), 2);
    world.get(&person, "/sessions/all?which=all").await.assert_has(&["Ended by"]);
    world.get(&person, PERSON).await.assert_has(&["No session of this name is active."]);
}

#[tokio::test]
async fn operators_block_and_unblock() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let blocked = world.sign_in(&reviewer(1)).await;
    let fields = |step| [("issuer", "test"), ("subject", "reviewer-1"), ("reason", "<b>gone</b>"), ("step", step)];
    // Without a step, nothing happens.
    world.post(&person, "/sessions/person", &fields("")).await.assert_has(&["Block", "&#60;b&#62;gone&#60;/b&#62;"]);
    assert_eq!(world.get(&blocked, "/").await.status, StatusCode::OK);
    let done = world.post(&person, "/sessions/person", &fields("block")).await;
    assert_eq!(done.location(), "/sessions/all?done=blocked");
    assert!(world.get(&blocked, "/").await.location().starts_with("/sign-in"));
    for path in ["/sessions/all?done=blocked", PERSON] {
        world.get(&person, path).await.assert_has(&["&lt;b&gt;gone&lt;/b&gt;", "Blocked"]);
    }
    let done = world.post(&person, "/sessions/person", &fields("unblock")).await;
    assert_eq!(done.location(), "/sessions/all?done=unblocked");
    let again = world.post(&person, "/sessions/person", &fields("unblock")).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    again.assert_has(&["Nothing was changed."]);
    let own = [("issuer", "test"), ("subject", "operator"), ("step", "block")];
    let page = world.post(&person, "/sessions/person", &own).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.assert_has(&["you cannot block yourself", "This is your own name."]);
    let wrong = world.post(&person, "/sessions/person", &[("issuer", ""), ("subject", "a\u{202e}"), ("step", "block")]);
    let wrong = wrong.await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.assert_has(&["<a href=\"#issuer\">", "<a href=\"#subject\">"]);
    assert!(world.desk.sessions.blocks(&operator()).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_operators_may() {
    let world = World::new().await;
    let target = world.sign_in(&reviewer(1)).await;
    let fields = |step| [("issuer", "test"), ("subject", "reviewer-1"), ("step", step)];
    for role in [Role::Reviewer, Role::Auditor] {
        let person = world.sign_in(&principal(&[role], ActorKind::Person, role.name())).await;
        let sees = if role == Role::Auditor { StatusCode::OK } else { StatusCode::NOT_FOUND };
        for path in ["/sessions/all", PERSON] {
            let page = world.get(&person, path).await;
            assert_eq!(page.status, sees, "{role} {path}");
            assert!(!page.body.contains("method=\"post\" action=\"/sessions/person\""), "{role} {path}");
        }
        for step in ["end", "block", "unblock"] {
            let page = world.post(&person, "/sessions/person", &fields(step)).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{role} {step}");
        }
    }
    assert_eq!(world.get(&target, "/").await.status, StatusCode::OK);
    let sessions = world.desk.sessions.of(&operator(), &SubjectName::from(&reviewer(1).actor)).unwrap();
    assert_eq!(sessions.len(), 1);
}
