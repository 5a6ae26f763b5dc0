//! Sessions and blocks on the in-memory store, with a manual clock.

use std::collections::BTreeSet;

use super::*;
use crate::{
    clock::{ManualClock, WallClock as _},
    control::Control,
    domain::{
        ActorKind, BlockError, DecidesFor, Grant, NewToken, Permission, SessionScope, Token,
        block_samples::{new_block, new_unblock, subject},
        samples::at,
    },
    identity::{
        AccessDenied, Authenticator as _, CertificateRoles, CredentialVerifier, Credentials, DevTokens, LOCAL_ISSUER,
        PeerCertificate, PresentedCertificate, Revocation, RoleGroups,
    },
    store::{BlockStore as _, MemoryStore, SessionStore as _},
    test_support::{operator, principal},
    tokens::Tokens,
};

const LIMIT: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

struct SessionFixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    tokens: Arc<Tokens>,
    sessions: Arc<Sessions>,
    settings: Settings,
}

impl SessionFixture {
    async fn new() -> Self {
        let issuer = Some("https://idp".to_owned());
        let settings = Settings { dev: true, issuer, ..Settings::default() };
        Self::over(Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(at(0))), settings).await
    }

    async fn over(store: Arc<MemoryStore>, clock: Arc<ManualClock>, settings: Settings) -> Self {
        let (kept, dated) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>);
        let tokens = Tokens::load(Control::new(kept), dated).await.unwrap();
        let (kept, dated) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>);
        let sessions =
            Sessions::load_up_to(LIMIT, Control::new(kept), dated, tokens.registry(), settings.clone()).await.unwrap();
        Self { store, clock, tokens, sessions, settings }
    }

    /// The same after a restart, with changed settings.
    async fn restarted(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Self::over(Arc::clone(&self.store), Arc::clone(&self.clock), settings).await
    }

    fn verifier(&self, dev: Option<DevTokens>) -> CredentialVerifier {
        CredentialVerifier {
            tokens: self.tokens.registry(),
            dev,
            oidc: None,
            roles: RoleGroups::default(),
            certificates: CertificateRoles { reviewer: vec!["DNS:desk".parse().unwrap()], ..Default::default() },
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            newer: None,
        }
    }

    async fn bearer(&self, secret: &str) -> Result<Arc<Principal>, Unrecognised> {
        self.verifier(None).authenticate(Credentials { bearer: Some(secret), certificate: None }).await
    }

    async fn token(&self, name: &str, ttl: Option<Duration>) -> (Token, Secret) {
        let grant = Grant {
            kind: ActorKind::Person,
            subject: name.into(),
            roles: [Role::Reviewer].into(),
            groups: ["finance".to_owned()].into(),
            on_behalf_of: None,
            permissions: BTreeSet::new(),
            decides_for: DecidesFor::default(),
            comment: String::new(),
        };
        self.tokens.create(&operator(), NewToken { request_id: None, grant, ttl }).await.unwrap()
    }

    /// Signs in with a new token.
    async fn sign_in(&self, name: &str) -> (Session, Secret) {
        let (token, secret) = self.token(name, None).await;
        let person = self.bearer(secret.reveal()).await.unwrap();
        self.sessions.start(&person, SignIn::Token(token.id)).await.unwrap()
    }

    fn knows(&self, secret: &Secret) -> bool {
        self.sessions.recognise(secret.reveal()).is_some()
    }

    async fn kept(&self) -> Vec<Session> {
        self.store.sessions().await.unwrap()
    }
}

fn of_provider(subject: &str) -> Principal {
    let actor = Actor { kind: ActorKind::Person, issuer: "https://idp".into(), subject: subject.into() };
    let person = Principal::new(actor, AuthenticationMethod::Oidc, at(0));
    Principal { roles: [Role::Reviewer].into(), ..person }
}

fn named(issuer: &str, subject: &str) -> SubjectName {
    SubjectName { issuer: issuer.into(), subject: subject.into() }
}

