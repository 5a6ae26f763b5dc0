//! What was decided before on calls like one, and what became of it.

use super::*;
use crate::domain::ExecutionResult::{self, Failed, Succeeded};

impl World {
    async fn recent(&self, caller: &Principal, of: ApprovalId, limit: usize) -> Recent {
        let of = self.store.get(of).await.unwrap();
        self.approvals.recent_of(caller, &of, limit).await.unwrap()
    }

    /// Claims an approved call and reports its result, at the next second.
    async fn run(&self, id: ApprovalId, result: ExecutionResult) {
        self.clock.advance(Duration::from_secs(1));
        let digest = self.store.get(id).await.unwrap().digest;
        let claimed = self.approvals.claim(&agent(), NewClaim { id, request_id: None, digest }).await.unwrap();
        let claim_id = claimed.claim.unwrap().id;
        let report = NewReport { id, request_id: None, claim_id, result, message: "m".into() };
        self.approvals.report(&agent(), report).await.unwrap();
    }

    async fn decided(&self, asked: Value, choice: Choice) -> ApprovalId {
        let id = self.ask(asked).await;
        self.clock.advance(Duration::from_secs(1));
        self.vote(1, id, choice).await;
        id
    }
}

fn ids(recent: &Recent) -> Vec<ApprovalId> {
    recent.decided.iter().map(|approval| approval.id).collect()
}

#[tokio::test]
async fn the_last_decisions_of_the_same_tool_and_agent_are_recalled() {
    let world = World::new();
    let rejected = world.decided(json!({"n": 1}), Choice::Reject).await;
    let approved = world.decided(json!({"n": 2}), Choice::Approve).await;
    world.run(approved, Succeeded).await;
    let elsewhere = |change: fn(&mut NewRequest)| {
        let mut new = asking(json!({}));
        change(&mut new);
        new
    };
    for other in [elsewhere(|new| new.tool_name = "other".into()), elsewhere(|new| new.agent.name = "other".into())] {
        let id = world.ask_for(other).await;
        world.vote(1, id, Choice::Reject).await;
    }
    // A newcomer that takes the agent's name.
    let newcomer = Arc::new(Principal::clone(&principal(&[Role::Agent], ActorKind::Agent, "newcomer")));
    let mut follower = Arc::clone(&world.approvals).request(newcomer, asking(json!({})), 0).await.unwrap();
    let taken = update(&mut follower).await.0.id;
    world.vote(1, taken, Choice::Reject).await;
    world.ask(json!({"effect": "approve"})).await; // nobody was asked
    world.ask(json!({"pending": true})).await;
    let finance = world.ask(json!({"reviewers": "group:finance"})).await;
    let decision = world.vote_on(finance, Choice::Approve).await;
    world.approvals.decide(&member(2, &["finance"]), decision).await.unwrap();
    let of = world.ask(json!({"n": 3})).await;
    let recent = world.recent(&reviewer(1), of, 3).await;
    assert_eq!(ids(&recent), [approved, rejected]);
    let outcome = recent.decided[0].claim.as_ref().unwrap().outcome.as_ref().unwrap();
    assert_eq!((outcome.result, recent.failure), (Succeeded, None));
    assert_eq!(ids(&world.recent(&member(2, &["finance"]), of, 3).await), [finance, approved, rejected]);
    assert_eq!(ids(&world.recent(&operator(), of, 2).await), [finance, approved], "at most as many as wanted");
    assert_eq!(ids(&world.recent(&reviewer(1), approved, 1).await), [rejected], "not the approval itself");
    assert_eq!(ids(&world.recent(&reviewer(1), of, 0).await), []);
    let nobody = principal(&[Role::Operator], ActorKind::Person, "o");
    let of = world.store.get(of).await.unwrap();
    assert!(matches!(world.approvals.recent_of(&nobody, &of, 3).await, Err(Error::Access(_))));
}

#[tokio::test]
async fn they_are_in_the_order_of_their_decisions() {
    let world = World::new();
    let (first, second) = (world.ask(json!({"n": 1})).await, world.ask(json!({"n": 2})).await);
    for id in [second, first] {
        world.clock.advance(Duration::from_secs(1));
        world.vote(1, id, Choice::Approve).await;
    }
    let of = world.ask(json!({})).await;
    assert_eq!(ids(&world.recent(&reviewer(1), of, 3).await), [first, second]);
}

#[tokio::test]
async fn the_last_failure_of_the_same_caller_and_tool_is_recalled() {
    let world = World::new();
    let failed = world.decided(json!({"n": 1}), Choice::Approve).await;
    world.run(failed, Failed).await;
    let other_agent = NewRequest { agent: crate::domain::Agent::default(), ..asking(json!({"n": 2})) };
    let of = world.ask_for(other_agent).await;
    let failure = |recent: Recent| recent.failure.map(|it| (it.approval.id, it.succeeded_since));
    assert_eq!(failure(world.recent(&reviewer(1), of, 3).await), Some((failed, false)), "of any agent of the caller");

    let again = world.decided(json!({"n": 3}), Choice::Approve).await;
    assert_eq!(failure(world.recent(&reviewer(1), of, 3).await), Some((failed, false)), "it has not run yet");
    world.run(again, Succeeded).await;
    assert_eq!(failure(world.recent(&reviewer(1), of, 3).await), Some((failed, true)));
    let last = world.decided(json!({"n": 4}), Choice::Approve).await;
    world.run(last, Failed).await;
    assert_eq!(failure(world.recent(&reviewer(1), of, 3).await), Some((last, false)));

    let other_tool = world.ask_for(NewRequest { tool_name: "other".into(), ..asking(json!({})) }).await;
    assert_eq!(world.recent(&reviewer(1), other_tool, 3).await, Recent::default());
    let stranger = principal(&[Role::Agent], ActorKind::Agent, "stranger");
    let mut theirs = Arc::clone(&world.approvals).request(stranger, asking(json!({})), 0).await.unwrap();
    let theirs = update(&mut theirs).await.0.id;
    assert_eq!(world.recent(&reviewer(1), theirs, 3).await.failure, None, "another caller's calls are not its own");
}

#[tokio::test]
async fn a_failure_that_the_caller_may_not_read_is_not_shown() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance"})).await;
    let decision = world.vote_on(id, Choice::Approve).await;
    world.approvals.decide(&member(2, &["finance"]), decision).await.unwrap();
    world.run(id, Failed).await;
    let of = world.ask(json!({})).await;
    assert_eq!(world.recent(&reviewer(1), of, 3).await.failure, None);
    assert!(world.recent(&member(2, &["finance"]), of, 3).await.failure.is_some());
}
