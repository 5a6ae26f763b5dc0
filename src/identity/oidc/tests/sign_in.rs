use std::{path::Path, sync::Arc};

use http::{HeaderMap, header::COOKIE};
use serde_json::{Value, json};

use super::{
    codes::parameters,
    provider::{AUDIENCE, Provider, Verifier},
    signing::Signer,
};
use crate::{
    clock::{Clock, ManualClock},
    domain::{ActorKind, Role},
    identity::{
        AuthenticationMethod, RoleGroups,
        oidc::{
            ATTEMPT_TIME, Answer, Begun, Denial, IdTokenError, OidcConfig, Rejection, SignIn, SignInConfig,
            SignInError, SignedIn,
        },
    },
    telemetry::{Format, test_logs::capture},
};

const CLIENT: &str = "desk";

/// A desk, and the provider at which people sign in.
struct Desk {
    provider: Provider,
    signer: Signer,
    verifier: Verifier,
    sign_in: SignIn,
}

/// The cookies that a browser keeps.
#[derive(Clone, Default)]
struct Browser(Vec<(String, String)>);

impl Browser {
    fn headers(&self) -> HeaderMap {
        self.0.iter().map(|(name, value)| (COOKIE, format!("{name}={value}").parse().unwrap())).collect()
    }

    fn receives(&mut self, cookies: impl IntoIterator<Item = String>) {
        for cookie in cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(kept, _)| kept != name);
            if !cookie.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

impl Desk {
    async fn start() -> Self {
        Self::with_secret(None).await
    }

    async fn with_secret(client_secret_file: Option<&Path>) -> Self {
        let signer = Signer::ec("ours");
        let provider = Provider::start(&[&signer]).await;
        let verifier = Verifier::new(OidcConfig::new(&provider.issuer, AUDIENCE));
        let config = SignInConfig {
            client_id: CLIENT.into(),
            client_secret_file: client_secret_file.map(Path::to_owned),
            scopes: "openid groups".into(),
            public_url: "https://desk.example".parse().unwrap(),
        };
        let roles = RoleGroups { reviewer: vec!["finance".into()], ..RoleGroups::default() };
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&verifier.clock);
        let sign_in = SignIn::new(config, Arc::clone(&verifier.oidc), roles, &clock).unwrap();
        Self { provider, signer, verifier, sign_in }
    }

    /// The URL to which a browser is sent.
    async fn begin(&self, browser: &mut Browser) -> String {
        let Begun { url, cookies } = self.sign_in.begin("/approvals/7", &browser.headers()).await.unwrap();
        browser.receives(cookies);
        url
    }

    fn agree(&self, url: &str, changes: Value) -> Answer {
        self.provider.agree(url, &self.signer, self.verifier.now(), changes)
    }

    async fn finish(&self, browser: &mut Browser, answer: &Answer) -> Result<SignedIn, SignInError> {
        let finished = self.sign_in.finish(answer, &browser.headers()).await;
        browser.receives(finished.cookie);
        finished.result
    }

    /// A whole sign-in, with changes to the claims of the ID token.
    async fn signs_in(&self, changes: Value) -> Result<SignedIn, SignInError> {
        let mut browser = Browser::default();
        let url = self.begin(&mut browser).await;
        let answer = self.agree(&url, changes);
        let result = self.finish(&mut browser, &answer).await;
        assert!(browser.0.is_empty(), "the sign-in's cookie is gone");
        result
    }

    fn redemptions(&self) -> usize {
        self.provider.codes(|codes| codes.redemptions)
    }
}