#[tokio::test]
async fn a_session_is_the_person_until_it_ends() {
    let fixture = SessionFixture::new().await;
    let (session, secret) = fixture.sign_in("ann").await;
    assert_eq!(fixture.kept().await, std::slice::from_ref(&session));
    let one = fixture.sessions.recognise(secret.reveal()).unwrap();
    let ann = &one.principal;
    assert_eq!((ann.actor.to_string().as_str(), ann.method), ("local/ann", AuthenticationMethod::Session));
    assert_eq!((&ann.roles, &ann.groups), (&[Role::Reviewer].into(), &["finance".to_owned()].into()));
    assert_eq!((one.session, one.principal.expires_at), (session.id, Some(at(12 * 3_600))));
    let stored = serde_json::to_string(&fixture.kept().await).unwrap();
    assert!(!stored.contains(&secret.reveal()[Secret::SESSION_PREFIX.len()..]), "only its hash is stored");

    // It survives a restart, and its end does too.
    let again = fixture.restarted(|_| ()).await;
    assert!(again.knows(&secret));
    let ann = again.sessions.recognise(secret.reveal()).unwrap().principal;
    again.sessions.end(&ann, session.id).await.unwrap();
    assert!(ann.revocation.is_revoked() && !again.knows(&secret));
    assert!(!again.restarted(|_| ()).await.knows(&secret));
    // It is ended once, and the ended session can end nothing.
    assert_eq!(again.sessions.end(&ann, session.id).await, Err(AccessDenied::Revoked.into()));
    let ended = again.kept().await[0].ended.clone().unwrap();
    assert_eq!((ended.actor, ended.at), (ann.actor.clone(), at(0)));
}

/// A session's secret is for a cookie, never for gRPC, with or without its prefix.
#[tokio::test]
async fn no_call_of_grpc_accepts_a_session() {
    let fixture = SessionFixture::new().await;
    let (_, secret) = fixture.sign_in("ann").await;
    let bare = &secret.reveal()[Secret::SESSION_PREFIX.len()..];
    for bearer in [secret.reveal().to_owned(), bare.to_owned(), format!("{}{bare}", Secret::PREFIX)] {
        assert_eq!(fixture.bearer(&bearer).await.unwrap_err(), Unrecognised::Unknown, "{bearer}");
    }
    let (_, token) = fixture.token("bob", None).await;
    assert!(fixture.sessions.recognise(token.reveal()).is_none(), "and no cookie is a token");
    assert!(fixture.knows(&secret));
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let fixture = SessionFixture::new().await;
    let (session, secret) = fixture.sign_in("ann").await;
    let SignIn::Token(token) = session.sign_in else { panic!() };
    let open = fixture.sessions.recognise(secret.reveal()).unwrap().principal;
    fixture.tokens.revoke(&operator(), token).await.unwrap();
    open.revocation.revoked().await;
    assert!(!fixture.knows(&secret) && !fixture.restarted(|_| ()).await.knows(&secret));

    let (token, secret) = fixture.token("bob", Some(HOUR)).await;
    let bob = fixture.bearer(secret.reveal()).await.unwrap();
    let (session, secret) = fixture.sessions.start(&bob, SignIn::Token(token.id)).await.unwrap();
    assert_eq!(Some(session.expires_at), token.expires_at);
    fixture.clock.advance(HOUR - MINUTE / 60);
    assert!(fixture.knows(&secret));
    fixture.clock.advance(MINUTE / 60);
    assert!(!fixture.knows(&secret));
    assert_eq!(
        fixture.sessions.start(&bob, SignIn::Token(token.id)).await.unwrap_err(),
        Unrecognised::TokenExpired.into()
    );
}

#[tokio::test]
async fn sessions_expire_by_disuse_and_by_age() {
    let fixture = SessionFixture::new().await.restarted(|settings| settings.max = 3 * HOUR).await;
    let (_, used) = fixture.sign_in("ann").await;
    let (_, unused) = fixture.sign_in("bob").await;
    for _ in 0..3 {
        fixture.clock.advance(HOUR - MINUTE);
        assert!(fixture.knows(&used));
    }
    assert!(!fixture.knows(&unused));
    // The reconciler stores the last use, and forgets what has expired.
    fixture.sessions.tidy().await.unwrap();
    let kept = fixture.kept().await;
    assert_eq!(kept.iter().map(|session| session.last_used_at).collect::<Vec<_>>(), [fixture.clock.wall()]);
    assert!(fixture.restarted(|_| ()).await.knows(&used));
    let open = fixture.sessions.recognise(used.reveal()).unwrap().principal;
    fixture.clock.advance(3 * MINUTE);
    assert!(!fixture.knows(&used) && !open.revocation.is_revoked());
    fixture.sessions.tidy().await.unwrap();
    assert!(open.revocation.is_revoked(), "open streams end");
    assert_eq!(fixture.kept().await, []);
}

