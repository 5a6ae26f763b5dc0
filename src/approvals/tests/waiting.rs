//! `wait()`.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn waits_for_the_decision_or_for_news_as_asked() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 2})).await;
    let approvals = &world.approvals;
    let principal = agent();
    let mut decided = Box::pin(approvals.wait(&principal, id, 0, MINUTE));
    let mut changed = Box::pin(approvals.wait(&principal, id, 1, MINUTE));
    assert!(decided.as_mut().now_or_never().is_none());
    assert!(changed.as_mut().now_or_never().is_none());

    world.vote(1, id, Choice::Approve).await;
    assert_eq!(changed.await.unwrap().revision, 2);
    assert!(decided.as_mut().now_or_never().is_none());
    assert_eq!(approvals.wait(&principal, id, 1, MINUTE).now_or_never().unwrap().unwrap().revision, 2);

    world.vote(2, id, Choice::Approve).await;
    assert_eq!(decided.await.unwrap().status, Status::Approved);
    for after in 0..=3 {
        assert_eq!(approvals.wait(&principal, id, after, MINUTE).await.unwrap().status, Status::Approved);
    }
    let beyond = Error::RevisionOutOfRange { id, after: 4, revision: 3 };
    assert_eq!(approvals.wait(&principal, id, 4, MINUTE).await, Err(beyond));
}

#[tokio::test]
async fn answers_with_a_pending_approval_when_the_time_is_over() {
    let world = World::new();
    let id = world.ask(json!({"quorum": 3})).await;
    let principal = agent();
    let moment = Duration::from_micros(1);
    let mut waiting = Box::pin(world.approvals.wait(&principal, id, 0, MINUTE));
    assert!(poll(&mut waiting).is_none());
    world.clock.advance(MINUTE / 2);
    world.vote(1, id, Choice::Approve).await; // does not start the wait anew
    assert!(poll(&mut waiting).is_none());
    world.clock.advance(MINUTE / 2 - moment);
    assert!(poll(&mut waiting).is_none());
    world.clock.advance(moment);
    let approval = poll(&mut waiting).expect("the time is over").unwrap();
    assert_eq!((approval.status, approval.revision), (Status::Pending, 2));
    let at_once = world.approvals.wait(&principal, id, 0, Duration::ZERO);
    assert_eq!(at_once.await.unwrap().status, Status::Pending);
}

#[tokio::test]
async fn a_drain_ends_waits_but_not_answers() {
    let world = World::new();
    let (open, decided) = (world.ask(json!({})).await, world.ask(json!({"effect": "approve"})).await);
    let principal = agent();
    let mut waiting = Box::pin(world.approvals.wait(&principal, open, 0, MINUTE));
    assert!(waiting.as_mut().now_or_never().is_none());
    world.approvals.drain();
    assert_eq!(waiting.await, Err(Error::Draining));
    assert_eq!(world.approvals.wait(&principal, open, 0, MINUTE).await, Err(Error::Draining));
    let approval = world.approvals.wait(&principal, decided, 0, MINUTE).await.unwrap();
    assert_eq!(approval.status, Status::AutoApproved);
}