#[tokio::test]
async fn a_person_signs_in_with_the_roles_of_the_groups() {
    let desk = Desk::start().await;
    let mut browser = Browser::default();
    let url = desk.begin(&mut browser).await;
    let sent = parameters(&url);
    assert!(url.starts_with(&format!("{}/authorize?", desk.provider.issuer)), "{url}");
    for (name, value) in [
        ("client_id", CLIENT),
        ("redirect_uri", "https://desk.example/sign-in/openid/callback"),
        ("scope", "openid groups"),
    ] {
        assert_eq!(sent[name], value);
    }
    assert_eq!(sent.len(), 8, "{sent:?}");
    assert_eq!(browser.0.len(), 1);
    let answer = desk.agree(&url, json!({}));
    let SignedIn { principal, next } = desk.finish(&mut browser, &answer).await.unwrap();
    assert_eq!(principal.actor.to_string(), format!("{}/ada", desk.provider.issuer));
    assert_eq!((principal.actor.kind, principal.method), (ActorKind::Person, AuthenticationMethod::Oidc));
    assert_eq!((principal.roles, principal.groups), ([Role::Reviewer].into(), ["finance".to_owned()].into()));
    assert_eq!(principal.authenticated_at.timestamp(), desk.verifier.now() - 100);
    assert_eq!(principal.expires_at, None, "the ID token's expiry does not end the session");
    assert_eq!((next.as_str(), browser.0.len()), ("/approvals/7", 0));
}