#[tokio::test]
async fn an_ended_session_stays_in_the_list_until_it_would_have_expired() {
    let fixture = SessionFixture::new().await;
    let (session, _) = fixture.sign_in("ann").await;
    fixture.sessions.end(&operator(), session.id).await.unwrap();
    fixture.clock.advance(11 * HOUR);
    fixture.sessions.tidy().await.unwrap();
    let page = fixture.sessions.list(&operator(), None, 9, false).unwrap();
    assert_eq!(page.sessions[0].1, SessionState::Ended);
    assert_eq!(fixture.sessions.list(&operator(), None, 9, true).unwrap().sessions, []);
    fixture.clock.advance(HOUR);
    fixture.sessions.tidy().await.unwrap();
    assert_eq!(fixture.kept().await, []);
}

#[tokio::test]
async fn only_people_with_a_role_at_the_desk_sign_in() {
    let fixture = SessionFixture::new().await;
    let (token, secret) = fixture.token("ann", None).await;
    let ann = fixture.bearer(secret.reveal()).await.unwrap();
    let other = SignIn::Token(crate::domain::TokenId::new(uuid::Uuid::nil()));
    for wrong in [SignIn::DevToken, SignIn::Oidc, other] {
        assert_eq!(fixture.sessions.start(&ann, wrong).await.unwrap_err(), Error::NotASignIn);
    }
    let (_, session) = fixture.sessions.start(&ann, SignIn::Token(token.id)).await.unwrap();
    // A session does not start another one.
    let again = fixture.sessions.recognise(session.reveal()).unwrap().principal;
    assert_eq!(fixture.sessions.start(&again, SignIn::Token(token.id)).await.unwrap_err(), Error::NotASignIn);
    for roles in [BTreeSet::new(), [Role::Agent].into()] {
        let nobody = Principal { roles, ..of_provider("bob") };
        let told = fixture.sessions.start(&nobody, SignIn::Oidc).await.unwrap_err();
        assert_eq!(told.to_string(), "https://idp/bob has no role that uses the desk: reviewer, auditor or operator");
    }
    let dev = Principal { method: AuthenticationMethod::DevToken, ..of_provider("dev") };
    for (person, sign_in) in [(of_provider("bob"), SignIn::Oidc), (dev, SignIn::DevToken)] {
        fixture.sessions.start(&person, sign_in).await.unwrap();
    }
    // The vote of a bridge needs others here too, and it decides for nobody.
    let permissions = [Permission::DecideForOthers].into();
    let bridge = Principal { permissions, ..of_provider("bridge") };
    let (_, session) = fixture.sessions.start(&bridge, SignIn::Oidc).await.unwrap();
    let bridge = fixture.sessions.recognise(session.reveal()).unwrap().principal;
    assert!(bridge.needs_others() && bridge.require_decides_for(&bridge.actor, &BTreeSet::new()).is_err());
}

#[tokio::test]
async fn a_way_to_sign_in_that_is_gone_ends_its_sessions() {
    let fixture = SessionFixture::new().await;
    let dev = Principal { method: AuthenticationMethod::DevToken, ..of_provider("dev") };
    let (_, dev) = fixture.sessions.start(&dev, SignIn::DevToken).await.unwrap();
    let (_, oidc) = fixture.sessions.start(&of_provider("bob"), SignIn::Oidc).await.unwrap();
    let (_, token) = fixture.sign_in("ann").await;
    let without_dev = fixture.restarted(|settings| settings.dev = false).await;
    assert_eq!([&dev, &oidc, &token].map(|secret| without_dev.knows(secret)), [false, true, true]);
    let other = fixture.restarted(|settings| settings.issuer = Some("https://other".into())).await;
    assert_eq!([&dev, &oidc, &token].map(|secret| other.knows(secret)), [false, false, true]);
    assert_eq!(fixture.kept().await.len(), 1);
}

