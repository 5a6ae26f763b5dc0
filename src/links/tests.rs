//! Links on the in-memory store, with a clock and a policy that the tests control.

use serde_json::json;

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    control::Control,
    domain::{
        Agent, NewRequest, Refusal, Status,
        samples::{arguments, at},
    },
    identity::{AuthenticationMethod, LINK_TOKEN_LEN},
    policy::{Judge, Policy, PolicyChange},
    store::{ApprovalStore as _, SigningKeyStore as _, Store},
    test_support::{Staged, agent, operator, reviewer},
};

struct World {
    clock: Arc<ManualClock>,
    store: Arc<Staged>,
    approvals: Arc<Approvals>,
    policies: Arc<Policies>,
    links: Arc<Links>,
}

impl World {
    async fn new(policy: Value) -> Self {
        let (clock, store) = (Arc::new(ManualClock::new(at(0))), Arc::new(Staged::default()));
        let (shared, time) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>);
        let window = Duration::from_secs(300);
        let policies =
            Policies::from_store(Control::new(Arc::clone(&shared)), Arc::clone(&time), window).await.unwrap();
        let policy = Arc::new(Policy::compile(serde_json::from_value(policy).unwrap()).unwrap());
        let change =
            PolicyChange { request_id: None, policy, expected: None, comment: String::new(), validate_only: false };
        policies.set(&operator(), change).await.unwrap();
        let settings = approvals::Settings {
            heartbeat: Duration::from_secs(15),
            max_stream_age: Duration::from_secs(3_600),
            pending_per_caller: 100,
        };
        let approvals = Approvals::new(Control::new(shared), Arc::clone(&policies) as Arc<dyn Judge>, time, settings);
        let keys = Arc::clone(&store) as Arc<dyn SigningKeyStore>;
        let links = Links::new(keys, Arc::clone(&approvals), Arc::clone(&policies));
        Self { clock, store, approvals, policies, links }
    }

    async fn ask(&self, asked: Value, change: impl FnOnce(&mut NewRequest)) -> Arc<Approval> {
        let mut new = NewRequest {
            request_id: None,
            tool_name: "pay".into(),
            arguments: arguments(&asked),
            agent: Agent { name: "bot".into(), ..Agent::default() },
            reason: String::new(),
            labels: Default::default(),
            timeout: Duration::from_secs(3_600),
            schema: None,
            cancel_on_disconnect: false,
            on_behalf_of: None,
        };
        change(&mut new);
        let mut follower = Arc::clone(&self.approvals).request(agent(), new, 0).await.unwrap();
        match follower.next().await.unwrap().unwrap() {
            approvals::Message::Update { approval, .. } => self.store.get(approval.id).await.unwrap(),
            approvals::Message::Progress { .. } => panic!("Progress instead of an update"),
        }
    }

    async fn mint(&self, approval: &Approval, choice: Choice) -> Option<String> {
        self.links.mint(approval, &reviewer(1).actor, choice, self.clock.now()).await
    }

    async fn state(&self, token: &str) -> LinkState {
        self.links.open(&person(1), token).await.unwrap().state
    }
}

/// Any reviewer decides about every call.
fn any(quorum: u32) -> Value {
    json!({"unlisted_tools": {"require_approval": {"quorum": quorum}}})
}

/// A reviewer who signed in.
fn person(n: usize) -> Principal {
    Principal { method: AuthenticationMethod::Session, ..Principal::clone(&reviewer(n)) }
}

#[tokio::test]
async fn a_link_decides_once_for_its_person() {
    for (choice, status) in [(Choice::Approve, Status::Approved), (Choice::Reject, Status::Rejected)] {
        let world = World::new(any(1)).await;
        let approval = world.ask(json!({"to": "a"}), |_| ()).await;
        let token = world.mint(&approval, choice).await.unwrap();
        assert_eq!(token.len(), LINK_TOKEN_LEN);
        for n in [2, 3] {
            let of_another = Err(Error::OfAnother(approval.id));
            assert_eq!(world.links.open(&person(n), &token).await, of_another);
            let decided = world.links.decide(&person(n), &token, 1, String::new()).await;
            assert_eq!(decided, Err(Error::OfAnother(approval.id)));
        }
        for _ in 0..3 {
            assert_eq!(world.state(&token).await, LinkState::Open);
        }
        assert_eq!(world.store.get(approval.id).await.unwrap(), approval, "looking changes nothing");
        let decided = world.links.decide(&person(1), &token, 1, "fine".into()).await.unwrap();
        let decision = decided.decision.as_ref().unwrap();
        assert_eq!((decision.status, &*decision.comment, decision.seen), (status, "fine", 1));
        let provenance = decision.provenance.as_ref().unwrap();
        assert_eq!((provenance.surface, provenance.assurance), (Surface::Link, crate::domain::Assurance::Session));
        // A repetition gets the first result; another comment is another decision.
        assert_eq!(world.links.decide(&person(1), &token, 1, "fine".into()).await, Ok(decided.clone()));
        let again = world.links.decide(&person(1), &token, 1, "other".into()).await;
        assert!(
            matches!(
                again,
                Err(Error::Approval(approvals::Error::Store(StoreError::Refused(Refusal::RequestIdReused { .. }))))
            ),
            "{again:?}"
        );
        assert_eq!(world.state(&token).await, LinkState::Used);
        assert_eq!(*world.store.get(approval.id).await.unwrap(), decided);
    }
}

