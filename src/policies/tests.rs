//! The policy use-cases on the in-memory store, with a manual clock.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use super::*;
use crate::{
    clock::ManualClock,
    control::Control,
    domain::{
        Effect,
        samples::{arguments, at},
    },
    identity::AccessDenied,
    store::PolicyStore as _,
    test_support::{Staged, agent, operator, poll, reviewer, settle},
};

const CLAIM_WINDOW: Duration = Duration::from_secs(300);

fn document(rules: Value) -> Document {
    serde_json::from_value(json!({ "rules": rules })).unwrap()
}

fn compiled(rules: Value) -> Arc<Policy> {
    Arc::new(Policy::compile(document(rules)).unwrap())
}

fn change(policy: Arc<Policy>) -> PolicyChange {
    PolicyChange { request_id: None, policy, expected: None, comment: String::new(), validate_only: false }
}

fn approving() -> Arc<Policy> {
    compiled(json!([{"name": "yes", "tools": ["*"], "auto_approve": {}}]))
}

fn rejecting() -> Arc<Policy> {
    compiled(json!([{"name": "no", "tools": ["*"], "auto_reject": {}}]))
}

/// The store and the clock of the policy.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<Staged>,
}

impl World {
    fn new() -> Self {
        Self { clock: Arc::new(ManualClock::new(at(0))), store: Arc::default() }
    }
}

async fn opened(world: &World) -> Arc<Policies> {
    let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, Arc::clone(&world.clock) as Arc<dyn Clock>);
    Policies::from_store(Control::new(store), clock, CLAIM_WINDOW).await.unwrap()
}

fn a_call(args: &Value) -> OwnedCall {
    OwnedCall {
        tool_name: "send_email".into(),
        arguments: arguments(args),
        agent: crate::domain::Agent::default(),
        labels: std::collections::BTreeMap::new(),
        caller: agent().actor.clone(),
        now: at(0),
    }
}

/// The effect and version of a judgement by the live policy.
fn judged(policies: &Policies) -> (Effect, String) {
    let verdict = policies.judge(&a_call(&json!({})).borrow(), Effort::Full).unwrap();
    (verdict.effect, verdict.policy_version)
}

fn live(policies: &Policies) -> u64 {
    policies.status().borrow().live.version
}

#[tokio::test]
async fn the_newest_stored_policy_is_loaded() {
    let world = World::new();
    let policies = opened(&world).await;
    assert!(matches!(judged(&policies), (Effect::RequireApproval(_), version) if version == "0"));
    policies.set(&operator(), change(approving())).await.unwrap();
    policies.set(&operator(), change(rejecting())).await.unwrap();
    for policies in [policies, opened(&world).await] {
        assert_eq!(judged(&policies), (Effect::AutoReject, "2".to_owned()));
    }
}

