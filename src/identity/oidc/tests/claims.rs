use serde_json::{Value, json};

use super::{
    provider::{AUDIENCE, Provider, Verifier},
    signing::Signer,
};
use crate::{
    domain::{ActorKind, name::NameError},
    identity::oidc::{OidcConfig, OidcConfigError, Rejection, Verified, claims},
    telemetry::{Format, test_logs::capture},
};

/// Checks claims as if they had been signed.
fn judge(config: &OidcConfig, change: Value) -> Result<Verified, Rejection> {
    let mut claims = json!({"iss": config.issuer, "aud": AUDIENCE, "sub": "ada", "iat": 1_000, "exp": 2_000});
    let Value::Object(changes) = change else { panic!("an object") };
    for (name, value) in changes {
        claims[name] = value;
    }
    let now = chrono::DateTime::from_timestamp(1_500, 0).unwrap();
    claims::judge(claims.as_object().unwrap(), config, now)
}

fn config() -> OidcConfig {
    OidcConfig::new("https://login.example", AUDIENCE)
}

#[test]
fn a_token_must_be_ours_and_complete() {
    for (change, rejection) in [
        (json!({"iss": "https://login.example/"}), Rejection::Issuer),
        (json!({"iss": ["https://login.example"]}), Rejection::Issuer),
        (json!({"iss": null}), Rejection::Issuer),
        (json!({"aud": "signoff2"}), Rejection::Audience),
        (json!({"aud": ["other", "Signoff"]}), Rejection::Audience),
        (json!({"aud": []}), Rejection::Audience),
        (json!({"aud": null}), Rejection::Audience),
        (json!({"exp": null}), Rejection::Claims("exp")),
        (json!({"exp": "2000"}), Rejection::Claims("exp")),
        (json!({"exp": -1}), Rejection::Claims("exp")),
        (json!({"exp": 1e300}), Rejection::Claims("exp")),
        (json!({"iat": null}), Rejection::Claims("iat")),
        (json!({"nbf": "soon"}), Rejection::Claims("nbf")),
        (json!({"auth_time": []}), Rejection::Claims("auth_time")),
        (json!({"sub": null}), Rejection::Claims("sub")),
        (json!({"sub": 7}), Rejection::Claims("sub")),
        (json!({"sub": ""}), Rejection::Claims("sub")),
        (json!({"sub": "a\nb"}), Rejection::Name("sub", NameError::Invisible('\n'))),
        (json!({"sub": "ada\u{200b}"}), Rejection::Name("sub", NameError::Invisible('\u{200b}'))),
        (json!({"sub": "\u{202e}ada"}), Rejection::Name("sub", NameError::Invisible('\u{202e}'))),
        (json!({"sub": " ada"}), Rejection::Name("sub", NameError::OuterBlank)),
        (json!({"sub": "ada\u{3000}"}), Rejection::Name("sub", NameError::Invisible('\u{3000}'))),
        (json!({"sub": "é".repeat(257)}), Rejection::Claims("sub")),
    ] {
        assert_eq!(judge(&config(), change.clone()), Err(rejection), "{change}");
    }
    assert_eq!(judge(&config(), json!({"sub": "Jose\u{301}"})).unwrap().subject, "Jos\u{e9}");
    let told = judge(&config(), json!({"sub": "ada\u{200b}"})).unwrap_err().to_string();
    let rule = "control, invisible and unassigned characters are not allowed";
    assert_eq!(told, format!("the token's claim sub contains U+200B; {rule}"));
    for change in [json!({"aud": ["other", AUDIENCE]}), json!({"sub": "é".repeat(256)}), json!({"exp": 1e12})] {
        assert_eq!(judge(&config(), change.clone()).err(), None, "{change}");
    }
}

