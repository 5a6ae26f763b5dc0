//! What holds for all pages of operators and auditors.

use super::*;
use crate::{
    domain::{ActorKind, DecidesFor, FreezeScope, Grant, NewToken, Role},
    store::{FreezeStore as _, PolicyStore as _, TokenStore as _},
    test_support::principal,
};

/// Paths, and the roles that see them.
const PAGES: [(&str, &[Role]); 12] = [
    ("/freezes", &[Role::Auditor, Role::Operator]),
    ("/freezes/new", &[Role::Operator]),
    ("/policy", &[Role::Reviewer, Role::Auditor, Role::Operator]),
    ("/policy/versions", &[Role::Reviewer, Role::Auditor, Role::Operator]),
    ("/policy/versions/1", &[Role::Reviewer, Role::Auditor, Role::Operator]),
    ("/policy/compare?from=0&to=1", &[Role::Reviewer, Role::Auditor, Role::Operator]),
    ("/policy/try", &[Role::Operator]),
    ("/policy/edit", &[Role::Operator]),
    ("/tokens", &[Role::Auditor, Role::Operator]),
    ("/tokens/new", &[Role::Operator]),
    ("/status", &[Role::Auditor, Role::Operator]),
    ("/deliveries", &[Role::Auditor, Role::Operator]),
];

/// A world with a freeze and a token, and the paths of their pages.
async fn world() -> (World, [String; 2]) {
    let world = World::new().await;
    let freeze = world.desk.admin.freeze(&operator(), FreezeScope::All, "why".into(), None).await.unwrap();
    let grant = Grant {
        kind: ActorKind::Agent,
        subject: "bot".into(),
        roles: [Role::Agent].into(),
        groups: [].into(),
        on_behalf_of: None,
        permissions: [].into(),
        decides_for: DecidesFor::default(),
        comment: String::new(),
    };
    let (token, _) =
        world.desk.tokens.create(&operator(), NewToken { request_id: None, grant, ttl: None }).await.unwrap();
    let paths = [format!("/freezes/{}/thaw", freeze.id), format!("/tokens/{}/revoke", token.id)];
    (world, paths)
}

/// Everything on record that these pages can change.
async fn record(world: &World) -> String {
    let store = &world.store;
    let (freezes, tokens) = (store.freezes().await.unwrap(), store.tokens().await.unwrap());
    format!("{freezes:?} {tokens:?} {:?}", store.policies(None, 100).await.unwrap())
}

#[tokio::test]
async fn what_one_may_not_see_does_not_exist() {
    let (world, details) = world().await;
    let details = details.iter().map(|path| (path.as_str(), [Role::Operator].as_slice()));
    let pages: Vec<_> = PAGES.into_iter().chain(details).collect();
    for role in [Role::Reviewer, Role::Auditor, Role::Operator] {
        let person = world.sign_in(&principal(&[role], ActorKind::Person, role.name())).await;
        let nowhere = world.get(&person, "/policy/versions/none").await;
        for (path, roles) in &pages {
            let page = world.get(&person, path).await;
            if roles.contains(&role) {
                assert_eq!(page.status, StatusCode::OK, "{role} {path}: {}", page.body);
            } else {
                assert_eq!((page.status, &page.body), (StatusCode::NOT_FOUND, &nowhere.body), "{role} {path}");
            }
        }
    }
}

#[tokio::test]
async fn others_cannot_submit_the_forms() {
    let (world, [thaw, revoke]) = world().await;
    let before = record(&world).await;
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("/freezes/new", &[("scope", "all"), ("step", "do"), ("key", "k")]),
        (&thaw, &[]),
        (&revoke, &[]),
        ("/tokens/new", &[("subject", "x"), ("kind", "AGENT"), ("roles", "AGENT")]),
        ("/policy/edit", &[("yaml", "tools: [x]"), ("expected", "1"), ("step", "do")]),
    ];
    for role in [Role::Reviewer, Role::Auditor] {
        let person = world.sign_in(&principal(&[role], ActorKind::Person, role.name())).await;
        for (path, fields) in forms {
            assert_eq!(world.post(&person, path, fields).await.status, StatusCode::NOT_FOUND, "{role} {path}");
        }
    }
    // A form of another site does not know the session's token.
    let person = world.sign_in(&operator()).await;
    for (path, fields) in forms {
        let page = world.post_fields(&person, path, &form(fields.iter().copied())).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(record(&world).await, before);
    // The same forms work for an operator.
    for (path, fields) in forms {
        let page = world.post(&person, path, fields).await;
        assert!(page.status == StatusCode::SEE_OTHER || page.status == StatusCode::OK, "{path}: {}", page.body);
    }
    assert_ne!(record(&world).await, before);
}

#[tokio::test]
async fn looking_changes_nothing() {
    let (world, [thaw, revoke]) = world().await;
    let person = world.sign_in(&operator()).await;
    let before = record(&world).await;
    let with_fields = [
        "/freezes/new?scope=all&step=do&key=k".to_owned(),
        "/tokens/new?subject=x&kind=AGENT&roles=AGENT&key=k".to_owned(),
        "/policy/edit?yaml=tools:%20%5Bx%5D&expected=1&step=do".to_owned(),
        format!("{thaw}?step=do"),
        format!("{revoke}?step=do"),
    ];
    for path in PAGES.iter().map(|(path, _)| (*path).to_owned()).chain(with_fields).chain([thaw, revoke]) {
        for method in ["GET", "HEAD"] {
            let page = world.send(person.request(method, &path).body(Body::empty()).unwrap()).await;
            assert_eq!(page.status, StatusCode::OK, "{method} {path}");
            assert_eq!(page.headers[header::CACHE_CONTROL], "no-store", "{path}");
        }
    }
    assert_eq!(record(&world).await, before);
}

#[tokio::test]
async fn the_status_has_every_figure() {
    let (world, _) = world().await;
    world.clock.advance(Duration::from_secs(7_500));
    let person = world.sign_in(&operator()).await;
    world.ask("pay", json!({})).await;
    let page = world.get(&person, "/status").await;
    page.assert_has(&["Serving", env!("CARGO_PKG_VERSION"), "2 hours 5 minutes", "All calls", "none: operators set"]);
}