#[tokio::test]
async fn a_person_has_twenty_sessions_and_one_more_ends_the_oldest() {
    let fixture = SessionFixture::new().await;
    let (token, secret) = fixture.token("ann", None).await;
    let ann = fixture.bearer(secret.reveal()).await.unwrap();
    let mut secrets = Vec::new();
    for _ in 0..21 {
        fixture.clock.advance(MINUTE);
        secrets.push(fixture.sessions.start(&ann, SignIn::Token(token.id)).await.unwrap().1);
    }
    assert!(!fixture.knows(&secrets[0]) && secrets[1..].iter().all(|secret| fixture.knows(secret)));
    assert_eq!(fixture.sessions.mine(&ann).len(), 20);
    // Ended sessions do not count.
    assert_eq!(fixture.sessions.end_all(&ann, Some(&ann.actor)).await, Ok(20));
    let first = fixture.sessions.start(&ann, SignIn::Token(token.id)).await.unwrap().1;
    fixture.sessions.start(&ann, SignIn::Token(token.id)).await.unwrap();
    assert!(fixture.knows(&first));
}

#[tokio::test]
async fn ended_sessions_make_room_for_new_ones() {
    let fixture = SessionFixture::new().await;
    let mut started = Vec::new();
    for n in 0..LIMIT {
        started.push(fixture.sign_in(&format!("person-{n}")).await);
    }
    let full = Error::TooMany { limit: LIMIT };
    assert_eq!(fixture.sessions.start(&of_provider("bob"), SignIn::Oidc).await.unwrap_err(), full);
    assert!(full.to_string().contains("30 sessions, its maximum"), "{full}");
    fixture.sessions.end(&operator(), started[3].0.id).await.unwrap();
    fixture.sessions.start(&of_provider("bob"), SignIn::Oidc).await.unwrap();
    assert_eq!(fixture.kept().await.len(), LIMIT);
    assert!(started.iter().enumerate().all(|(n, (_, secret))| fixture.knows(secret) == (n != 3)));
}

#[tokio::test]
async fn people_end_their_own_sessions_and_operators_all() {
    let fixture = SessionFixture::new().await;
    let (one, secret) = fixture.sign_in("ann").await;
    let (_, second) = fixture.sign_in("ann").await;
    let (other, third) = fixture.sign_in("bob").await;
    let ann = fixture.sessions.recognise(secret.reveal()).unwrap().principal;
    // What she may not see does not exist.
    assert_eq!(fixture.sessions.end(&ann, other.id).await, Err(Error::NotFound(other.id)));
    for whose in [Some(&other.actor), None] {
        let denied = fixture.sessions.end_all(&ann, whose).await.unwrap_err();
        assert!(matches!(denied, Error::Access(AccessDenied::RoleNotAllowed { .. })), "{denied}");
    }
    assert!(fixture.sessions.list(&ann, None, 9, false).is_err());
    assert_eq!(fixture.sessions.mine(&ann).len(), 2);
    fixture.sessions.end(&ann, one.id).await.unwrap();
    assert_eq!([&secret, &second, &third].map(|secret| fixture.knows(secret)), [false, true, true]);
    assert_eq!(fixture.sessions.end_all(&operator(), Some(&one.actor)).await, Ok(1));
    assert_eq!(fixture.sessions.end_all(&operator(), None).await, Ok(1));
    assert_eq!(fixture.sessions.end_all(&operator(), None).await, Ok(0));
    let unknown = SessionId::new(uuid::Uuid::nil());
    assert_eq!(fixture.sessions.end(&operator(), unknown).await, Err(Error::NotFound(unknown)));
    assert_eq!(fixture.sessions.end(&operator(), one.id).await, Ok(()), "it has ended already");
    assert_eq!(fixture.kept().await[0].ended.as_ref().unwrap().actor, one.actor);
}

