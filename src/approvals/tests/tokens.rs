use serde_json::json;

use super::*;
use crate::{
    approvals::{NewToken, Policies, PolicyChange, Tokens},
    identity::{
        Authenticator as _, CertificateRoles, Credentials, DecidesFor, Gate, Grant, RoleGroups, Secret, Token,
        TokenState, Unrecognised,
    },
    store::{MemoryStore, TokenStore as _},
};

const LIMIT: usize = 4;
const HOUR: Duration = Duration::from_secs(3_600);

struct Office {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    tokens: Arc<Tokens>,
}

impl Office {
    async fn new() -> Self {
        Self::with_limit(LIMIT).await
    }

    async fn with_limit(limit: usize) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(at(0))));
        Self { tokens: Self::load(limit, &store, &clock).await, store, clock }
    }

    async fn load(limit: usize, store: &Arc<MemoryStore>, clock: &Arc<ManualClock>) -> Arc<Tokens> {
        let (store, clock) = (Arc::clone(store) as Arc<dyn Store>, Arc::clone(clock) as Arc<dyn Clock>);
        Tokens::load_up_to(limit, store, clock).await.unwrap()
    }

    async fn create(&self, new: NewToken) -> Result<(Token, Secret), Error> {
        self.tokens.create(&operator(), new).await
    }

    async fn recognise(&self, secret: &Secret) -> Result<Arc<Principal>, Unrecognised> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let gate = Gate {
            tokens: self.tokens.registry(),
            dev: None,
            oidc: None,
            roles: RoleGroups::default(),
            certificates: CertificateRoles::default(),
            clock,
        };
        gate.authenticate(Credentials { bearer: Some(secret.reveal()), certificate: None }).await
    }

    async fn kept(&self) -> Vec<Token> {
        self.store.tokens().await.unwrap()
    }
}

