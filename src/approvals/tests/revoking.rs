//! Credentials that are revoked or expire during open calls.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// A revoked caller does nothing more, not even with calls in progress.
#[tokio::test]
async fn nothing_is_done_for_whom_was_revoked() {
    let (world, agent, reviewer) = (World::new(), agent(), reviewer(1));
    let id = world.ask(json!({})).await;
    [&agent, &reviewer].iter().for_each(|caller| caller.revocation.revoke());
    let asked = Arc::clone(&world.approvals).request(agent, asking(json!({})), 0).await;
    assert_eq!(asked.err(), Some(AccessDenied::Revoked.into()));
    let decided = world.approvals.decide(&reviewer, world.vote_on(id, Choice::Approve).await).await;
    assert_eq!(decided.err(), Some(AccessDenied::Revoked.into()));
    assert_eq!((world.status(id).await, world.store.pending()), (Status::Pending, 1));
}

#[tokio::test]
async fn nobody_waits_beyond_their_credentials() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let moment = Duration::from_micros(1);
    let brief = Principal { expires_at: Some(at(2)), ..Principal::clone(&reviewer(1)) };
    let mut waiting = Box::pin(world.approvals.wait(&brief, id, 0, HOUR));
    assert!(poll(&mut waiting).is_none());
    let mut follower = Arc::clone(&world.approvals).watch(Arc::new(brief.clone()), id, 0).await.unwrap();
    world.clock.advance(Duration::from_secs(2) - moment);
    assert!(poll(&mut waiting).is_none());
    world.clock.advance(moment);
    assert_eq!(waiting.await.err(), Some(Error::StreamAged));
    world.vote(2, id, Choice::Approve).await;
    assert_eq!(world.approvals.wait(&brief, id, 0, HOUR).await.err(), Some(Error::StreamAged));
    assert_eq!(follower.next().await.unwrap().err(), Some(Error::StreamAged));
}

/// The attack that a list of revoked tokens, checked at the start of a call, does not stop.
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
    assert_eq!(follower.next().await.unwrap().err(), Some(AccessDenied::Revoked.into()));
    assert!(follower.next().await.is_none());
    assert!(waiting.as_mut().now_or_never().is_none(), "others go on");
    reviewer.revocation.revoke();
    assert_eq!(waiting.await.err(), Some(AccessDenied::Revoked.into()));
    while queue.next().await != Err(AccessDenied::Revoked.into()) {}
    // Even ready messages are not sent.
    let mut late = Arc::clone(&world.approvals).watch(Arc::clone(&agent), id, 0).await.unwrap();
    assert_eq!(late.next().await.unwrap().err(), Some(AccessDenied::Revoked.into()));
    assert_eq!(world.status(id).await, Status::Pending);
}
