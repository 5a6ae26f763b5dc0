use std::{
    fs::{self, File},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::json;

use super::{
    provider::{AUDIENCE, Provider, Verifier},
    signing::Signer,
};
use crate::{
    clock::ManualClock,
    domain::{Actor, Time},
    identity::{
        AuthenticationMethod, Principal,
        oidc::{KeySource, OidcConfig, Rejection, Verified, http::Client},
    },
};

const TEN_MINUTES: u64 = 600;
const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn keys_are_fetched_once_and_a_token_is_verified_once() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.claims());
    let first = verifier.accepts(&token).await;
    assert!(Arc::ptr_eq(&first, &verifier.accepts(&token).await));
    verifier.accepts(&ours.token(&verifier.claims_with("sub", json!("bob")))).await;
    assert_eq!(provider.fetches(), 1);
    verifier.advance(TEN_MINUTES);
    assert!(Arc::ptr_eq(&first, &verifier.accepts(&token).await), "the keys are still the same");
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn the_principal_is_created_once_per_verification() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let (ada, bob) = (ours.token(&verifier.lasting()), ours.token(&verifier.claims_with("sub", json!("bob"))));
    let made = AtomicUsize::new(0);
    let principal = |verified: &Verified| {
        made.fetch_add(1, Ordering::Relaxed);
        let (issuer, subject) = (verified.issuer.clone(), verified.subject.clone());
        let actor = Actor { kind: verified.kind, issuer, subject };
        Principal::new(actor, AuthenticationMethod::Oidc, verified.authenticated_at)
    };
    for (token, subject, times) in [(&ada, "ada", 1), (&ada, "ada", 1), (&bob, "bob", 2), (&ada, "ada", 2)] {
        let bearer = verifier.oidc.principal(token, principal).await.unwrap();
        assert_eq!((bearer.actor.subject.as_str(), made.load(Ordering::Relaxed)), (subject, times));
    }
    provider.publish(&[&ours, &Signer::ec("new")]);
    verifier.advance(TEN_MINUTES);
    verifier.oidc.principal(&ada, principal).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 3, "other keys verify it again");
    assert_eq!(verifier.oidc.principal("a.b.c", principal).await.unwrap_err(), Rejection::NotAJwt);
}

#[tokio::test]
async fn many_unknown_keys_trigger_one_fetch() {
    let (ours, new) = (Signer::ec("ours"), Signer::ec("new"));
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    verifier.accepts(&ours.token(&verifier.claims())).await;

    provider.publish(&[&ours, &new]);
    let storm = (0..200).map(|number| {
        let unknown = ours.token_with(&json!({"alg": "ES256", "kid": number.to_string()}), &verifier.claims());
        let oidc = Arc::clone(&verifier.oidc);
        tokio::spawn(async move { oidc.authenticate(&unknown).await })
    });
    let storm: Vec<_> = storm.collect();
    // A valid token among them.
    verifier.accepts(&new.token(&verifier.claims())).await;
    for refused in storm {
        assert_eq!(refused.await.unwrap().unwrap_err(), Rejection::UnknownKey);
    }
    assert_eq!(provider.fetches(), 2);

    let unknown = Signer::ec("unknown").token(&verifier.claims());
    verifier.advance(9);
    assert_eq!(verifier.rejects(&unknown).await, Rejection::UnknownKey);
    assert_eq!(provider.fetches(), 2);
    verifier.advance(1);
    assert_eq!(verifier.rejects(&unknown).await, Rejection::UnknownKey);
    assert_eq!(provider.fetches(), 3);
}