#[tokio::test]
async fn an_answer_without_its_browser_is_worth_nothing() {
    let desk = Desk::start().await;
    let (mut browser, mut thief) = (Browser::default(), Browser::default());
    let url = desk.begin(&mut browser).await;
    desk.begin(&mut thief).await;
    let answer = desk.agree(&url, json!({}));
    let state = answer.state.clone().unwrap();
    // Without a cookie, as after a forged link to the callback; and with that of another sign-in.
    for other in [&mut Browser::default(), &mut thief] {
        let refused = desk.finish(other, &answer).await.unwrap_err();
        assert!(matches!(refused, SignInError::NoAttempt), "{refused}");
    }
    for state in [None, Some(String::new()), Some(state.to_lowercase()), Some(state[..10].to_owned())] {
        let refused = desk.finish(&mut browser, &Answer { state, ..answer.clone() }).await.unwrap_err();
        assert!(matches!(refused, SignInError::NoAttempt), "{refused}");
    }
    assert_eq!((desk.redemptions(), thief.0.len()), (0, 1), "no code was sent, no cookie removed");
    desk.finish(&mut browser, &answer).await.unwrap();
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_with_its_own_verifier() {
    let desk = Desk::start().await;
    let mut browser = Browser::default();
    let (one, two) = (desk.begin(&mut browser).await, desk.begin(&mut browser).await);
    let (one, two) = (desk.agree(&one, json!({})), desk.agree(&two, json!({})));
    let mut copy = browser.clone();
    // The code of one tab with the state of another: the provider compares the verifier with the challenge.
    let mixed = Answer { code: two.code.clone(), ..one.clone() };
    let refused = desk.finish(&mut browser, &mixed).await.unwrap_err();
    assert!(matches!(refused, SignInError::CodeRejected), "{refused}");
    assert!(!refused.to_string().contains("raw text"), "{refused}");
    desk.finish(&mut copy, &one).await.unwrap();
}

#[tokio::test]
async fn a_kept_cookie_does_not_redeem_a_code_again() {
    let desk = Desk::start().await;
    let mut browser = Browser::default();
    let url = desk.begin(&mut browser).await;
    let (answer, mut kept) = (desk.agree(&url, json!({})), browser.clone());
    desk.finish(&mut browser, &answer).await.unwrap();
    assert!(matches!(desk.finish(&mut browser, &answer).await, Err(SignInError::NoAttempt)));
    assert!(matches!(desk.finish(&mut kept, &answer).await, Err(SignInError::CodeRejected)));
}

#[tokio::test]
async fn tabs_sign_in_side_by_side() {
    let desk = Desk::start().await;
    let mut browser = Browser::default();
    let mut urls = Vec::new();
    for _ in 0..6 {
        urls.push(desk.begin(&mut browser).await);
        desk.verifier.advance(1);
    }
    assert_eq!(browser.0.len(), 5, "the oldest gave way");
    let oldest = desk.agree(&urls[0], json!({}));
    assert!(matches!(desk.finish(&mut browser, &oldest).await, Err(SignInError::NoAttempt)));
    for url in urls.iter().skip(1).rev() {
        let answer = desk.agree(url, json!({}));
        desk.finish(&mut browser, &answer).await.unwrap();
    }
    assert!(browser.0.is_empty());
}

#[tokio::test]
async fn a_sign_in_ends_after_ten_minutes() {
    let desk = Desk::start().await;
    for (seconds, good) in [(599, true), (600, false)] {
        let mut browser = Browser::default();
        let url = desk.begin(&mut browser).await;
        desk.verifier.advance(seconds);
        let answer = desk.agree(&url, json!({}));
        let result = desk.finish(&mut browser, &answer).await;
        assert_eq!(result.is_ok(), good, "{result:?}");
        assert!(good || matches!(result, Err(SignInError::Expired)), "{result:?}");
    }
    assert_eq!(ATTEMPT_TIME.as_secs(), 600);
}

#[tokio::test]
async fn an_id_token_is_for_this_client_and_this_sign_in() {
    use IdTokenError::{AuthorizedParty, Nonce, Rejected};
    let desk = Desk::start().await;
    let (other, us) = (desk.begin(&mut Browser::default()).await, json!([CLIENT, "other"]));
    let now = desk.verifier.now();
    for (changes, expected) in [
        (json!({"nonce": parameters(&other)["nonce"]}), Nonce),
        (json!({"nonce": null}), Nonce),
        (json!({"nonce": ""}), Nonce),
        (json!({"nonce": ["a"]}), Nonce),
        (json!({"aud": "other"}), Rejected(Rejection::Audience)),
        // A bearer token for the API is not an ID token.
        (json!({"aud": AUDIENCE}), Rejected(Rejection::Audience)),
        (json!({"aud": us}), AuthorizedParty),
        (json!({"aud": us, "azp": "other"}), AuthorizedParty),
        (json!({"azp": "other"}), AuthorizedParty),
        (json!({"azp": [CLIENT]}), AuthorizedParty),
        (json!({"iss": "https://other.example"}), Rejected(Rejection::Issuer)),
        (json!({"exp": now - 60}), Rejected(Rejection::Expired)),
        (json!({"exp": null}), Rejected(Rejection::Claims("exp"))),
        (json!({"iat": now + 61}), Rejected(Rejection::NotYetValid)),
        (json!({"sub": ""}), Rejected(Rejection::Claims("sub"))),
    ] {
        match desk.signs_in(changes.clone()).await {
            Err(SignInError::IdToken(rejection)) => assert_eq!(rejection, expected, "{changes}"),
            result => panic!("{changes}: {result:?}"),
        }
    }
    for changes in [json!({"aud": us, "azp": CLIENT}), json!({"azp": CLIENT}), json!({"aud": [CLIENT]})] {
        desk.signs_in(changes).await.unwrap();
    }
}

#[tokio::test]
async fn other_tokens_are_not_id_tokens() {
    let desk = Desk::start().await;
    let stranger = Signer::ec("ours");
    for (typ, signer, expected) in [
        ("at+jwt", &desk.signer, Rejection::NotAJwt),
        ("application/at+jwt", &desk.signer, Rejection::NotAJwt),
        ("logout+jwt", &desk.signer, Rejection::NotAJwt),
        ("JWT", &stranger, Rejection::Signature),
    ] {
        let mut browser = Browser::default();
        let url = desk.begin(&mut browser).await;
        let mut claims = desk.verifier.claims_with("aud", json!(CLIENT));
        claims["nonce"] = parameters(&url)["nonce"].as_str().into();
        let token = signer.token_with(&json!({"alg": "ES256", "kid": "ours", "typ": typ}), &claims);
        let answer = desk.provider.agree_with(&url, token);
        match desk.finish(&mut browser, &answer).await {
            Err(SignInError::IdToken(IdTokenError::Rejected(rejection))) => assert_eq!(rejection, expected, "{typ}"),
            result => panic!("{typ}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn answers_of_other_providers_are_not_used() {
    for announced in [true, false] {
        let desk = Desk::start().await;
        desk.provider.announce("authorization_response_iss_parameter_supported", json!(announced));
        let ours = Some(desk.provider.issuer.clone());
        let slash = ours.as_ref().map(|issuer| format!("{issuer}/"));
        for (iss, good) in
            [(ours, true), (None, !announced), (slash, false), (Some("https://evil.example".into()), false)]
        {
            let mut browser = Browser::default();
            let url = desk.begin(&mut browser).await;
            let before = desk.redemptions();
            let answer = Answer { iss: iss.clone(), ..desk.agree(&url, json!({})) };
            let result = desk.finish(&mut browser, &answer).await;
            assert_eq!(result.is_ok(), good, "{iss:?} {announced}");
            assert!(good || matches!(result, Err(SignInError::OtherIssuer)), "{result:?}");
            assert_eq!(desk.redemptions() - before, usize::from(good), "the code goes only to its provider");
        }
    }
}

#[tokio::test]
async fn an_error_of_the_provider_is_explained_and_not_repeated() {
    let desk = Desk::start().await;
    for (error, denial) in [
        ("access_denied", Denial::AccessDenied),
        ("login_required", Denial::Interaction),
        ("invalid_scope", Denial::Scope),
        ("unauthorized_client", Denial::Client),
        ("server_error", Denial::Temporary),
        ("<script>alert(1)</script>", Denial::Other),
        ("", Denial::Other),
    ] {
        let mut browser = Browser::default();
        let url = desk.begin(&mut browser).await;
        // A code beside an error is not used.
        let answer = Answer { error: Some(error.into()), ..desk.agree(&url, json!({})) };
        let refused = desk.finish(&mut browser, &answer).await.unwrap_err();
        assert!(matches!(refused, SignInError::Denied(found) if found == denial), "{error}: {refused}");
        assert!(!refused.to_string().contains("script") && browser.0.is_empty());
    }
    let mut browser = Browser::default();
    let url = desk.begin(&mut browser).await;
    let answer = Answer { code: None, ..desk.agree(&url, json!({})) };
    assert!(matches!(desk.finish(&mut browser, &answer).await, Err(SignInError::NoCode)));
    assert_eq!(desk.redemptions(), 0);
}

#[tokio::test]
async fn programs_and_people_without_a_role_do_not_sign_in() {
    let desk = Desk::start().await;
    for service in
        [json!({"gty": "client-credentials"}), json!({"idtyp": "app"}), json!({"sub": CLIENT, "azp": CLIENT})]
    {
        let result = desk.signs_in(service).await;
        assert!(matches!(result, Err(SignInError::NotAPerson)), "{result:?}");
    }
    for (change, expected) in [(json!({"groups": ["staff"]}), vec!["staff"]), (json!({"groups": null}), vec![])] {
        match desk.signs_in(change).await {
            Err(SignInError::NoRole { groups, claim }) => {
                assert_eq!((groups, &*claim), (expected.iter().map(|group| (*group).to_owned()).collect(), "groups"))
            }
            result => panic!("{result:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_with_a_secret_authenticates_as_the_provider_supports() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    for methods in [json!(["client_secret_basic", "client_secret_post"]), json!(["client_secret_post"])] {
        std::fs::write(&file, "s3cret\n").unwrap();
        let desk = Desk::with_secret(Some(&file)).await;
        desk.provider.announce("token_endpoint_auth_methods_supported", methods.clone());
        desk.provider.codes(|codes| codes.secret = Some("s3cret".into()));
        desk.signs_in(json!({})).await.unwrap();
        // A new secret is used without a restart.
        desk.provider.codes(|codes| codes.secret = Some("new".into()));
        assert!(matches!(desk.signs_in(json!({})).await, Err(SignInError::ClientRejected)), "{methods}");
        std::fs::write(&file, "new").unwrap();
        desk.signs_in(json!({})).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(desk.signs_in(json!({})).await, Err(SignInError::ClientSecret(_))), "{methods}");
    }
}

#[tokio::test]
async fn a_token_endpoint_may_answer_anything() {
    let desk = Desk::start().await;
    for (status, body) in [
        ("200 OK", "{}"),
        ("200 OK", "{\"id_token\": null}"),
        ("200 OK", "[]"),
        ("200 OK", ""),
        ("302 Found", ""),
        ("400 Bad Request", "{\"error\": \"<b>\"}"),
        ("500 Internal Server Error", "no JSON"),
    ] {
        desk.provider.codes(|codes| codes.answer = Some((status, body.to_owned())));
        let result = desk.signs_in(json!({})).await.unwrap_err();
        assert!(matches!(result, SignInError::NoIdToken | SignInError::Unavailable), "{status} {body}: {result}");
    }
    let huge = "x".repeat(17 * 1024);
    desk.provider.codes(|codes| codes.answer = Some(("200 OK", json!({"id_token": huge}).to_string())));
    let result = desk.signs_in(json!({})).await.unwrap_err();
    assert!(matches!(result, SignInError::IdToken(IdTokenError::Rejected(Rejection::NotAJwt))), "{result}");
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_again_after_a_while() {
    let desk = Desk::start().await;
    desk.provider.set_down(true);
    let begin = async || desk.sign_in.begin("/", &HeaderMap::new()).await;
    assert!(matches!(begin().await, Err(SignInError::Unavailable)));
    desk.provider.set_down(false);
    desk.verifier.advance(9);
    assert!(matches!(begin().await, Err(SignInError::Unavailable)), "many people do not ask it at once");
    desk.verifier.advance(1);
    for _ in 0..3 {
        begin().await.unwrap();
    }
    assert_eq!(desk.provider.discoveries(), 1);
    // What it said is used while it is down again.
    desk.provider.set_down(true);
    desk.verifier.advance(600);
    begin().await.unwrap();
    desk.provider.set_down(false);
    desk.provider.claim_issuer("https://evil.example");
    desk.verifier.advance(10);
    begin().await.unwrap();
    assert_eq!(desk.provider.discoveries(), 2);
}

#[tokio::test]
async fn few_codes_are_redeemed_at_the_same_time() {
    let desk = Desk::start().await;
    let taken = desk.sign_in.exchanges.try_acquire_many(32).unwrap();
    assert!(desk.sign_in.exchanges.try_acquire().is_err(), "32 is the limit");
    assert!(matches!(desk.signs_in(json!({})).await, Err(SignInError::Busy)));
    drop(taken);
    desk.signs_in(json!({})).await.unwrap();
}

#[tokio::test]
async fn no_code_token_or_cookie_is_logged() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "s3cret-of-the-client").unwrap();
    let desk = Desk::with_secret(Some(&file)).await;
    desk.provider.codes(|codes| codes.secret = Some("s3cret-of-the-client".into()));
    let (lines, _guard) = capture(Format::Text, "trace", None);
    let mut secrets = vec!["s3cret-of-the-client".to_owned()];
    let mut shown = String::new();
    for changes in [json!({}), json!({"nonce": "another"}), json!({"groups": []})] {
        let mut browser = Browser::default();
        let url = desk.begin(&mut browser).await;
        let answer = desk.agree(&url, changes);
        secrets.extend(["state", "nonce", "code_challenge"].map(|name| parameters(&url)[name].clone()));
        secrets.extend(browser.0.iter().map(|(_, value)| value.clone()));
        secrets.extend(answer.code.clone());
        let finished = desk.sign_in.finish(&answer, &browser.headers()).await;
        shown.push_str(&format!("{finished:?} {answer:?} {:?}", desk.sign_in));
    }
    let told = lines.text() + &shown;
    assert!(told.contains("signed in with OpenID") && told.contains("a sign-in with OpenID failed"), "{told}");
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret} in\n{told}");
    }
    assert!(!told.contains("eyJ"), "a token in\n{told}");
}
