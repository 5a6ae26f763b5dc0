//! Deliveries on the in-memory store, with channels that answer as a test says.

use std::{sync::Mutex, time::Duration};

use futures_util::FutureExt as _;

use super::{recent_retries::RETRIES_MAX, *};
use crate::{
    clock::ManualClock,
    domain::{
        ActorKind, Choice, Command, NotificationKind, Role, Seen, Settlement,
        samples::{a_request, actor, at, decide, id, quorum},
    },
    identity::AccessDenied,
    store::{ApprovalStore as _, MemoryStore, Submission},
    test_support::{ScriptedChannels, hook_and_mail, operator, principal, reviewer},
};

struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    channels: Arc<ScriptedChannels>,
    deliveries: Arc<Deliveries>,
}

fn name(text: &str) -> ChannelName {
    text.parse().unwrap()
}

impl Fixture {
    /// With the channels `hook` and `mail`, which are told of requests by default.
    fn new() -> Self {
        let routes = hook_and_mail();
        Self::with(Arc::new(MemoryStore::with_routes(Arc::new(routes.clone()))), routes)
    }

    fn with(store: Arc<MemoryStore>, routes: Routes) -> Self {
        let clock = Arc::new(ManualClock::new(at(0)));
        let channels = ScriptedChannels { disabled: Some("410 Gone".to_owned()), ..ScriptedChannels::of(&routes) };
        let channels = Arc::new(channels);
        let (outbox, dated) = (Arc::clone(&store) as Arc<dyn OutboxStore>, Arc::clone(&clock) as Arc<dyn Clock>);
        let running = Arc::clone(&channels) as Arc<dyn RunningChannels>;
        Self { deliveries: Deliveries::new(outbox, running, routes, dated), store, clock, channels }
    }

    /// Requests approval, which each channel is told.
    async fn ask(&self, n: u64) -> ApprovalId {
        let (seconds, (request, arguments)) = (i64::try_from(n).unwrap(), a_request(&format!("r{n}")));
        let (request, verdict) = (Arc::new(request), quorum(9));
        let submission =
            Submission { id: id(seconds, n), request, arguments, verdict, now: at(seconds), pending_limit: 99 };
        self.store.submit(submission).await.unwrap();
        id(seconds, n)
    }

    /// Gives up the delivery of the request.
    async fn kill(&self, channel: &str, approval: ApprovalId) -> DeliveryId {
        let dead = Settlement::Dead { revision: 1, error: "404 Not Found".to_owned() };
        self.store.settle(vec![(name(channel), approval, dead)]).await.unwrap();
        DeliveryId { approval, revision: 1, channel: name(channel) }
    }

    async fn list(&self, query: DeliveryQuery) -> Vec<(String, bool)> {
        let page = self.deliveries.list(&operator(), DeliveryQuery { limit: 100, ..query }).await.unwrap();
        assert!(!page.more);
        page.deliveries.into_iter().map(|one| (one.id.to_string(), one.dead)).collect()
    }
}

fn delivery(approval: ApprovalId, channel: &str) -> String {
    DeliveryId { approval, revision: 1, channel: name(channel) }.to_string()
}

#[tokio::test]
async fn channels_are_listed_with_what_waits() {
    let fixture = Fixture::new();
    let first = fixture.ask(1).await;
    fixture.ask(2).await;
    fixture.kill("mail", first).await;
    let channels = fixture.deliveries.channels(&operator()).unwrap();
    let counts: Vec<_> = channels.iter().map(|one| (one.name.as_str(), one.kind, one.waiting, one.dead)).collect();
    assert_eq!(counts, [("hook", Some("test"), 2, 0), ("mail", Some("test"), 1, 1)]);
    assert_eq!((channels[0].oldest_since, channels[1].oldest_since), (Some(at(1)), Some(at(2))));
    assert!(channels[0].is_default && channels[0].events.len() == NotificationKind::ALL.len());
    assert_eq!(channels[0].disabled.as_deref(), Some("410 Gone"));
    assert_eq!(channels[0].last_failure, Some((at(1), "no answer".to_owned())));
    // Channels that are no longer configured.
    let later = Fixture::with(fixture.store, Routes::default());
    let channels = later.deliveries.channels(&operator()).unwrap();
    let kinds: Vec<_> = channels.iter().map(|one| (one.name.as_str(), one.kind)).collect();
    assert_eq!(kinds, [("hook", None), ("mail", None)]);
    assert_eq!(later.list(DeliveryQuery { channel: Some(name("hook")), ..DeliveryQuery::default() }).await.len(), 2);
    assert_eq!(Fixture::with(Arc::default(), Routes::default()).deliveries.channels(&operator()).unwrap(), []);
}