#[test]
fn an_issuer_must_be_a_valid_name() {
    for issuer in ["https://login.example\u{200b}", "https://login.example ", "\u{202e}https://login.example"] {
        let wrong = OidcConfig::new(issuer, AUDIENCE).check();
        assert!(matches!(wrong, Err(OidcConfigError::Issuer(_))), "{issuer:?}: {wrong:?}");
    }
    assert!(config().check().is_ok());
}

#[test]
fn times_are_judged_with_a_minute_of_skew() {
    for (change, rejection) in [
        (json!({"exp": 1_441}), None),
        (json!({"exp": 1_440}), Some(Rejection::Expired)),
        (json!({"exp": 1_440.5}), None),
        (json!({"nbf": 1_560}), None),
        (json!({"nbf": 1_561}), Some(Rejection::NotYetValid)),
        (json!({"iat": 1_561}), Some(Rejection::NotYetValid)),
        (json!({"auth_time": 1_561}), Some(Rejection::NotYetValid)),
    ] {
        assert_eq!(judge(&config(), change.clone()).err(), rejection, "{change}");
    }
    let verified = judge(&config(), json!({"auth_time": 900})).unwrap();
    assert_eq!(verified.authenticated_at.timestamp(), 900);
    assert_eq!(verified.expires_at.timestamp(), 2_060);
    assert_eq!(judge(&config(), json!({})).unwrap().authenticated_at.timestamp(), 1_000);
}

#[test]
fn groups_are_found_by_name_or_path_and_invalid_ones_ignored() {
    let groups = |path: &str, change: Value| {
        let config = OidcConfig { groups_claim: path.to_owned(), ..config() };
        judge(&config, change).unwrap().groups.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(groups("groups", json!({"groups": ["b", "a", "b"]})), ["a", "b"]);
    assert_eq!(groups("groups", json!({"groups": "one"})), ["one"]);
    assert_eq!(groups("realm_access.roles", json!({"realm_access": {"roles": ["a"]}})), ["a"]);
    assert_eq!(groups("https://x.example/groups", json!({"https://x.example/groups": ["a"]})), ["a"]);
    for absent in [json!({}), json!({"realm_access": 7}), json!({"realm_access": {"roles": {"a": true}}})] {
        assert_eq!(groups("realm_access.roles", absent), [""; 0]);
    }
    let unusable =
        json!(["", "a\u{0}b", "x".repeat(129), 7, null, ["a"], " a", "a\u{a0}", "a\u{2066}", "x".repeat(128)]);
    let (lines, _guard) = capture(Format::Text, "warn", None);
    assert_eq!(groups("groups", json!({"groups": unusable})), ["x".repeat(128)]);
    let told = lines.text();
    assert!(
        told.contains("ignored 9 invalid groups in a token's claim groups; the first, at 0, is empty or longer"),
        "{told}"
    );
    assert_eq!(groups("groups", json!({"groups": ["cafe\u{301}", "caf\u{e9}"]})), ["caf\u{e9}"]);
    let many: Vec<_> = (0..1_100).map(|number| number.to_string()).collect();
    assert_eq!(groups("groups", json!({"groups": many})).len(), 1_000);
}

#[test]
fn a_client_that_got_the_token_for_itself_is_a_service() {
    for (change, kind) in [
        (json!({}), ActorKind::Person),
        (json!({"client_id": "app", "azp": "app"}), ActorKind::Person),
        (json!({"client_id": "ada"}), ActorKind::Service),
        (json!({"azp": "ada"}), ActorKind::Service),
        (json!({"gty": "client-credentials"}), ActorKind::Service),
        (json!({"idtyp": "app"}), ActorKind::Service),
        (json!({"gty": "password", "idtyp": "user"}), ActorKind::Person),
    ] {
        assert_eq!(judge(&config(), change.clone()).unwrap().kind, kind, "{change}");
    }
}

#[tokio::test]
async fn a_cached_token_expires() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.claims());
    verifier.accepts(&token).await;
    verifier.advance(659);
    verifier.accepts(&token).await;
    verifier.advance(1);
    assert_eq!(verifier.rejects(&token).await, Rejection::Expired);
}
