//! The dispatcher on the in-memory store, with a clock and receivers that the tests control.

mod people;
mod programs;
mod receiver;
mod whole;

use std::{collections::BTreeMap, time::Duration};

use tokio::task::JoinHandle;

use self::receiver::Receiver;
use super::*;
use crate::{
    clock::ManualClock,
    control::Control,
    domain::{
        Approval, ApprovalId, Choice, Command, Lane, NotificationKind, Routes, Seen, Subscription,
        samples::{a_request, agent, at, decide, id, quorum, reviewer},
    },
    notify::{Build, Channel, ChannelSettings, Habits},
    store::{ApprovalStore as _, MemoryStore, Store, Submission},
    test_support::settle,
};

const PROGRAM: Habits = Habits { for_people: false, replaces: false, concurrency: 4 };
const MAIL: Habits = Habits { for_people: true, replaces: false, concurrency: 2 };
const CHAT: Habits = Habits { for_people: true, replaces: true, concurrency: 2 };

/// A dispatcher and its environment.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    receivers: BTreeMap<&'static str, Arc<Receiver>>,
    interruptions: u32,
    channels: Arc<Channels>,
    metrics: Metrics,
    running: JoinHandle<()>,
    requests: u64,
}

/// Settings that build a given channel.
#[derive(Debug)]
struct Given(Arc<Receiver>);

impl Build for Given {
    fn build(&self, _: &Resources) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::clone(&self.0) as Arc<dyn Channel>)
    }
}

fn name(text: &str) -> ChannelName {
    text.parse().unwrap()
}

impl World {
    /// With channels of these habits, which are told of everything.
    async fn new(habits: &[(&'static str, Habits)]) -> Self {
        Self::with(habits, Duration::ZERO, 1_000).await
    }

    async fn with(habits: &[(&'static str, Habits)], after: Duration, interruptions: u32) -> Self {
        let receivers: BTreeMap<_, _> =
            habits.iter().map(|(name, habits)| (*name, Arc::new(Receiver::new(*habits)))).collect();
        let wants = || Subscription { kinds: NotificationKind::ALL.into(), after };
        let channels = receivers.keys().map(|text| (name(text), wants())).collect();
        let default = receivers.keys().map(|text| name(text)).collect();
        let store = Arc::new(MemoryStore::with_routes(Arc::new(Routes { channels, default })));
        let clock = Arc::new(ManualClock::new(at(0)));
        let (channels, metrics, running) = start(&clock, &store, &receivers, after, interruptions).await;
        Self { clock, store, receivers, interruptions, channels, metrics, running, requests: 0 }
    }

    /// Kills the dispatcher, and starts another one on the same store.
    async fn restart(&mut self) {
        self.running.abort();
        settle().await;
        let started = start(&self.clock, &self.store, &self.receivers, Duration::ZERO, self.interruptions).await;
        (self.channels, self.metrics, self.running) = started;
        settle().await;
    }

    fn receiver(&self, name: &str) -> &Receiver {
        &self.receivers[name]
    }

    /// A request of this agent, which waits for two reviewers.
    async fn ask_as(&mut self, agent: &str) -> ApprovalId {
        self.requests += 1;
        let (mut request, arguments) = a_request(&self.requests.to_string());
        agent.clone_into(&mut request.agent.name);
        let (id, now) = (id(0, self.requests), self.clock.now());
        let (request, verdict) = (Arc::new(request), quorum(2));
        let submission = Submission { id, request, arguments, verdict, now, pending_limit: 1_000_000 };
        self.store.submit(submission).await.unwrap();
        settle().await;
        id
    }

    async fn ask(&mut self) -> ApprovalId {
        self.ask_as("bot").await
    }

    async fn act(&self, id: ApprovalId, command: Command) -> bool {
        let done = self.store.transition(id, command, self.clock.now()).await.is_ok();
        settle().await;
        done
    }

    async fn vote(&self, id: ApprovalId, n: usize) -> bool {
        let revision = self.approval(id).await.revision;
        self.act(id, Command::Decide(decide(reviewer(n), Choice::Approve, Seen::Revision(revision)))).await
    }

    async fn cancel(&self, id: ApprovalId) -> bool {
        self.act(id, Command::Cancel { actor: agent(), request_id: None, reason: String::new() }).await
    }

    async fn approval(&self, id: ApprovalId) -> Arc<Approval> {
        self.store.get(id).await.unwrap()
    }

    async fn lane(&self, channel: &str, id: ApprovalId) -> Lane {
        self.store.lane(&name(channel), id).await.unwrap().unwrap_or_else(|| Lane::new(name(channel), id))
    }

    /// Lets time pass, second by second, so that everything happens when it is due.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            settle().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn start(
    clock: &Arc<ManualClock>,
    store: &Arc<MemoryStore>,
    receivers: &BTreeMap<&'static str, Arc<Receiver>>,
    after: Duration,
    interruptions: u32,
) -> (Arc<Channels>, Metrics, JoinHandle<()>) {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let settings = receivers.iter().map(|(text, receiver)| ChannelSettings {
        name: name(text),
        subscription: Subscription { kinds: NotificationKind::ALL.into(), after },
        interruptions: Some(interruptions),
        kind_name: "test",
        fields: toml::Table::new(),
        secrets: Vec::new(),
        kind: Arc::new(Given(Arc::clone(receiver))),
    });
    let settings: Vec<_> = settings.collect();
    let resources = Resources { clock: Arc::clone(&clock), links: Links::default(), minter: None };
    let channels = Channels::build(&settings, &resources).unwrap();
    let all = Arc::clone(store) as Arc<dyn Store>;
    let policies = Policies::from_store(Control::new(all), Arc::clone(&clock), Duration::from_secs(300)).await.unwrap();
    let metrics = Metrics::new("test");
    let sources = Sources {
        outbox: Arc::clone(store) as Arc<dyn OutboxStore>,
        approvals: Arc::clone(store) as Arc<dyn ApprovalStore>,
        policies,
        clock,
        links: Links::default(),
        metrics: metrics.clone(),
    };
    let running = tokio::spawn(Arc::clone(&channels).run(sources));
    settle().await;
    (channels, metrics, running)
}
