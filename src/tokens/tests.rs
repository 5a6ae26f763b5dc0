//! Tokens on the in-memory store, with a manual clock.

use std::collections::BTreeSet;

use super::*;
use crate::{
    clock::ManualClock,
    control::Control,
    domain::{ActorKind, DecidesFor, Role, TokenState, samples::at},
    identity::{
        AccessDenied, AuthenticationMethod, Authenticator as _, CertificateRoles, CredentialVerifier, Credentials,
        RoleGroups, Unrecognised,
    },
    store::{MemoryStore, TokenStore as _},
    test_support::{operator, principal},
};

const LIMIT: usize = 4;
const HOUR: Duration = Duration::from_secs(3_600);

struct TokenFixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    tokens: Arc<Tokens>,
}

impl TokenFixture {
    async fn new() -> Self {
        Self::with_limit(LIMIT).await
    }

    async fn with_limit(limit: usize) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(at(0))));
        Self { tokens: Self::load(limit, &store, &clock).await, store, clock }
    }

    async fn load(limit: usize, store: &Arc<MemoryStore>, clock: &Arc<ManualClock>) -> Arc<Tokens> {
        let (store, clock) = (Arc::clone(store) as Arc<dyn Store>, Arc::clone(clock) as Arc<dyn Clock>);
        Tokens::load_up_to(limit, Control::new(store), clock).await.unwrap()
    }

    async fn create(&self, new: NewToken) -> Result<(Token, Secret), Error> {
        self.tokens.create(&operator(), new).await
    }

    async fn recognise(&self, secret: &Secret) -> Result<Arc<Principal>, Unrecognised> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let verifier = CredentialVerifier {
            tokens: self.tokens.registry(),
            dev: None,
            oidc: None,
            roles: RoleGroups::default(),
            certificates: CertificateRoles::default(),
            clock,
            newer: None,
        };
        verifier.authenticate(Credentials { bearer: Some(secret.reveal()), certificate: None }).await
    }

    async fn kept(&self) -> Vec<Token> {
        self.store.tokens().await.unwrap()
    }
}

fn new(subject: &str) -> NewToken {
    let grant = Grant {
        kind: ActorKind::Agent,
        subject: subject.into(),
        roles: [Role::Agent].into(),
        groups: BTreeSet::new(),
        on_behalf_of: None,
        decides_for: DecidesFor::default(),
        permissions: BTreeSet::new(),
        comment: String::new(),
    };
    NewToken { request_id: None, grant, ttl: None }
}