#[tokio::test]
async fn two_links_of_one_person_cast_one_vote() {
    let world = World::new(any(2)).await;
    let approval = world.ask(json!({"to": "a"}), |_| ()).await;
    let links = [world.mint(&approval, Choice::Approve).await, world.mint(&approval, Choice::Approve).await];
    let [one, other] = links.map(Option::unwrap);
    let voted = world.links.decide(&person(1), &one, 1, String::new()).await.unwrap();
    assert_eq!((voted.status, voted.approvals()), (Status::Pending, 1));
    assert_eq!(world.state(&one).await, LinkState::Used);
    let refused = world.links.decide(&person(1), &other, voted.revision, String::new()).await;
    assert_eq!(refused, Err(Error::Approval(StoreError::Refused(Refusal::AlreadyVoted).into())));
    assert_eq!(world.mint(&voted, Choice::Approve).await, None, "nothing is left to decide");
    // Another person's vote does not outdate a link.
    let second = world.links.mint(&voted, &reviewer(2).actor, Choice::Approve, at(0)).await.unwrap();
    let decided = world.links.decide(&person(2), &second, voted.revision, String::new()).await.unwrap();
    assert_eq!(decided.status, Status::Approved);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_the_deadline() {
    let world = World::new(any(1)).await;
    let long = world.ask(json!({"to": "a"}), |_| ()).await;
    let short = world.ask(json!({"to": "a"}), |new| new.timeout = Duration::from_secs(60)).await;
    let [long_link, short_link] =
        [world.mint(&long, Choice::Approve).await, world.mint(&short, Choice::Reject).await].map(Option::unwrap);
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(world.state(&short_link).await, LinkState::Open);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.state(&short_link).await, LinkState::Expired);
    assert_eq!(world.mint(&short, Choice::Approve).await, None, "after the deadline");
    world.clock.advance(Duration::from_secs(839));
    assert_eq!(world.state(&long_link).await, LinkState::Open);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.state(&long_link).await, LinkState::Expired);
    for token in [&long_link, &short_link] {
        let refused = world.links.decide(&person(1), token, 1, String::new()).await;
        assert_eq!(refused, Err(Error::Closed(LinkState::Expired)));
    }
    assert_eq!(world.store.get(long.id).await.unwrap().votes, []);
}

#[tokio::test]
async fn what_changed_or_was_decided_is_not_decided_by_a_link() {
    let world = World::new(any(2)).await;
    let approval = world.ask(json!({"to": "a"}), |_| ()).await;
    let token = world.mint(&approval, Choice::Reject).await.unwrap();
    let edit = NewDecision {
        id: approval.id,
        request_id: None,
        choice: Choice::Approve,
        seen: Seen::Revision(1),
        comment: String::new(),
        edit: Some(arguments(&json!({"to": "b"}))),
        on_behalf_of: None,
        surface: Surface::Desk,
        opened: Vec::new(),
    };
    let edited = world.approvals.decide(&person(2), edit).await.unwrap();
    assert_eq!(world.state(&token).await, LinkState::Changed);
    for seen in [1, edited.revision] {
        let refused = world.links.decide(&person(1), &token, seen, String::new()).await;
        assert_eq!(refused, Err(Error::Closed(LinkState::Changed)));
    }
    // The new arguments have their own link, which a page from before the edit does not use.
    let token = world.mint(&edited, Choice::Reject).await.unwrap();
    let stale = world.links.decide(&person(1), &token, 1, String::new()).await;
    assert_eq!(stale, Err(Error::Closed(LinkState::Changed)));
    let rejection =
        NewDecision { choice: Choice::Reject, seen: Seen::Revision(edited.revision), edit: None, ..of(edited.id) };
    let rejected = world.approvals.decide(&person(2), rejection).await.unwrap();
    assert_eq!(world.state(&token).await, LinkState::Decided);
    let refused = world.links.decide(&person(1), &token, edited.revision, String::new()).await;
    assert_eq!(refused, Err(Error::Closed(LinkState::Decided)));
    assert_eq!(*world.store.get(edited.id).await.unwrap(), rejected);
    assert_eq!(world.mint(&rejected, Choice::Reject).await, None);
}