fn operator() -> Arc<Principal> {
    principal(&[Role::Operator], ActorKind::Person, "operator")
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
async fn a_token_speaks_for_its_owner_until_it_is_revoked() {
    let office = Office::new().await;
    let (token, secret) = office.create(new("a")).await.unwrap();
    assert_eq!(office.kept().await, std::slice::from_ref(&token));
    let caller = office.recognise(&secret).await.unwrap();
    assert_eq!((caller.actor.to_string().as_str(), caller.method), ("local/a", AuthenticationMethod::Token));
    assert!(!serde_json::to_string(&office.kept().await).unwrap().contains(&secret.reveal()[8..]));

    office.clock.advance(HOUR);
    let revoked = office.tokens.revoke(&operator(), token.id).await.unwrap();
    assert_eq!(revoked.revoked.as_ref().unwrap().at, at(3_600));
    assert!(caller.revocation.is_revoked());
    assert_eq!(office.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
    office.clock.advance(HOUR);
    assert_eq!(office.tokens.revoke(&operator(), token.id).await, Ok(revoked)); // once
    let unknown = crate::domain::TokenId::new(uuid::Uuid::nil());
    assert_eq!(office.tokens.revoke(&operator(), unknown).await, Err(Error::TokenNotFound(unknown)));
    // A restart knows it too.
    let again = Office { tokens: Office::load(LIMIT, &office.store, &office.clock).await, ..office };
    assert_eq!(again.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let office = Office::new().await;
    let (token, secret) = office.create(NewToken { ttl: Some(HOUR), ..new("a") }).await.unwrap();
    assert!(office.tokens.any_active());
    office.clock.advance(HOUR - Duration::from_micros(1));
    assert_eq!(office.recognise(&secret).await.unwrap().expires_at, token.expires_at);
    office.clock.advance(Duration::from_micros(1));
    assert_eq!(office.recognise(&secret).await.unwrap_err(), Unrecognised::TokenExpired);
    assert!(!office.tokens.any_active());
}

#[tokio::test]
async fn one_token_comes_of_one_request_id() {
    let office = Office::new().await;
    let asked = NewToken { request_id: Some("r".into()), ttl: Some(HOUR), ..new("a") };
    let tries = (0..8).map(|_| office.create(asked.clone()));
    let results = futures_util::future::join_all(tries).await;
    let (token, _) = results.iter().find_map(|result| result.as_ref().ok()).unwrap();
    let again = Error::TokenAlreadyCreated { request_id: "r".into(), id: token.id };
    assert_eq!(results.iter().filter(|result| result.as_ref().err() == Some(&again)).count(), 7);
    assert_eq!(office.kept().await, std::slice::from_ref(token));

    let reused = Error::TokenRequestIdReused { request_id: "r".into(), id: token.id };
    let others = [
        NewToken { ttl: None, ..asked.clone() },
        NewToken { ttl: Some(HOUR * 2), ..asked.clone() },
        NewToken { grant: Grant { roles: [Role::Auditor].into(), ..asked.grant.clone() }, ..asked.clone() },
    ];
    for other in others {
        assert_eq!(office.create(other).await.unwrap_err(), reused);
    }
    // Another operator's is another request.
    let other = principal(&[Role::Operator], ActorKind::Person, "other");
    office.tokens.create(&other, asked).await.unwrap();
}

#[tokio::test]
async fn room_is_made_by_what_expired_longest_ago() {
    let office = Office::new().await;
    let (one, secret) = office.create(new("1")).await.unwrap();
    let (two, _) = office.create(NewToken { ttl: Some(HOUR * 3), ..new("2") }).await.unwrap();
    office.create(NewToken { ttl: Some(HOUR * 2), ..new("3") }).await.unwrap(); // the first to go
    let (four, _) = office.create(new("4")).await.unwrap();
    let full = Error::TooManyTokens { limit: LIMIT };
    assert_eq!(office.create(new("5")).await.unwrap_err(), full);
    office.clock.advance(HOUR);
    office.tokens.revoke(&operator(), one.id).await.unwrap();
    // What was only revoked stays: a copy of it from before would be good again.
    assert_eq!(office.create(new("5")).await.unwrap_err(), full);
    office.clock.advance(HOUR * 9);
    let (five, _) = office.create(new("5")).await.unwrap();
    let ids = |tokens: Vec<Token>| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(office.kept().await), [one.id, two.id, four.id, five.id]);
    let (six, _) = office.create(new("6")).await.unwrap();
    assert_eq!(ids(office.kept().await), [one.id, four.id, five.id, six.id]);
    assert_eq!(office.create(new("7")).await.unwrap_err(), full);
    assert_eq!(office.recognise(&secret).await.unwrap_err(), Unrecognised::TokenRevoked);
    let (listed, more) = office.tokens.list(&operator(), None, 9, true).unwrap();
    assert_eq!((ids(listed), more), (vec![six.id, five.id, four.id], false));
}

/// Whoever is revoked does nothing more, even by what was on its way.
#[tokio::test]
async fn nothing_is_done_for_whom_was_revoked() {
    let (office, world) = (Office::new().await, World::new());
    let (agent, reviewer, mallory) = (agent(), reviewer(1), operator());
    let (token, _) = office.create(new("a")).await.unwrap();
    let id = world.ask(json!({})).await;
    [&agent, &reviewer, &mallory].iter().for_each(|caller| caller.revocation.revoke());
    assert_eq!(office.tokens.create(&mallory, new("backdoor")).await.unwrap_err(), Error::Revoked);
    assert_eq!(office.tokens.revoke(&mallory, token.id).await.unwrap_err(), Error::Revoked);
    assert_eq!(office.kept().await, [token]);
    let asked = Arc::clone(&world.approvals).request(agent, asking(json!({})), 0).await;
    assert_eq!(asked.err(), Some(Error::Revoked));
    let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, Arc::clone(&world.clock) as Arc<dyn Clock>);
    let policies = Policies::from_store(store, clock, HOUR).await.unwrap();
    let (policy, comment) = (Arc::default(), String::new());
    let change = PolicyChange { request_id: None, policy, expected: None, comment, validate_only: false };
    assert_eq!(policies.set(&mallory, change).await.unwrap_err(), Error::Revoked);
    let decided = world.approvals.decide(&reviewer, world.vote_on(id, Choice::Approve).await).await;
    assert_eq!(decided.err(), Some(Error::Revoked));
    assert_eq!((world.status(id).await, world.store.pending()), (Status::Pending, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_their_credentials() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let brief = Principal { expires_at: Some(at(2)), ..Principal::clone(&reviewer(1)) };
    let began = tokio::time::Instant::now();
    let waited = world.approvals.wait(&brief, id, 0, HOUR).await.unwrap();
    assert_eq!((waited.status, began.elapsed().as_secs()), (Status::Pending, 2));
    let mut follower = Arc::clone(&world.approvals).watch(Arc::new(brief.clone()), id, 0).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.vote(2, id, Choice::Approve).await;
    assert_eq!(world.approvals.wait(&brief, id, 0, HOUR).await.err(), Some(Error::StreamAged));
    assert_eq!(follower.next().await.unwrap().err(), Some(Error::StreamAged));
}

#[tokio::test]
async fn lists_come_in_pages_that_clients_can_read() {
    const TOKENS: usize = 40;
    let office = Office::with_limit(TOKENS).await;
    for n in 0..TOKENS {
        let groups = (0..64).map(|group| format!("{n}-{group:é>500}")).collect();
        office.create(NewToken { grant: Grant { groups, ..new("a").grant }, ..new("a") }).await.unwrap();
    }
    let (mut before, mut pages, mut seen) = (None, 0, 0);
    loop {
        let (tokens, more) = office.tokens.list(&operator(), before, 1_000, false).unwrap();
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
async fn the_last_use_is_kept() {
    let office = Office::new().await;
    let (token, secret) = office.create(new("a")).await.unwrap();
    office.create(new("unused")).await.unwrap();
    office.clock.advance(HOUR);
    office.recognise(&secret).await.unwrap();
    let used = Token { last_used_at: Some(at(3_600)), ..token.clone() };
    assert_eq!(office.tokens.registry().get(token.id), Some(used.clone()));
    assert_eq!(office.kept().await[0], token); // not on the way of the call
    office.tokens.keep_uses().await.unwrap();
    assert_eq!(office.kept().await[0], used);
    assert_eq!(office.kept().await[1].last_used_at, None);
    // What is kept of its use is kept when it is taken back.
    let revoked = office.tokens.revoke(&operator(), token.id).await.unwrap();
    assert_eq!((revoked.last_used_at, revoked.state(at(3_601))), (Some(at(3_600)), TokenState::Revoked));
}

/// The one attack that a list of revoked tokens, looked at when a call begins, does not stop.
#[tokio::test]
async fn a_revocation_ends_what_is_open() {
    let world = World::new();
    let reviewer = reviewer(1);
    let agent = agent();
    let mut follower = Arc::clone(&world.approvals).request(Arc::clone(&agent), asking(json!({})), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    let mut queue = Arc::clone(&world.approvals).queue(Arc::clone(&reviewer), Filter::default(), false).unwrap();
    queue.next().await.unwrap();
    let waiting = world.approvals.wait(&reviewer, id, 0, HOUR);
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none() && follower.next().now_or_never().is_none());

    agent.revocation.revoke();
    assert_eq!(follower.next().await.unwrap().err(), Some(Error::Revoked));
    assert!(follower.next().await.is_none());
    assert!(waiting.as_mut().now_or_never().is_none(), "others go on");
    reviewer.revocation.revoke();
    assert_eq!(waiting.await.err(), Some(Error::Revoked));
    while queue.next().await != Err(Error::Revoked) {}
    // Even what was ready to be sent is not.
    let mut late = Arc::clone(&world.approvals).watch(Arc::clone(&agent), id, 0).await.unwrap();
    assert_eq!(late.next().await.unwrap().err(), Some(Error::Revoked));
    assert_eq!(world.status(id).await, Status::Pending);
}