#[tokio::test]
async fn deliveries_are_filtered() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.ask(1).await, fixture.ask(2).await);
    fixture.kill("mail", first).await;
    let all = DeliveryQuery::default;
    let (mail, hook) = (|id| delivery(id, "mail"), |id| delivery(id, "hook"));
    let expected = [(hook(first), false), (mail(first), true), (hook(second), false), (mail(second), false)].to_vec();
    assert_eq!(fixture.list(all()).await, expected);
    assert_eq!(fixture.list(DeliveryQuery { dead_only: true, ..all() }).await, [(mail(first), true)]);
    let waiting = [&expected[..1], &expected[2..]].concat();
    assert_eq!(fixture.list(DeliveryQuery { waiting_only: true, ..all() }).await, waiting);
    assert_eq!(fixture.list(DeliveryQuery { approval: Some(second), ..all() }).await, expected[2..]);
    let one = DeliveryQuery { channel: Some(name("mail")), ..all() };
    assert_eq!(fixture.list(one.clone()).await, [(mail(first), true), (mail(second), false)]);
    assert_eq!(fixture.list(DeliveryQuery { approval: Some(first), ..one }).await, [(mail(first), true)]);
    let unknown = DeliveryQuery { channel: Some(name("slack")), limit: 1, ..all() };
    let refused = fixture.deliveries.list(&operator(), unknown).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no channel slack; configured: hook, mail");
}

#[tokio::test]
async fn pages_have_every_delivery_once() {
    let fixture = Fixture::new();
    for n in 1..=3 {
        let approval = fixture.ask(n).await;
        // Lanes with several deliveries can be cut by the end of a page.
        for (voter, revision) in ["alice", "bob", "carol"].into_iter().zip(1..) {
            let vote = decide(actor(ActorKind::Person, voter), Choice::Approve, Seen::Revision(revision));
            fixture.store.transition(approval, Command::Decide(vote), at(9)).await.unwrap();
        }
        fixture.kill("hook", approval).await;
    }
    let all = fixture.list(DeliveryQuery::default()).await;
    assert_eq!(all.len(), 3 * 2 * 4);
    for limit in 1..=all.len() {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let query = DeliveryQuery { after, limit, ..DeliveryQuery::default() };
            let page = fixture.deliveries.list(&operator(), query).await.unwrap();
            assert_eq!(page.more, found.len() + page.deliveries.len() < all.len(), "{limit}");
            after = page.deliveries.last().map(|last| last.id.clone());
            found.extend(page.deliveries.into_iter().map(|one| (one.id.to_string(), one.dead)));
            if !page.more {
                break;
            }
        }
        assert_eq!(found, all, "{limit}");
    }
}

#[tokio::test]
async fn a_dead_delivery_waits_again() {
    let fixture = Fixture::new();
    let approval = fixture.ask(1).await;
    let id = fixture.kill("mail", approval).await;
    fixture.clock.advance(Duration::from_secs(60));
    let retried = fixture.deliveries.retry(&operator(), id.clone(), None).await.unwrap();
    assert!(!retried.dead && retried.id == id, "{retried:?}");
    assert_eq!((retried.delivery.attempts, retried.delivery.not_before), (0, at(60)));
    assert_eq!(*fixture.channels.enabled.lock().unwrap(), [name("mail")]);
    // It waits already.
    assert_eq!(fixture.deliveries.retry(&operator(), id.clone(), None).await.unwrap(), retried);
    let gone = DeliveryId { revision: 9, ..id.clone() };
    assert_eq!(fixture.deliveries.retry(&operator(), gone.clone(), None).await, Err(Error::NoSuchDelivery(gone)));
    let unknown = DeliveryId { channel: name("slack"), ..id };
    let refused = fixture.deliveries.retry(&operator(), unknown, None).await;
    assert!(matches!(refused, Err(Error::NoSuchChannel { .. })), "{refused:?}");
}

