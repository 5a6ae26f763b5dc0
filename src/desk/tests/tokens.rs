//! Creating, listing and revoking tokens.

use super::*;
use crate::{
    domain::{ActorKind, DecidesFor, Grant, NewToken, Permission, Role},
    store::TokenStore as _,
};

/// A form of a bridge, with every field.
const EVERY_FIELD: [(&str, &str); 13] = [
    ("subject", "bridge"),
    ("kind", "SERVICE"),
    ("roles", "AGENT"),
    ("roles", "REVIEWER"),
    ("groups", "chat\r\n\r\n ops "),
    ("permissions", "DECIDE_FOR_OTHERS"),
    ("permissions", "ASK_FOR_OTHERS"),
    ("decides_for_issuers", "https://idp.example"),
    ("decides_for_groups", "finance"),
    ("ttl", "2"),
    ("ttl_unit", "hours"),
    ("comment", "for <b>chat</b>"),
    ("key", "k1"),
];

/// The secret on a page.
fn secret(page: &Page) -> Option<String> {
    let (_, rest) = page.body.split_once("signoff_")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))?;
    Some(format!("signoff_{}", &rest[..end]))
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let page = world.post(&person, "/tokens/new", &EVERY_FIELD).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert!(!page.headers.contains_key(header::LOCATION) && !page.headers.contains_key(header::SET_COOKIE));
    let secret = secret(&page).unwrap();
    assert_eq!(page.body.matches(&secret).count(), 1);
    page.assert_has(&["It is shown once", "for &lt;b&gt;chat&lt;/b&gt;"]);

    let tokens = world.store.tokens().await.unwrap();
    assert_eq!(tokens.len(), 1);
    let token = &tokens[0];
    assert_eq!(token.secret, crate::domain::SecretHash::of(&secret));
    assert_eq!(token.ttl(), Some(Duration::from_secs(7_200)));
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    assert_eq!(
        token.grant,
        Grant {
            kind: ActorKind::Service,
            subject: "bridge".into(),
            roles: [Role::Agent, Role::Reviewer].into(),
            groups: names(&["chat", "ops"]),
            on_behalf_of: None,
            permissions: [Permission::AskForOthers, Permission::DecideForOthers].into(),
            decides_for: DecidesFor { issuers: names(&["https://idp.example"]), groups: names(&["finance"]) },
            comment: "for <b>chat</b>".into(),
        }
    );

    // The browser sends the form again when the page is reloaded.
    let again = world.post(&person, "/tokens/new", &EVERY_FIELD).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.assert_has(&["This token was created before", &format!("/tokens/{}/revoke", token.id)]);
    let mut other = EVERY_FIELD;
    other[0].1 = "another";
    let changed = world.post(&person, "/tokens/new", &other).await;
    assert_eq!(changed.status, StatusCode::CONFLICT);
    changed.assert_has(&["This form created another token before", "value=\"another\""]);
    assert_ne!(changed.hidden("key"), "k1");
    assert_eq!(world.store.tokens().await.unwrap().len(), 1);
    let revoke = format!("/tokens/{}/revoke", token.id);
    for page in [again, changed, world.get(&person, "/tokens").await, world.get(&person, &revoke).await] {
        assert!(!page.body.contains(&secret));
    }
}

#[tokio::test]
async fn every_problem_is_at_its_field_and_the_input_is_kept() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let fields = [
        ("kind", "ROBOT"),
        ("groups", "a\u{200b}b"),
        ("permissions", "DECIDE_ALONE"),
        ("on_behalf_of_issuer", "https://idp"),
        ("ttl", "soon"),
        ("ttl_unit", "days"),
        ("comment", "kept"),
    ];
    let page = world.post(&person, "/tokens/new", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for field in ["subject", "kind", "roles", "groups", "permissions", "on_behalf_of_subject", "ttl"] {
        page.assert_has(&[&format!("<li><a href=\"#{field}\">")]);
    }
    page.assert_has(&[
        "value=\"DECIDE_ALONE\" checked",
        "value=\"https://idp\"",
        "value=\"soon\"",
        ">\nkept</textarea>",
    ]);
    assert_eq!(world.store.tokens().await.unwrap(), []);
}

#[tokio::test]
async fn revoking_is_confirmed() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    let id = create(&world, "bot").await;
    let path = format!("/tokens/{id}/revoke");
    world.get(&person, &path).await.assert_has(&["Revoke this token?", "bot", "cannot be made valid again"]);
    let state = || world.desk.tokens.get(&operator(), id).unwrap().revoked;
    assert_eq!(state(), None);
    for _ in 0..2 {
        assert_eq!(world.post(&person, &path, &[]).await.location(), "/tokens?which=all&done=revoked");
    }
    assert!(state().is_some());
    world.get(&person, "/tokens").await.assert_has(&["No token is active."]);
    world
        .get(&person, "/tokens?which=all&done=revoked")
        .await
        .assert_has(&["Revoked by", "Every call with this token"]);
    world.get(&person, &path).await.assert_has(&["This token was revoked before."]);
    for id in ["x", "01890000-0000-7000-8000-000000000000"] {
        assert_eq!(world.get(&person, &format!("/tokens/{id}/revoke")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_list_has_pages() {
    let world = World::new().await;
    let person = world.sign_in(&operator()).await;
    for n in 0..55 {
        create(&world, &format!("bot-{n}.")).await;
    }
    let page = world.get(&person, "/tokens").await;
    page.assert_has(&["bot-54.", "bot-5."]);
    assert!(!page.body.contains("bot-4."));
    let (_, rest) = page.body.split_once("href=\"/tokens?which=active&#38;page=").unwrap();
    let next = rest.split('"').next().unwrap();
    let page = world.get(&person, &format!("/tokens?which=active&page={next}")).await;
    page.assert_has(&["bot-4.", "bot-0."]);
    assert!(!page.body.contains("bot-5.") && !page.body.contains("&#38;page="), "{}", page.body);
    let wrong = world.get(&person, "/tokens?page=x").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

async fn create(world: &World, subject: &str) -> crate::domain::TokenId {
    let grant = Grant {
        kind: ActorKind::Agent,
        subject: subject.into(),
        roles: [Role::Agent].into(),
        groups: [].into(),
        on_behalf_of: None,
        permissions: [].into(),
        decides_for: DecidesFor::default(),
        comment: String::new(),
    };
    world.clock.advance(Duration::from_millis(10));
    world.desk.tokens.create(&operator(), NewToken { request_id: None, grant, ttl: None }).await.unwrap().0.id
}