fn of(id: ApprovalId) -> NewDecision {
    NewDecision {
        id,
        request_id: None,
        choice: Choice::Approve,
        seen: Seen::Revision(1),
        comment: String::new(),
        edit: None,
        on_behalf_of: None,
        surface: Surface::Desk,
        opened: Vec::new(),
    }
}

#[tokio::test]
async fn nothing_is_approved_that_a_message_does_not_show_whole() {
    let policy = json!({"redact": ["args.card"], "unlisted_tools": {"require_approval": {}}});
    let world = World::new(policy).await;
    let long = "x".repeat(101);
    for asked in [json!({"card": "1"}), json!({"to": long}), json!({"list": [1]}), json!({"to": "a\u{200b}"})] {
        let approval = world.ask(asked.clone(), |_| ()).await;
        assert_eq!(world.mint(&approval, Choice::Approve).await, None, "{asked}");
        assert!(world.mint(&approval, Choice::Reject).await.is_some(), "{asked}");
        // As if an older build had been less strict.
        let of = (approval.id, approval.digest);
        let key = world.links.key().await.unwrap();
        let token = LinkToken::new(key, &reviewer(1).actor, of, Choice::Approve, at(900)).unwrap().sign(key);
        assert_eq!(world.state(&token).await, LinkState::Partial, "{asked}");
        let refused = world.links.decide(&person(1), &token, 1, String::new()).await;
        assert_eq!(refused, Err(Error::Closed(LinkState::Partial)));
    }
    let odd: [fn(&mut NewRequest); 4] = [
        |new| new.reason = "x".repeat(201),
        |new| new.reason = "a\u{202e}b".into(),
        |new| new.agent.chain = vec!["a".into(); 4],
        |new| drop(new.labels.insert("team".into(), "a\u{200b}".into())),
    ];
    for change in odd {
        let approval = world.ask(json!({"to": "a"}), change).await;
        assert_eq!(world.mint(&approval, Choice::Approve).await, None);
    }
}

#[tokio::test]
async fn nobody_gets_a_link_to_decide_their_own_request() {
    let world = World::new(any(1)).await;
    let mut own = Approval::clone(&*world.ask(json!({"to": "a"}), |_| ()).await);
    Arc::make_mut(&mut own.request).on_behalf_of = Some(reviewer(1).actor.clone());
    for choice in [Choice::Approve, Choice::Reject] {
        assert_eq!(world.mint(&own, choice).await, None);
        assert_eq!(world.links.mint(&own, &agent().actor, choice, at(0)).await, None);
        assert!(world.links.mint(&own, &reviewer(2).actor, choice, at(0)).await.is_some());
    }
}

#[tokio::test]
async fn a_link_does_not_show_what_its_person_may_not_see() {
    let world = World::new(json!({"unlisted_tools": {"require_approval": {"reviewers": ["group:legal"]}}})).await;
    let approval = world.ask(json!({"to": "a"}), |_| ()).await;
    let token = world.mint(&approval, Choice::Approve).await.unwrap();
    let missing = Error::Approval(approvals::Error::NotFound(approval.id));
    assert_eq!(world.links.open(&person(1), &token).await, Err(missing.clone()));
    assert_eq!(world.links.decide(&person(1), &token, 1, String::new()).await, Err(missing));
}

#[tokio::test]
async fn only_the_first_link_makes_a_key_and_a_restart_keeps_it() {
    let world = World::new(any(1)).await;
    let approval = world.ask(json!({"to": "a"}), |_| ()).await;
    let forged = LinkToken::new(
        &SigningKey::new([1; 32]),
        &reviewer(1).actor,
        (approval.id, approval.digest),
        Choice::Approve,
        at(900),
    );
    let forged = forged.unwrap().sign(&SigningKey::new([1; 32]));
    for text in ["", "x", &forged] {
        assert_eq!(world.links.open(&person(1), text).await, Err(Error::NotALink(NotALink)));
    }
    assert_eq!(world.store.signing_key(KeyPurpose::Links).await, Ok(None), "opening a link makes no key");
    let token = world.mint(&approval, Choice::Approve).await.unwrap();
    assert!(world.store.signing_key(KeyPurpose::Links).await.unwrap().is_some());
    assert_eq!(world.links.open(&person(1), &forged).await, Err(Error::NotALink(NotALink)));
    let keys = Arc::clone(&world.store) as Arc<dyn SigningKeyStore>;
    let restarted = Links::new(keys, Arc::clone(&world.approvals), Arc::clone(&world.policies));
    assert_eq!(restarted.open(&person(1), &token).await.unwrap().state, LinkState::Open);
    let other = restarted.mint(&approval, &reviewer(1).actor, Choice::Reject, at(0)).await.unwrap();
    assert_eq!(world.state(&other).await, LinkState::Open, "one key");
}