#[tokio::test]
async fn an_unusable_stored_policy_is_not_replaced_by_another() {
    let world = World::new();
    for (version, document) in [
        (1, "nonsense"),
        (2, r#"{"rules":[{"name":"a","tools":["x"],"when":"nonsense"}]}"#),
        (3, r#"{"rules":[{"name":"a","tools":["x"],"quorum":2,"auto_approve":{}}]}"#),
        (4, r#"{"rules":[{"name":"a","tools":["x"],"require_approval":{"sponsor":2}}]}"#),
    ] {
        let new = NewPolicy {
            document: document.into(),
            author: operator().actor.clone(),
            comment: String::new(),
            request_id: None,
            expected: None,
            now: at(0),
        };
        world.store.put_policy(new).await.unwrap();
        let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, Arc::clone(&world.clock) as Arc<dyn Clock>);
        match Policies::from_store(Control::new(store), clock, CLAIM_WINDOW).await {
            Err(PolicyError::Unusable { version: found, problems }) => {
                assert_eq!(found, version);
                assert!(!problems.is_empty());
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
}

#[tokio::test]
async fn a_stored_policy_from_before_names_were_normalized_asks_the_reviewers_it_names() {
    let world = World::new();
    let named = |reviewer: &str| {
        let asks = json!({ "reviewers": [reviewer] });
        let rules = json!([{"name": "a", "tools": ["*"], "require_approval": asks}]);
        serde_json::to_string(&document(rules)).unwrap()
    };
    for reviewer in ["group: finance", "group:finance\u{200b}", "user:local/Jose\u{301}"] {
        let document = named(reviewer);
        let refused = crate::policy::Policy::compile(serde_json::from_str(&document).unwrap());
        assert_eq!(refused.is_err(), reviewer.starts_with("group"), "{reviewer:?}");
        let new = NewPolicy {
            document: document.into(),
            author: operator().actor.clone(),
            comment: String::new(),
            request_id: None,
            expected: None,
            now: at(0),
        };
        world.store.put_policy(new).await.unwrap();
        let policies = opened(&world).await;
        let (Effect::RequireApproval(asked), _) = judged(&policies) else { panic!("it asks") };
        let [panel] = asked.panels.as_slice() else { panic!("{asked:?}") };
        // The reviewer stays, even if it matches no one: a rule without reviewers would ask all reviewers.
        assert_eq!(panel.reviewers.len(), 1, "{reviewer:?}");
        assert!(!panel.reviewers[0].is(&operator().actor, &["finance".to_owned()].into()), "{reviewer:?}");
    }
}

#[tokio::test]
async fn a_policy_becomes_live_once_durable_even_if_the_caller_leaves() {
    let world = World::new();
    let policies = opened(&world).await;
    world.store.hold();
    {
        let operator = operator();
        let mut setting = Box::pin(policies.set(&operator, change(approving())));
        assert!(poll(&mut setting).is_none());
        settle().await;
        assert_eq!(*world.store.recorded.borrow(), 1);
        assert_eq!(live(&policies), 0, "it is not acknowledged yet");
        // The caller leaves.
    }
    world.store.release();
    settle().await;
    assert_eq!(judged(&policies), (Effect::AutoApprove, "1".to_owned()));
}

/// A log may block on a terminal. Readers of the policy, such as the store's writer, must not wait for it.
#[tokio::test]
async fn the_policy_can_be_read_while_a_new_one_is_logged() {
    struct Reader(tokio::sync::watch::Receiver<PolicyStatus>, Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> Layer<S> for Reader {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            let (status, (tell, told)) = (self.0.clone(), std::sync::mpsc::sync_channel(1));
            std::thread::spawn(move || tell.send(status.borrow().live.version));
            if told.recv_timeout(Duration::from_secs(10)).is_ok() {
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    let (policies, reads) = (opened(&World::new()).await, Arc::default());
    let reader = Reader(policies.status(), Arc::clone(&reads));
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(reader));
    policies.set(&operator(), change(approving())).await.unwrap();
    assert_ne!(reads.load(Ordering::SeqCst), 0, "the change is logged, and can be read meanwhile");
}

#[tokio::test]
async fn the_log_names_the_author_of_a_new_policy() {
    #[derive(Clone, Default)]
    struct Authors(Arc<Mutex<Vec<String>>>);

    impl Visit for Authors {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "by" {
                self.0.lock().unwrap().push(value.to_owned());
            }
        }

        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }

    impl<S: tracing::Subscriber> Layer<S> for Authors {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    let (policies, authors) = (opened(&World::new()).await, Authors::default());
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(authors.clone()));
    policies.set(&operator(), change(approving())).await.unwrap();
    assert_eq!(*authors.0.lock().unwrap(), [operator().actor.to_string()]);
}

#[tokio::test]
async fn a_repeated_call_does_not_restore_an_old_version() {
    let policies = opened(&World::new()).await;
    let first = PolicyChange { request_id: Some("one".into()), ..change(approving()) };
    let head = policies.set(&operator(), first.clone()).await.unwrap();
    policies.set(&operator(), change(rejecting())).await.unwrap();
    assert_eq!(policies.set(&operator(), first).await.unwrap(), head);
    assert_eq!(judged(&policies), (Effect::AutoReject, "2".to_owned()));
}

#[tokio::test]
async fn an_equal_policy_creates_no_version_and_its_repetition_restores_none() {
    let policies = opened(&World::new()).await;
    let first = policies.set(&operator(), change(approving())).await.unwrap();
    let keyed = PolicyChange { request_id: Some("same".into()), comment: "again".into(), ..change(approving()) };
    let dry = PolicyChange { validate_only: true, ..keyed.clone() };
    assert_eq!(policies.set(&operator(), dry).await.unwrap(), first, "nothing would change");
    assert_eq!(policies.set(&operator(), keyed.clone()).await.unwrap(), first);
    assert_eq!(policies.list(&operator(), None, 9).await.unwrap().0.len(), 1);
    policies.set(&operator(), change(rejecting())).await.unwrap();
    assert_eq!(policies.set(&operator(), keyed).await.unwrap(), first);
    assert_eq!(judged(&policies), (Effect::AutoReject, "2".to_owned()));
}

#[tokio::test]
async fn channels_of_the_server_are_known_by_warnings() {
    let policies = opened(&World::new()).await;
    let notify = |name: &str| {
        let document = serde_json::from_value(json!({ "notify": [name] })).unwrap();
        Arc::new(Policy::compile(document).unwrap())
    };
    let warned = async |name| {
        let found = policies.warnings(&operator().actor, notify(name), BTreeSet::new()).await;
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(warned("gone").await.is_empty(), "before the server says which channels it has");
    policies.know_channels(["mail".parse().unwrap()].into());
    assert_eq!(warned("gone").await, ["notify[0]: \"gone\" is not a channel of this server; nothing is sent there"]);
    assert!(warned("mail").await.is_empty());
}

#[tokio::test]
async fn only_operators_set_and_test() {
    let policies = opened(&World::new()).await;
    for principal in [agent(), reviewer(1)] {
        let set = policies.set(&principal, change(approving())).await;
        assert!(matches!(set, Err(Error::Access(AccessDenied::RoleNotAllowed { .. }))));
        let tried = policies.test(&principal, Tried::Live, |_| Vec::new()).await;
        assert!(matches!(tried, Err(Error::Access(AccessDenied::RoleNotAllowed { .. }))));
    }
    assert!(policies.get(&agent(), None).await.is_err() && policies.list(&agent(), None, 1).await.is_err());
    assert!(policies.get(&reviewer(1), None).await.is_ok() && policies.list(&reviewer(1), None, 1).await.is_ok());
    assert_eq!(live(&policies), 0);
}

#[tokio::test]
async fn a_test_reports_its_policy() {
    let policies = opened(&World::new()).await;
    policies.set(&operator(), change(approving())).await.unwrap();
    policies.set(&operator(), change(rejecting())).await.unwrap();
    for (tried, effect, version) in [
        (Tried::Live, Effect::AutoReject, "2"),
        (Tried::Version(2), Effect::AutoReject, "2"),
        (Tried::Version(1), Effect::AutoApprove, "1"),
        (Tried::Given(approving()), Effect::AutoApprove, ""),
    ] {
        let (_, verdicts) = policies.test(&operator(), tried, |_| vec![a_call(&json!({}))]).await.unwrap();
        assert_eq!((&verdicts[0].effect, verdicts[0].policy_version.as_str()), (&effect, version));
        assert_eq!(verdicts[0].claim_window, CLAIM_WINDOW);
    }
    let unknown = policies.test(&operator(), Tried::Version(7), |_| Vec::new()).await;
    assert!(matches!(unknown, Err(Error::VersionNotFound(7))));
}

/// A revoked caller can do nothing, even with a call that started before.
#[tokio::test]
async fn a_revoked_caller_sets_no_policy() {
    let (policies, mallory) = (opened(&World::new()).await, operator());
    mallory.revocation.revoke();
    assert_eq!(policies.set(&mallory, change(approving())).await.unwrap_err(), AccessDenied::Revoked.into());
    assert_eq!(live(&policies), 0);
}

#[tokio::test]
async fn a_version_of_another_server_is_live_and_a_file_that_differs_is_a_problem() {
    let world = World::new();
    let opened = async || {
        let (store, clock) = (Arc::clone(&world.store) as Arc<dyn Store>, Arc::clone(&world.clock) as Arc<dyn Clock>);
        let policy = Policy::compile(approving().document().clone()).unwrap();
        Policies::from_file(Control::new(store), clock, CLAIM_WINDOW, "/p.yaml".into(), policy).await.unwrap()
    };
    let (here, there) = (opened().await, opened().await);
    assert_eq!((here.live().version, there.live().version), (1, 1), "equal files make one version");
    let changes =
        async || ControlChanges { policy: world.store.policy(None).await.unwrap(), ..ControlChanges::default() };
    let rejecting = || Ok(Policy::compile(rejecting().document().clone()).unwrap());
    there.take_file(rejecting()).await.unwrap();
    there.follow(&changes().await).await.unwrap();
    assert!(there.file().unwrap().1.is_none(), "it recorded this version itself");
    here.follow(&changes().await).await.unwrap();
    assert_eq!(here.live().version, 2);
    let fault = here.file().unwrap().1.unwrap();
    assert!(fault.error.contains("version 2 of the policy, which differs from /p.yaml"), "{fault:?}");
    here.take_file(rejecting()).await.unwrap();
    assert!(here.file().unwrap().1.is_none() && here.live().version == 2, "the files are equal again");
}
