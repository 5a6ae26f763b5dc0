use serde_json::json;

use super::{
    provider::{Provider, Verifier},
    signing::{RSA, Signer, encode, message},
};
use crate::identity::oidc::{Algorithm, OidcConfig, Rejection, looks_like_jwt};

#[tokio::test]
async fn each_pinned_algorithm_is_accepted() {
    let (ec, ed) = (Signer::ec("ec"), Signer::ed("ed"));
    let provider = Provider::start(&[&RSA, &ec, &ed]).await;
    let verifier = Verifier::of(&provider);
    for signer in [&*RSA, &ec, &ed] {
        let token = signer.token(&verifier.claims());
        assert!(looks_like_jwt(&token));
        assert_eq!(verifier.accepts(&token).await.subject, "ada");
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_allowed_is_rejected_before_keys_are_fetched() {
    let provider = Provider::start(&[&RSA]).await;
    let verifier = Verifier::of(&provider);
    let claims = verifier.claims();
    for alg in ["none", "None", "HS256", "HS384", "HS512", "RS1", "PS256", "rs256", ""] {
        let header = json!({"alg": alg, "kid": RSA.kid});
        let unsigned = format!("{}.", message(&header, &claims));
        for token in [RSA.token_with(&header, &claims), unsigned] {
            assert_eq!(verifier.rejects(&token).await, Rejection::Algorithm, "{alg}");
        }
    }
    assert_eq!(provider.fetches(), 0);
}

#[tokio::test]
async fn the_public_key_is_not_an_hmac_secret() {
    let provider = Provider::start(&[&RSA]).await;
    let verifier = Verifier::of(&provider);
    let message = message(&json!({"alg": "HS256", "kid": RSA.kid}), &verifier.claims());
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, RSA.jwk().to_string().as_bytes());
    let token = format!("{message}.{}", encode(aws_lc_rs::hmac::sign(&secret, message.as_bytes())));
    assert_eq!(verifier.rejects(&token).await, Rejection::Algorithm);
}

#[tokio::test]
async fn a_key_verifies_only_its_own_signatures_with_its_own_algorithm() {
    let (ours, other, ed) = (Signer::ec("ours"), Signer::ec("other"), Signer::ed("ed"));
    let provider = Provider::start(&[&ours, &other, &ed]).await;
    let verifier = Verifier::of(&provider);
    let claims = verifier.claims();
    let swapped = ours.token_with(&json!({"alg": "ES256", "kid": "other"}), &claims);
    assert_eq!(verifier.rejects(&swapped).await, Rejection::Signature);
    for (alg, kid) in [("ES256", "ed"), ("EdDSA", "ours"), ("RS256", "ours")] {
        let unfit = ours.token_with(&json!({"alg": alg, "kid": kid}), &claims);
        assert_eq!(verifier.rejects(&unfit).await, Rejection::Algorithm, "{alg} {kid}");
    }

    let token = ours.token(&claims);
    verifier.accepts(&token).await;
    let parts: Vec<_> = token.split('.').collect();
    let promoted = encode(verifier.claims_with("sub", json!("root")).to_string());
    let changed = format!("{}.{promoted}.{}", parts[0], parts[2]);
    assert_eq!(verifier.rejects(&changed).await, Rejection::Signature);
}

#[tokio::test]
async fn keys_inside_a_token_are_ignored() {
    let (ours, theirs) = (Signer::ec("ours"), Signer::ec("ours"));
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let keys = format!("{}/keys", provider.issuer);
    let header = json!({"alg": "ES256", "kid": "ours", "jwk": theirs.jwk(), "jku": keys, "x5u": keys, "x5c": ["AA=="]});
    assert_eq!(verifier.rejects(&theirs.token_with(&header, &verifier.claims())).await, Rejection::Signature);
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn critical_extensions_and_other_types_are_rejected() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    for (name, value) in [("crit", json!(["b64"])), ("crit", json!(null)), ("typ", json!("logout+jwt"))] {
        let mut header = json!({"alg": "ES256", "kid": "ours"});
        header[name] = value;
        let token = ours.token_with(&header, &verifier.claims());
        assert_eq!(verifier.rejects(&token).await, Rejection::NotAJwt, "{header}");
    }
    for typ in ["JWT", "at+jwt", "application/at+JWT"] {
        let header = json!({"alg": "ES256", "kid": "ours", "typ": typ});
        verifier.accepts(&ours.token_with(&header, &verifier.claims())).await;
    }
}

#[tokio::test]
async fn weak_keys_and_keys_for_other_uses_are_ignored() {
    let (ec, ed) = (Signer::ec("ec"), Signer::ed("ed"));
    let (mut weak, mut encrypts, mut signs) = (RSA.jwk(), ec.jwk(), ed.jwk());
    weak["n"] = weak["n"].as_str().unwrap()[..340].into();
    encrypts["use"] = "enc".into();
    signs["key_ops"] = json!(["sign"]);
    let provider = Provider::start(&[]).await;
    let strange = [json!({"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}), json!({"kty": "XYZ"}), json!(7)];
    let keys: Vec<_> = [weak, encrypts, signs].into_iter().chain(strange).collect();
    provider.publish_set(&json!({"keys": keys}).to_string());
    let verifier = Verifier::of(&provider);
    for signer in [&*RSA, &ec, &ed] {
        assert_eq!(verifier.rejects(&signer.token(&verifier.claims())).await, Rejection::UnknownKey);
    }
}

#[tokio::test]
async fn a_token_may_leave_its_key_unnamed_only_when_there_is_one() {
    let (one, two) = (Signer::ec("one"), Signer::ec("two"));
    let provider = Provider::start(&[&one]).await;
    let verifier = Verifier::of(&provider);
    let token = one.token_with(&json!({"alg": "ES256"}), &verifier.claims());
    verifier.accepts(&token).await;
    provider.publish(&[&one, &two]);
    verifier.advance(599);
    verifier.accepts(&token).await;
    verifier.advance(1);
    assert_eq!(verifier.rejects(&token).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn malformed_tokens_are_rejected_without_a_fetch_of_keys() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let token = ours.token(&verifier.claims());
    let huge = ours.token(&verifier.claims_with("padding", json!("x".repeat(16 * 1024))));
    let broken = encode("{\"alg\":\"ES256\",");
    let twice = encode(r#"{"alg":"ES256","kid":"ours","kid":"other"}"#);
    let claims = token.split('.').nth(1).unwrap();
    for text in [
        "",
        ".",
        "..",
        "dev_agent_x",
        &huge,
        &format!("{broken}.{claims}.AAAA"),
        &format!("{twice}.{claims}.AAAA"),
        &format!("{token}.x"),
        &format!("{token}="),
        &format!("{token}\n"),
        token.rsplit_once('.').unwrap().0,
    ] {
        assert_eq!(verifier.rejects(text).await, Rejection::NotAJwt, "{} bytes", text.len());
    }
    assert_eq!(provider.fetches(), 0);
    for (end, _) in token.char_indices() {
        let refused = verifier.rejects(&token[..end]).await;
        assert!(matches!(refused, Rejection::NotAJwt | Rejection::Signature), "{refused}");
    }
    verifier.accepts(&token).await;
}

#[tokio::test]
async fn signed_claims_must_be_a_json_object() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    for claims in [json!([]), json!("x"), json!(null)] {
        assert_eq!(verifier.rejects(&ours.token(&claims)).await, Rejection::NotAJwt);
    }
}

#[tokio::test]
async fn debug_output_does_not_contain_the_token() {
    let ours = Signer::ec("ours");
    let provider = Provider::start(&[&ours]).await;
    let verifier = Verifier::of(&provider);
    let accepted = ours.token(&verifier.claims());
    let refused = ours.token(&verifier.claims_with("sub", json!("")));
    let verified = verifier.accepts(&accepted).await;
    let rejection = verifier.rejects(&refused).await;
    let printed = format!("{:?} {verified:?} {rejection:?} {rejection}", verifier.oidc);
    for part in accepted.split('.').chain(refused.split('.')) {
        assert!(!printed.contains(part), "{printed}");
    }
}

#[test]
fn only_algorithms_with_public_keys_can_be_named() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
    }
    for name in ["none", "HS256", "HS384", "HS512", "rs256", ""] {
        assert!(name.parse::<Algorithm>().is_err(), "{name}");
    }
}

#[test]
fn keys_come_only_over_https_or_loopback() {
    for (issuer, good) in [
        ("https://login.example/realms/a", true),
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000/a", true),
        ("http://localhost", true),
        ("http://login.example", false),
        ("http://127.0.0.1.example", false),
        ("https://user:password@login.example", false),
        ("ftp://127.0.0.1", false),
        ("login.example", false),
        ("", false),
    ] {
        assert_eq!(OidcConfig::new(issuer, "signoff").check().is_ok(), good, "{issuer}");
    }
    let none = OidcConfig { algorithms: Vec::new(), ..OidcConfig::new("https://login.example", "signoff") };
    assert!(none.check().is_err());
}