#[tokio::test]
async fn a_repeated_end_spares_the_sessions_that_were_started_since() {
    let fixture = SessionFixture::new().await;
    let (one, _) = fixture.sign_in("ann").await;
    let ann = SessionScope::Person((&one.actor).into());
    let end =
        async |scope: &SessionScope| fixture.sessions.end_sessions(&operator(), scope.clone(), Some("r".into())).await;
    assert_eq!(end(&ann).await, Ok(1));
    let (_, later) = fixture.sign_in("ann").await;
    assert_eq!(end(&ann).await, Ok(1));
    assert!(fixture.knows(&later));
    fixture.sign_in("bob").await;
    let bob = SessionScope::Person(named(LOCAL_ISSUER, "bob"));
    assert_eq!(end(&bob).await, Err(Error::RequestIdReused { request_id: "r".into(), id: one.id }));
    let another = principal(&[Role::Operator], ActorKind::Person, "another");
    assert_eq!(fixture.sessions.end_sessions(&another, bob, Some("r".into())).await, Ok(1));
}

#[tokio::test]
async fn pages_of_sessions_join_up() {
    let fixture = SessionFixture::new().await;
    for n in 0..5 {
        fixture.sign_in(&format!("person-{n}")).await;
    }
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = fixture.sessions.list(&operator(), before, 2, true).unwrap();
        seen.extend(page.sessions.iter().map(|(session, _)| session.actor.subject.clone()));
        before = page.sessions.last().map(|(session, _)| session.id);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["person-4", "person-3", "person-2", "person-1", "person-0"]);
    let large = Principal { groups: (0..1_000).map(|n| format!("{n:0>500}")).collect(), ..of_provider("bob") };
    for _ in 0..4 {
        fixture.sessions.start(&large, SignIn::Oidc).await.unwrap();
    }
    let page = fixture.sessions.list(&operator(), None, 1_000, true).unwrap();
    assert_eq!((page.sessions.len(), page.more), (3, true), "a page fits into messages of clients");
}

#[tokio::test]
async fn a_blocked_subject_is_kept_out_with_every_credential() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = SessionFixture::new().await;
    let dev = DevTokens::in_directory(directory.path()).unwrap();
    let (uris, dns_names, emails) = (Vec::new(), vec!["desk".into()], Vec::new());
    let certificate = PeerCertificate { uris, dns_names, emails, not_after: at(99_999), issuer: String::new() };
    let presented = PresentedCertificate::from(certificate);
    let (session, cookie) = fixture.sign_in("ann").await;
    let (_, token) = fixture.token("ann", None).await;
    let verifier = fixture.verifier(Some(dev.clone()));
    let credentials = [
        (named("local", "ann"), Credentials { bearer: Some(token.reveal()), certificate: None }),
        (named("dev", "reviewer"), Credentials { bearer: Some(&dev.reviewer), certificate: None }),
        (named("certificate", "DNS:desk"), Credentials { bearer: None, certificate: Some(&presented) }),
    ];
    for (subject, credentials) in credentials {
        let open = verifier.authenticate(credentials).await.unwrap();
        assert_eq!(SubjectName::from(&open.actor), subject);
        let waiting = tokio::spawn({
            let revocation = open.revocation.clone();
            async move { revocation.revoked().await }
        });
        fixture.sessions.block(&operator(), subject.clone(), "left".into(), None).await.unwrap();
        waiting.await.unwrap(); // open streams end
        assert_eq!(verifier.authenticate(credentials).await.unwrap_err(), Unrecognised::SubjectBlocked);
        assert_eq!(open.check(at(0)), Err(Unrecognised::SubjectBlocked));
        let bridge = Principal {
            permissions: [Permission::DecideForOthers].into(),
            decides_for: DecidesFor { issuers: [subject.issuer.clone()].into(), groups: BTreeSet::new() },
            revocation: Revocation::of(&operator().actor, fixture.tokens.registry().blocked()),
            ..of_provider("bridge")
        };
        let denied = AccessDenied::SubjectBlocked(open.actor.clone());
        assert_eq!(bridge.require_decides_for(&open.actor, &BTreeSet::new()), Err(denied));

        // After a restart too.
        let again = fixture.restarted(|_| ()).await;
        let told = again.verifier(Some(dev.clone())).authenticate(credentials).await;
        assert_eq!((told.unwrap_err(), again.knows(&cookie)), (Unrecognised::SubjectBlocked, false));

        fixture.sessions.unblock(&operator(), subject, None).await.unwrap();
        assert!(verifier.authenticate(credentials).await.is_ok(), "its credentials are valid again");
        assert_eq!(bridge.require_decides_for(&open.actor, &BTreeSet::new()), Ok(()));
    }
    assert!(!fixture.knows(&cookie), "its session stays ended");
    let ended = fixture.kept().await[0].ended.clone().unwrap();
    assert_eq!((fixture.kept().await[0].id, &ended.actor), (session.id, &operator().actor));
}