/// A channel that wakes while it is disabled gives up what waits.
#[tokio::test]
async fn a_channel_is_enabled_before_its_delivery_waits_again() {
    struct Watched(Arc<MemoryStore>, DeliveryId, Mutex<Vec<bool>>);
    #[async_trait]
    impl RunningChannels for Watched {
        fn states(&self) -> Vec<RunningChannel> {
            Vec::new()
        }
        async fn test(&self, _: &ChannelName) -> Result<String, String> {
            Ok(String::new())
        }
        fn enable(&self, _: &ChannelName) {
            let lane = self.0.lane(&self.1.channel, self.1.approval).now_or_never().unwrap().unwrap().unwrap();
            self.2.lock().unwrap().push(lane.dead.is_empty());
        }
    }
    let fixture = Fixture::new();
    let id = fixture.kill("mail", fixture.ask(1).await).await;
    let watched = Arc::new(Watched(Arc::clone(&fixture.store), id.clone(), Mutex::default()));
    let (outbox, clock) = (Arc::clone(&fixture.store) as Arc<dyn OutboxStore>, Arc::clone(&fixture.clock));
    let running = Arc::clone(&watched) as Arc<dyn RunningChannels>;
    let deliveries = Deliveries::new(outbox, running, hook_and_mail(), clock as Arc<dyn Clock>);
    deliveries.retry(&operator(), id, None).await.unwrap();
    assert_eq!(*watched.2.lock().unwrap(), [false]);
}

#[tokio::test]
async fn a_repeated_retry_does_not_retry_again() {
    let fixture = Fixture::new();
    let approval = fixture.ask(1).await;
    let id = fixture.kill("mail", approval).await;
    let retry = |key: &str| {
        let (deliveries, id, key) = (Arc::clone(&fixture.deliveries), id.clone(), key.to_owned());
        async move { deliveries.retry(&operator(), id, Some(key)).await }
    };
    let first = retry("k").await.unwrap();
    fixture.kill("mail", approval).await;
    assert_eq!(retry("k").await.unwrap(), first);
    assert_eq!(fixture.list(DeliveryQuery { dead_only: true, ..DeliveryQuery::default() }).await.len(), 1);
    let other = DeliveryId { channel: name("hook"), ..id.clone() };
    let reused = fixture.deliveries.retry(&operator(), other.clone(), Some("k".to_owned())).await;
    assert_eq!(reused, Err(Error::RequestIdReused { request_id: "k".to_owned(), id: id.clone() }));
    // Keys belong to callers.
    let another = principal(&[Role::Operator], ActorKind::Person, "another");
    assert!(fixture.deliveries.retry(&another, other, Some("k".to_owned())).await.is_ok());
    // The oldest of many is forgotten.
    for n in 0..RETRIES_MAX {
        retry(&format!("k{n}")).await.unwrap();
    }
    fixture.kill("mail", approval).await;
    assert!(!retry("k").await.unwrap().dead);
    assert_eq!(fixture.list(DeliveryQuery { dead_only: true, ..DeliveryQuery::default() }).await, []);
}

#[tokio::test]
async fn a_test_returns_what_the_receiver_said() {
    let fixture = Fixture::new();
    let test = |channel: &str| {
        let channel = name(channel);
        let deliveries = Arc::clone(&fixture.deliveries);
        async move { deliveries.test(&operator(), &channel).await }
    };
    assert_eq!(test("hook").await, Ok(Ok("200 OK".to_owned())));
    assert_eq!(test("mail").await, Ok(Err("no answer".to_owned())));
    assert_eq!(fixture.channels.tested.lock().unwrap().len(), 2);
    assert!(matches!(test("slack").await, Err(Error::NoSuchChannel { .. })));
}

#[tokio::test]
async fn only_operators_retry_and_test() {
    let fixture = Fixture::new();
    let approval = fixture.ask(1).await;
    let id = fixture.kill("mail", approval).await;
    let auditor = principal(&[Role::Auditor], ActorKind::Person, "auditor");
    let denied = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Access(AccessDenied::RoleNotAllowed { .. }))), "{result:?}");
    };
    assert!(fixture.deliveries.channels(&auditor).is_ok());
    let query = || DeliveryQuery { limit: 1, ..DeliveryQuery::default() };
    assert!(fixture.deliveries.list(&auditor, query()).await.is_ok());
    denied(fixture.deliveries.channels(&reviewer(1)).map(drop));
    denied(fixture.deliveries.list(&reviewer(1), query()).await.map(drop));
    for by in [auditor, reviewer(1)] {
        denied(fixture.deliveries.retry(&by, id.clone(), None).await.map(drop));
        denied(fixture.deliveries.test(&by, &name("hook")).await.map(drop));
    }
}
