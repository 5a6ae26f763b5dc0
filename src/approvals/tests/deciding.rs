//! Decisions with edits, and repeated calls.

use super::*;

fn refused(refusal: Refusal) -> Error {
    Error::Store(refusal.into())
}

#[tokio::test]
async fn an_edit_is_judged_anew_and_reaches_the_requester() {
    let world = World::new();
    let mut follower = world.request(asking(json!({"quorum": 2})), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    world.vote(1, id, Choice::Approve).await;
    update(&mut follower).await;

    // The edited arguments need three votes. The earlier vote does not count, the editor's does.
    let edited = json!({"quorum": 3, "to": "bob"});
    let approval = world.approvals.decide(&reviewer(2), world.edit(id, edited.clone()).await).await.unwrap();
    assert_eq!((approval.status, approval.approvals(), approval.requirement().quorum()), (Status::Pending, 1, 3));
    let (told, events) = update(&mut follower).await;
    assert_eq!((&told.arguments, events), (&arguments(&edited), vec![3, 4]));
    assert_ne!(told.digest, told.request.digest);

    world.vote(1, id, Choice::Approve).await;
    world.vote(3, id, Choice::Approve).await;
    update(&mut follower).await;
    let claim = |digest| NewClaim { id, request_id: None, digest };
    let stale = world.approvals.claim(&agent(), claim(told.request.digest)).await;
    assert_eq!(stale, Err(refused(Refusal::DigestMismatch { approved: told.digest })));
    let claimed = world.approvals.claim(&agent(), claim(told.digest)).await.unwrap();
    assert_eq!(claimed.arguments, arguments(&edited));
}

#[tokio::test]
async fn the_policy_can_forbid_or_approve_what_was_edited() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2})).await;
    let forbidden = world.approvals.decide(&reviewer(1), world.edit(id, json!({"effect": "reject"})).await).await;
    let reason = Refusal::EditForbidden { rule: "rule".into(), message: "as scripted".into() };
    assert_eq!(forbidden, Err(refused(reason)));
    assert_eq!(world.store.get(id).await.unwrap().revision, 1);

    // Arguments that need no reviewer still need their editor's approval.
    let edit = world.edit(id, json!({"effect": "approve"})).await;
    let approval = world.approvals.decide(&reviewer(1), edit).await.unwrap();
    assert_eq!((approval.status, approval.revision), (Status::Approved, 3));
}

#[tokio::test]
async fn an_edit_follows_the_schema_of_the_request() {
    let world = World::new();
    let schema = json!({"type": "object", "properties": {"amount": {"maximum": 10}, "to": {"type": "string"}}});
    let new = NewRequest { schema: Some(schema.to_string().into()), ..asking(json!({"amount": 1})) };
    let id = world.ask_for(new).await;
    let bad = world.edit(id, json!({"amount": 11, "to": 5})).await;
    match world.approvals.decide(&reviewer(1), bad).await {
        Err(Error::EditViolatesSchema(violations)) => assert_eq!(violations.len(), 2, "{violations:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.store.get(id).await.unwrap().revision, 1);
    let good = world.edit(id, json!({"amount": 10})).await;
    assert_eq!(world.approvals.decide(&reviewer(1), good).await.unwrap().status, Status::Approved);
}

#[tokio::test]
async fn a_view_from_before_an_edit_is_stale() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2})).await;
    let before = world.vote_on(id, Choice::Approve).await;
    let edit = world.edit(id, json!({"quorum": 2, "edited": true})).await;
    let approval = world.approvals.decide(&reviewer(1), edit).await.unwrap();
    let stale = Refusal::Stale { revision: approval.revision, digest: approval.digest };
    assert_eq!(world.approvals.decide(&reviewer(2), before).await, Err(refused(stale)));
    assert_eq!(world.vote(2, id, Choice::Approve).await.status, Status::Approved);
}

#[tokio::test]
async fn a_repeated_call_gives_the_first_result() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2})).await;
    let request_id = || Some("again".to_owned());
    let voted = NewDecision { request_id: request_id(), ..world.vote_on(id, Choice::Approve).await };
    let first_vote = world.approvals.decide(&reviewer(1), voted.clone()).await.unwrap();
    let edit = NewDecision { request_id: request_id(), ..world.edit(id, json!({"quorum": 2, "a": 1})).await };
    let first_edit = world.approvals.decide(&reviewer(2), edit.clone()).await.unwrap();
    let approved = world.vote(1, id, Choice::Approve).await;
    let claim = NewClaim { id, request_id: request_id(), digest: approved.digest };
    let first_claim = world.approvals.claim(&agent(), claim.clone()).await.unwrap();
    let claim_id = first_claim.claim.as_ref().unwrap().id;
    assert_eq!(
        world.approvals.claim(&agent(), claim.clone()).await.unwrap(),
        first_claim,
        "its reply may have been lost"
    );
    let result = crate::domain::ExecutionResult::Succeeded;
    let report = NewReport { id, request_id: Some("report".into()), claim_id, result, message: "ok".into() };
    let first_report = world.approvals.report(&agent(), report.clone()).await.unwrap();

    let revision = world.store.get(id).await.unwrap().revision;
    world.clock.advance(Duration::from_secs(100_000)); // whatever the time
    assert_eq!(world.approvals.decide(&reviewer(1), voted.clone()).await.unwrap(), first_vote);
    assert_eq!(world.approvals.decide(&reviewer(2), edit).await.unwrap(), first_edit);
    let taken = Refusal::AlreadyClaimed(Box::new(first_report.claim.clone().unwrap()));
    assert_eq!(world.approvals.claim(&agent(), claim.clone()).await, Err(refused(taken)), "it has run");
    assert_eq!(world.approvals.report(&agent(), report).await.unwrap(), first_report);
    assert_eq!(world.store.get(id).await.unwrap().revision, revision);

    let reused = || Err(refused(Refusal::RequestIdReused { request_id: "again".into(), approval: id, field: None }));
    let other = NewDecision { comment: "other".into(), ..voted };
    assert_eq!(world.approvals.decide(&reviewer(1), other).await, reused());
    let cancel = Cancellation { id, request_id: request_id(), reason: String::new() };
    assert_eq!(world.approvals.cancel(&agent(), cancel).await, reused());
}

#[tokio::test]
async fn a_caller_that_left_does_not_keep_an_edit_from_shortening_the_deadline() {
    let world = World::without_heartbeats();
    let id = world.ask(json!({})).await;
    let expirer = tokio::spawn(crate::workers::expire(Arc::clone(&world.approvals)));
    settle().await; // it sleeps for the deadline as asked
    let edit = world.edit(id, json!({"quorum": 2, "limit": 60})).await;
    world.store.hold();
    let (editor, mut recorded) = (reviewer(1), world.store.recorded.subscribe());
    let mut deciding = Box::pin(world.approvals.decide(&editor, edit));
    assert!(deciding.as_mut().now_or_never().is_none());
    recorded.wait_for(|recorded| *recorded == 2).await.unwrap();
    drop(deciding);
    world.store.release();
    let mut follower = world.watch(id, 1).await.unwrap();
    assert_eq!(update(&mut follower).await.0.deadline, at(60));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(update(&mut follower).await.0.status, Status::TimedOut);
    expirer.abort();
}