#[tokio::test]
async fn a_token_authenticates_its_owner_until_it_is_revoked() {
    let fixture = TokenFixture::new().await;
    let (token, secret) = fixture.create(new("a")).await.unwrap();
    assert_eq!(fixture.kept().await, std::slice::from_ref(&token));
    let caller = fixture.recognise(&secret).await.unwrap();
    assert_eq!((caller.actor.to_string().as_str(), caller.method), ("local/a", AuthenticationMethod::Token));
    assert!(!serde_json::to_string(&fixture.kept().await).unwrap().contains(&secret.reveal()[8..]));

    fixture.clock.advance(HOUR);
    let revoked = fixture.tokens.revoke(&operator(), token.id).await.unwrap();
    assert_eq!(revoked.revoked.as_ref().unwrap().at, at(3_600));
    assert!(caller.revocation.is_revoked());
    assert_eq!(fixture.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.tokens.revoke(&operator(), token.id).await, Ok(revoked)); // once
    let unknown = TokenId::new(uuid::Uuid::nil());
    assert_eq!(fixture.tokens.revoke(&operator(), unknown).await, Err(Error::NotFound(unknown)));
    // A restart knows it too.
    let again = TokenFixture { tokens: TokenFixture::load(LIMIT, &fixture.store, &fixture.clock).await, ..fixture };
    assert_eq!(again.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
}

#[tokio::test]
async fn a_token_expires() {
    let fixture = TokenFixture::new().await;
    let (token, secret) = fixture.create(NewToken { ttl: Some(HOUR), ..new("a") }).await.unwrap();
    assert!(fixture.tokens.any_active());
    fixture.clock.advance(HOUR - Duration::from_micros(1));
    assert_eq!(fixture.recognise(&secret).await.unwrap().expires_at, token.expires_at);
    fixture.clock.advance(Duration::from_micros(1));
    assert_eq!(fixture.recognise(&secret).await.unwrap_err(), Unrecognised::TokenExpired);
    assert!(!fixture.tokens.any_active());
}

#[tokio::test]
async fn a_request_id_creates_one_token() {
    let fixture = TokenFixture::new().await;
    let asked = NewToken { request_id: Some("r".into()), ttl: Some(HOUR), ..new("a") };
    let tries = (0..8).map(|_| fixture.create(asked.clone()));
    let results = futures_util::future::join_all(tries).await;
    let (token, _) = results.iter().find_map(|result| result.as_ref().ok()).unwrap();
    let again = Error::AlreadyCreated { request_id: "r".into(), id: token.id };
    assert_eq!(results.iter().filter(|result| result.as_ref().err() == Some(&again)).count(), 7);
    assert_eq!(fixture.kept().await, std::slice::from_ref(token));

    let others = [
        (NewToken { ttl: None, ..asked.clone() }, "ttl"),
        (NewToken { ttl: Some(HOUR * 2), ..asked.clone() }, "ttl"),
        (NewToken { grant: Grant { roles: [Role::Auditor].into(), ..asked.grant.clone() }, ..asked.clone() }, "roles"),
    ];
    for (other, field) in others {
        let reused = Error::RequestIdReused { request_id: "r".into(), id: token.id, field };
        assert_eq!(fixture.create(other).await.unwrap_err(), reused);
    }
    // Another operator's is another request.
    let other = principal(&[Role::Operator], ActorKind::Person, "other");
    fixture.tokens.create(&other, asked).await.unwrap();
}

#[tokio::test]
async fn the_first_token_to_expire_makes_room() {
    let fixture = TokenFixture::new().await;
    let (one, secret) = fixture.create(new("1")).await.unwrap();
    let (two, _) = fixture.create(NewToken { ttl: Some(HOUR * 3), ..new("2") }).await.unwrap();
    fixture.create(NewToken { ttl: Some(HOUR * 2), ..new("3") }).await.unwrap(); // the first to go
    let (four, _) = fixture.create(new("4")).await.unwrap();
    let full = Error::TooMany { limit: LIMIT };
    assert_eq!(fixture.create(new("5")).await.unwrap_err(), full);
    assert!(full.to_string().contains("4 tokens, its maximum"), "{full}");
    assert!(full.to_string().contains("authenticate by OpenID or client certificates, or remove tokens"), "{full}");
    fixture.clock.advance(HOUR);
    fixture.tokens.revoke(&operator(), one.id).await.unwrap();
    // A token that is only revoked stays: importing an older export would make it valid again.
    assert_eq!(fixture.create(new("5")).await.unwrap_err(), full);
    fixture.clock.advance(HOUR * 9);
    let (five, _) = fixture.create(new("5")).await.unwrap();
    let ids = |tokens: Vec<Token>| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(fixture.kept().await), [one.id, two.id, four.id, five.id]);
    let (six, _) = fixture.create(new("6")).await.unwrap();
    assert_eq!(ids(fixture.kept().await), [one.id, four.id, five.id, six.id]);
    assert_eq!(fixture.create(new("7")).await.unwrap_err(), full);
    assert_eq!(fixture.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
    let TokenPage { tokens: listed, more, .. } = fixture.tokens.list(&operator(), None, 9, true).unwrap();
    assert_eq!((ids(listed), more), (vec![six.id, five.id, four.id], false));
}

#[tokio::test]
async fn pages_fit_into_messages_of_clients() {
    const TOKENS: usize = 40;
    let fixture = TokenFixture::with_limit(TOKENS).await;
    for n in 0..TOKENS {
        let groups = (0..64).map(|group| format!("{n}-{group:é>500}")).collect();
        fixture.create(NewToken { grant: Grant { groups, ..new("a").grant }, ..new("a") }).await.unwrap();
    }
    let (mut before, mut pages, mut seen) = (None, 0, 0);
    loop {
        let TokenPage { tokens, more, .. } = fixture.tokens.list(&operator(), before, 1_000, false).unwrap();
        seen += tokens.len();
        pages += 1;
        before = tokens.last().map(|token| token.id);
        if !more {
            break;
        }
    }
    assert_eq!((pages, seen), (3, TOKENS));
}

#[tokio::test]
async fn the_last_use_is_stored() {
    let fixture = TokenFixture::new().await;
    let (token, secret) = fixture.create(new("a")).await.unwrap();
    fixture.create(new("unused")).await.unwrap();
    fixture.clock.advance(HOUR);
    fixture.recognise(&secret).await.unwrap();
    let used = Token { last_used_at: Some(at(3_600)), ..token.clone() };
    assert_eq!(fixture.tokens.registry().get(token.id), Some(used.clone()));
    assert_eq!(fixture.kept().await[0], token); // the call itself does not write
    fixture.tokens.keep_uses().await.unwrap();
    assert_eq!(fixture.kept().await[0], used);
    assert_eq!(fixture.kept().await[1].last_used_at, None);
    // Revoking keeps the last use.
    let revoked = fixture.tokens.revoke(&operator(), token.id).await.unwrap();
    assert_eq!((revoked.last_used_at, revoked.state(at(3_601))), (Some(at(3_600)), TokenState::Revoked));
}

/// A revoked caller can do nothing, even with a call that started before.
#[tokio::test]
async fn a_revoked_caller_changes_nothing() {
    let (fixture, mallory) = (TokenFixture::new().await, operator());
    let (token, _) = fixture.create(new("a")).await.unwrap();
    mallory.revocation.revoke();
    assert_eq!(fixture.tokens.create(&mallory, new("backdoor")).await.unwrap_err(), AccessDenied::Revoked.into());
    assert_eq!(fixture.tokens.revoke(&mallory, token.id).await.unwrap_err(), AccessDenied::Revoked.into());
    assert_eq!(fixture.kept().await, [token]);
}