#[tokio::test]
async fn a_blocked_subject_starts_no_session() {
    let fixture = SessionFixture::new().await;
    let bob = of_provider("bob"); // this principal does not watch its subject
    fixture.sessions.block(&operator(), named("https://idp", "bob"), String::new(), None).await.unwrap();
    let told = fixture.sessions.start(&bob, SignIn::Oidc).await.unwrap_err();
    assert_eq!(
        (&told, told.to_string().as_str()),
        (&Unrecognised::SubjectBlocked.into(), "the caller is blocked; ask an operator",)
    );
    assert_eq!(fixture.kept().await, []);
    fixture.sessions.start(&of_provider("ann"), SignIn::Oidc).await.unwrap();
}

/// A crash, or an import into a stopped server, leaves a block beside an active session.
#[tokio::test]
async fn a_block_that_is_found_at_the_start_ends_sessions_for_good() {
    let fixture = SessionFixture::new().await;
    let (_, cookie) = fixture.sessions.start(&of_provider("mallory-1"), SignIn::Oidc).await.unwrap();
    fixture.store.block(new_block(1)).await.unwrap();
    let again = fixture.restarted(|_| ()).await;
    assert!(!again.knows(&cookie));
    again.sessions.unblock(&operator(), subject(1), None).await.unwrap();
    assert!(!again.knows(&cookie) && !again.restarted(|_| ()).await.knows(&cookie));
    let ended = again.kept().await[0].ended.clone().unwrap();
    assert_eq!(ended.actor, new_block(1).actor);
    assert_eq!(fixture.store.unblock(new_unblock(1)).await, Err(BlockError::NotBlocked(subject(1)).into()));
}

#[tokio::test]
async fn operators_block_others_and_auditors_see_it() {
    let fixture = SessionFixture::new().await;
    let auditor = principal(&[Role::Auditor], ActorKind::Person, "auditor");
    let own = named("test", "operator");
    assert_eq!(fixture.sessions.block(&operator(), own, String::new(), None).await, Err(Error::OwnSubject));
    let block = fixture.sessions.block(&operator(), subject(2), "left".into(), Some("r".into())).await.unwrap();
    assert_eq!((block.at, block.reason.as_str(), &block.actor), (at(0), "left", &operator().actor));
    fixture.clock.advance(MINUTE);
    // A repetition, and another call, find the first block.
    for request_id in [Some("r".to_owned()), None] {
        let again = fixture.sessions.block(&operator(), subject(2), "left".into(), request_id).await;
        assert_eq!(again.as_ref(), Ok(&block));
    }
    let first = fixture.sessions.block(&operator(), subject(1), String::new(), None).await.unwrap();
    assert_eq!(fixture.sessions.blocks(&auditor).await, Ok(vec![block, first]));
    assert!(fixture.sessions.list(&auditor, None, 9, false).is_ok());
    for denied in [
        fixture.sessions.block(&auditor, subject(3), String::new(), None).await,
        fixture.sessions.unblock(&auditor, subject(1), None).await,
    ] {
        assert!(matches!(denied, Err(Error::Access(AccessDenied::RoleNotAllowed { .. }))), "{denied:?}");
    }
    assert!(fixture.sessions.end_all(&auditor, None).await.is_err());
    let (mallory, id) = (operator(), SessionId::new(uuid::Uuid::nil()));
    mallory.revocation.revoke();
    let revoked = Error::from(AccessDenied::Revoked);
    assert_eq!(fixture.sessions.block(&mallory, subject(3), String::new(), None).await, Err(revoked.clone()));
    assert_eq!(fixture.sessions.unblock(&mallory, subject(1), None).await, Err(revoked.clone()));
    assert_eq!(fixture.sessions.end(&mallory, id).await, Err(revoked));
    assert_eq!(fixture.sessions.blocks(&operator()).await.unwrap().len(), 2);
}
