//! One-tap links of the real server. No channel sends any here: the test puts the key into the store, and signs.

use std::{path::Path, sync::Arc};

use http::Method;
use signoff::{
    domain::{Actor, ActorKind, Choice, Digest, KeyPurpose, SigningKey, Time},
    identity::LinkToken,
    store::{self, StoreConfig},
};

use crate::{
    browser::Browser,
    calls::{ask, open},
    server::Server,
};

const KEY: SigningKey = SigningKey::new([42; 32]);

/// Stores the key of links while no server runs.
async fn put_key(data: &Path) {
    let store = store::open(&StoreConfig::existing_in_directory(data), Arc::new(())).await.expect("it opens");
    assert_eq!(store.signing_key(KeyPurpose::Links).await, Ok(None), "a server that sent no link has no key");
    store.keep_signing_key(KeyPurpose::Links, KEY).await.expect("kept");
    store.close().await;
}

#[tokio::test]
async fn a_link_from_a_message_decides_after_the_sign_in_and_is_never_logged() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("store");
    assert!(Server::start(&data, &[]).await.stop().await.success());
    put_key(&data).await;
    let server = Server::start(&data, &["log.filter=trace"]).await;
    let (_stream, approval) = open(&mut server.agent(), ask("r")).await.expect("asked");
    let reviewer = Actor { kind: ActorKind::Person, issuer: "dev".into(), subject: "reviewer".into() };
    let digest: Digest = approval.digest.parse().expect("a digest");
    let expires_at = Time::from_timestamp(4_000_000_000, 0).expect("a time");
    let of = (approval.id.parse().expect("an id"), digest);
    let token = LinkToken::new(&KEY, &reviewer, of, Choice::Approve, expires_at).expect("random numbers").sign(&KEY);

    let (origin, mut browser) = (format!("http://{}", server.address()), Browser::default());
    let link = format!("{origin}/links/{token}");
    // A program that looks at mail has no session, and some follow every link with every method.
    for (method, form) in [(Method::GET, None), (Method::HEAD, None), (Method::POST, Some("seen=1"))] {
        let sent_on = browser.send(method, &link, form).await;
        assert!(sent_on.status == 303 && sent_on.location().starts_with("/sign-in"), "{}", sent_on.text);
    }
    let asked = browser.get(&link).await;
    assert_eq!(asked.location(), format!("/sign-in?next=/links/{token}"));
    let signed_in = browser.sign_in(&origin, &server.tokens().reviewer, &format!("/links/{token}")).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, &*format!("/links/{token}")), "{}", signed_in.text);
    let page = browser.get(&link).await;
    assert!(page.status == 200 && page.text.contains("Approve this request?"), "{}", page.text);
    let form = format!("csrf={}&seen={}&comment=fine", page.hidden("csrf"), page.hidden("seen"));
    let decided = browser.send(Method::POST, &link, Some(&form)).await;
    assert_eq!(
        (decided.status, decided.location()),
        (303, &*format!("/approvals/{}", approval.id)),
        "{}",
        decided.text
    );
    let used = browser.get(&link).await;
    assert!(used.text.contains("You have used this link"), "{}", used.text);
    let log = server.log();
    assert!(!log.contains(&token), "a token in an address is never logged");
    assert!(!log.contains("KioqKioq"), "nor the key");
    assert!(server.stop().await.success());

    // An export has neither the key nor the token; a check counts the key.
    let exported =
        crate::server::signoff(&["export", "--data-dir", data.to_str().unwrap()]).output().await.expect("it runs");
    let exported = String::from_utf8(exported.stdout).expect("text");
    assert!(exported.contains("\"surface\":\"link\""), "{exported}");
    assert!(!exported.contains("KioqKioq") && !exported.contains(&token));
    let checked = crate::server::signoff(&["store", "check", "--data-dir", data.to_str().unwrap()])
        .output()
        .await
        .expect("it runs");
    let checked = String::from_utf8(checked.stdout).expect("text");
    assert!(checked.contains("1 signing keys"), "{checked}");
}