#[tokio::test]
async fn a_new_key_is_found_immediately() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let provider = Provider::start(&[&old]).await;
    let verifier = Verifier::of(&provider);
    let of_old = old.token(&verifier.claims());
    verifier.accepts(&of_old).await;
    provider.publish(&[&new]);
    verifier.accepts(&new.token(&verifier.claims())).await;
    assert_eq!(verifier.rejects(&of_old).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn tokens_of_a_removed_or_replaced_key_are_rejected() {
    let (kept, gone) = (Signer::ec("kept"), Signer::ec("gone"));
    let provider = Provider::start(&[&kept, &gone]).await;
    let verifier = Verifier::of(&provider);
    let (of_kept, of_gone) = (kept.token(&verifier.lasting()), gone.token(&verifier.lasting()));
    verifier.accepts(&of_kept).await;
    verifier.accepts(&of_gone).await;

    provider.publish(&[&kept]);
    verifier.advance(TEN_MINUTES);
    verifier.accepts(&of_kept).await;
    assert_eq!(verifier.rejects(&of_gone).await, Rejection::UnknownKey);

    provider.publish(&[&Signer::ec("kept")]);
    verifier.advance(TEN_MINUTES);
    assert_eq!(verifier.rejects(&of_kept).await, Rejection::Signature);

    provider.publish(&[]);
    verifier.advance(TEN_MINUTES);
    assert_eq!(verifier.rejects(&of_kept).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn keys_are_used_for_a_day_without_the_provider() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.lasting());
    verifier.accepts(&token).await;
    provider.set_down(true);
    for _ in 0..2 {
        verifier.advance(TEN_MINUTES);
        verifier.accepts(&token).await;
    }
    verifier.advance(DAY - 2 * TEN_MINUTES);
    verifier.accepts(&token).await;
    verifier.advance(1);
    assert_eq!(verifier.rejects(&token).await, Rejection::KeysUnavailable);
    provider.set_down(false);
    verifier.advance(10);
    verifier.accepts(&token).await;
}

#[tokio::test]
async fn an_invalid_set_changes_nothing() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.lasting());
    verifier.accepts(&token).await;
    for broken in ["", "{", "[]", "{\"keys\": {}}", &" ".repeat(1024 * 1024 + 1)] {
        provider.publish_set(broken);
        verifier.advance(TEN_MINUTES);
        verifier.accepts(&token).await;
    }
}

#[tokio::test]
async fn a_provider_that_never_responded_leaves_no_keys() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    provider.claim_issuer("https://login.example");
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.claims());
    assert_eq!(verifier.rejects(&token).await, Rejection::KeysUnavailable);
    assert_eq!(provider.fetches(), 0);
    provider.claim_issuer(&provider.issuer);
    assert_eq!(verifier.rejects(&token).await, Rejection::KeysUnavailable);
    verifier.advance(10);
    verifier.accepts(&token).await;
}

#[tokio::test]
async fn keys_may_be_at_another_url() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let keys = KeySource::Url(format!("{}/keys", provider.issuer));
    let verifier = Verifier::new(OidcConfig { keys, ..OidcConfig::new("kubernetes/serviceaccount", AUDIENCE) });
    verifier.accepts(&ours.token(&verifier.claims())).await;
}

#[tokio::test]
async fn nothing_is_fetched_from_insecure_urls() {
    let client = Client::new(Arc::new(ManualClock::new(Time::UNIX_EPOCH))).unwrap();
    for url in ["http://login.example/keys", "file:///etc/passwd", "/keys", "https://me@login.example/keys"] {
        assert!(client.get(url).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_file_is_reloaded_when_it_changes() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    // Sets the modification time: two writes may have the same timestamp.
    let write = |content: String, age: u64| {
        fs::write(&path, content).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(age);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    };
    let verifier = Verifier::of_file(&path);
    let (of_old, of_new) = (old.token(&verifier.lasting()), new.token(&verifier.lasting()));
    assert_eq!(verifier.rejects(&of_old).await, Rejection::KeysUnavailable);

    write(json!({"keys": [old.jwk()]}).to_string(), 1);
    verifier.advance(1);
    verifier.accepts(&of_old).await;

    write(json!({"keys": [new.jwk()]}).to_string(), 2);
    assert_eq!(verifier.rejects(&of_new).await, Rejection::UnknownKey);
    verifier.accepts(&of_old).await;
    verifier.advance(1);
    verifier.accepts(&of_new).await;
    assert_eq!(verifier.rejects(&of_old).await, Rejection::UnknownKey);

    write("{".to_owned(), 3);
    verifier.advance(1);
    verifier.accepts(&of_new).await;
    fs::remove_file(&path).unwrap();
    verifier.advance(DAY - 1);
    verifier.accepts(&of_new).await;
    verifier.advance(1);
    assert_eq!(verifier.rejects(&of_new).await, Rejection::KeysUnavailable);
}
