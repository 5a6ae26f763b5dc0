//! Revocation of approved calls: who may, what they get, and what followers see.

use super::*;
use crate::domain::{EventKind, ExecutionResult};

fn revocation(id: ApprovalId) -> NewRevocation {
    let (surface, opened) = (Surface::Grpc, Vec::new());
    NewRevocation { id, request_id: None, reason: "wrong customer".into(), surface, opened }
}

fn only_operator() -> Arc<Principal> {
    principal(&[Role::Operator], ActorKind::Person, "only-operator")
}

impl World {
    async fn approved(&self) -> ApprovalId {
        self.ask(json!({"effect": "approve"})).await
    }

    async fn claim(&self, id: ApprovalId) -> Result<Approval, Error> {
        let digest = self.store.get(id).await.unwrap().digest;
        self.approvals.claim(&agent(), NewClaim { id, request_id: None, digest }).await
    }
}

#[tokio::test]
async fn whoever_may_read_gets_the_whole_approval_and_an_operator_its_revocation_only() {
    let world = World::new();
    for reader in [agent(), operator()] {
        let id = world.approved().await;
        let Ok(Revoked::Shown(approval)) = world.approvals.revoke(&reader, revocation(id)).await else { panic!() };
        assert_eq!(*approval, *world.store.get(id).await.unwrap());
        assert_eq!(approval.revocation.as_ref().unwrap().actor, reader.actor);
    }
    let id = world.approved().await;
    let unseen = world.approvals.revoke(&only_operator(), revocation(id)).await.unwrap();
    let stored = world.store.get(id).await.unwrap().revocation.clone().unwrap();
    assert_eq!(unseen, Revoked::Unseen { id, status: Status::AutoApproved, revocation: stored });
    assert!(matches!(world.claim(id).await, Err(Error::Store(StoreError::Refused(Refusal::Revoked(_))))));
}

#[tokio::test]
async fn an_operator_that_may_not_read_is_told_only_that_it_cannot_be_stopped() {
    let world = World::new();
    let id = world.approved().await;
    let claim_id = world.claim(id).await.unwrap().claim.unwrap().id;
    let (result, message) = (ExecutionResult::Failed, "the customer is Alice".to_owned());
    let report = NewReport { id, request_id: None, claim_id, result, message };
    world.approvals.report(&agent(), report).await.unwrap();
    let refused = world.approvals.revoke(&operator(), revocation(id)).await.unwrap_err();
    let Error::Store(StoreError::Refused(Refusal::AlreadyClaimed(claim))) = refused else { panic!("{refused:?}") };
    assert_eq!((claim.id, claim.outcome.is_some()), (claim_id, true));
    let unseen = world.approvals.revoke(&only_operator(), revocation(id)).await;
    assert_eq!(unseen, Err(Error::NotRevocable { id, claimed: true }));

    let id = world.approved().await;
    world.clock.advance(Duration::from_secs(8 * 86_400));
    let closed = world.approvals.revoke(&operator(), revocation(id)).await;
    assert!(matches!(closed, Err(Error::Store(StoreError::Refused(Refusal::ClaimWindowClosed { .. })))), "{closed:?}");
    let unseen = world.approvals.revoke(&only_operator(), revocation(id)).await;
    assert_eq!(unseen, Err(Error::NotRevocable { id, claimed: false }));
}

#[tokio::test]
async fn those_who_see_it_and_were_not_asked_are_refused_and_others_do_not_find_it() {
    let world = World::new();
    let id = world.ask(json!({"reviewers": "group:finance"})).await;
    let finance = member(1, &["finance"]);
    let vote = world.vote_on(id, Choice::Approve).await;
    world.approvals.decide(&finance, vote).await.unwrap();
    let sees = principal(&[Role::Auditor, Role::Agent], ActorKind::Service, "watcher");
    let refused = world.approvals.revoke(&sees, revocation(id)).await;
    assert_eq!(refused, Err(StoreError::Refused(Refusal::NotEligible).into()));
    for hidden in [member(2, &["legal"]), principal(&[Role::Agent], ActorKind::Agent, "stranger")] {
        assert_eq!(world.approvals.revoke(&hidden, revocation(id)).await, Err(Error::NotFound(id)));
    }
    assert!(world.store.get(id).await.unwrap().revocation.is_none());
    // Another of the reviewers who were asked, long after the vote.
    assert!(matches!(world.approvals.revoke(&member(3, &["finance"]), revocation(id)).await, Ok(Revoked::Shown(_))));
}

#[tokio::test]
async fn repeating_a_revocation_gives_the_first_result() {
    let world = World::new();
    let id = world.approved().await;
    let keyed = || NewRevocation { request_id: Some("k".into()), ..revocation(id) };
    let first = world.approvals.revoke(&agent(), keyed()).await.unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.approvals.revoke(&agent(), keyed()).await.unwrap(), first);
    let again = world.approvals.revoke(&agent(), revocation(id)).await;
    assert!(matches!(again, Err(Error::Store(StoreError::Refused(Refusal::Revoked(_))))), "{again:?}");
}

#[tokio::test]
async fn a_stream_that_begins_later_shows_the_revocation_and_ends() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let mut earlier = world.watch(id, 0).await.unwrap();
    world.vote(1, id, Choice::Approve).await;
    while !update(&mut earlier).await.0.status.is_terminal() {}
    assert!(earlier.next().await.is_none(), "it ended with the decision");
    world.approvals.revoke(&reviewer(1), revocation(id)).await.unwrap();
    for after in [0, 2, 3] {
        let mut later = world.watch(id, after).await.unwrap();
        let Some(Ok(Message::Update { approval, events })) = later.next().await else { panic!() };
        assert!(approval.status == Status::Approved && approval.revocation.is_some());
        let revoked = events.iter().filter(|event| matches!(event.kind, EventKind::Revoked { .. })).count();
        assert_eq!((events.len() as u64, revoked), (3 - after, usize::from(after < 3)));
        assert!(later.next().await.is_none());
    }
}

#[tokio::test]
async fn credentials_that_were_taken_back_revoke_nothing() {
    let world = World::new();
    let id = world.approved().await;
    let caller = operator();
    caller.revocation.revoke();
    assert_eq!(world.approvals.revoke(&caller, revocation(id)).await, Err(AccessDenied::Revoked.into()));
    assert!(world.claim(id).await.is_ok());
}
