//! Deadlines and retention, and their workers.

use super::*;
use crate::{
    clock::WallClock as _,
    domain::{after, before},
    store::REMEMBERED,
    workers,
};

fn timing_out_after(seconds: u64) -> NewRequest {
    NewRequest { timeout: Duration::from_secs(seconds), ..asking(json!({})) }
}

#[tokio::test]
async fn the_deadline_fires_at_its_moment() {
    let world = World::without_heartbeats();
    let expirer = tokio::spawn(workers::expire(Arc::clone(&world.approvals)));
    let mut follower = world.request(timing_out_after(60), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    world.clock.advance(Duration::from_micros(59_999_999));
    settle().await;
    assert!(quiet(&mut follower));
    world.clock.advance(Duration::from_micros(1));
    let (approval, _) = update(&mut follower).await;
    let decision = approval.decision.as_ref().unwrap();
    assert_eq!((approval.id, approval.status, decision.at), (id, Status::TimedOut, at(60)));
    assert_eq!(decision.actor, Actor::deadline());
    expirer.abort();
}

/// Without its index no deadline can fire: the server ends when a worker does.
#[tokio::test]
async fn a_damaged_index_of_deadlines_ends_the_expirer() {
    let world = World::new();
    world.store.deadlines_damaged.store(true, std::sync::atomic::Ordering::Relaxed);
    workers::expire(Arc::clone(&world.approvals)).await;
}

#[tokio::test]
async fn an_earlier_deadline_that_comes_later_wakes_the_expirer() {
    let world = World::without_heartbeats();
    let expirer = tokio::spawn(workers::expire(Arc::clone(&world.approvals)));
    let mut followers = Vec::new();
    for seconds in [300, 100, 200, 50] {
        settle().await; // the expirer sleeps for the one before
        let mut follower = world.request(timing_out_after(seconds), 0).await.unwrap();
        update(&mut follower).await;
        followers.push((seconds, follower));
    }
    followers.sort_by_key(|(seconds, _)| *seconds);
    let mut now = 0;
    for (seconds, mut follower) in followers {
        world.clock.advance(Duration::from_secs(seconds - now));
        now = seconds;
        let (approval, _) = update(&mut follower).await;
        assert_eq!((approval.status, approval.decision.as_ref().unwrap().at), (Status::TimedOut, approval.deadline));
    }
    expirer.abort();
}

#[tokio::test]
async fn more_than_one_pass_of_deadlines_fires() {
    let world = World::new();
    for n in 0..2_100 {
        let mut follower = world.request(timing_out_after(1 + n % 7), 0).await.unwrap();
        update(&mut follower).await;
    }
    world.clock.advance(Duration::from_secs(7));
    // A restart is simply the first pass.
    let expirer = tokio::spawn(workers::expire(Arc::clone(&world.approvals)));
    let mut late = world.request(timing_out_after(5), 0).await.unwrap();
    update(&mut late).await;
    settle().await;
    assert_eq!(world.store.pending(), 1);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(update(&mut late).await.0.status, Status::TimedOut);
    expirer.abort();
}

#[tokio::test]
async fn a_caller_that_left_while_its_request_was_on_the_way_still_has_a_deadline() {
    let world = World::new();
    let expirer = tokio::spawn(workers::expire(Arc::clone(&world.approvals)));
    settle().await; // the expirer knows of no deadline
    world.store.hold();
    let mut recorded = world.store.recorded.subscribe();
    let mut asking = Box::pin(world.request(timing_out_after(60), 0));
    assert!(asking.as_mut().now_or_never().is_none());
    recorded.wait_for(|recorded| *recorded == 1).await.unwrap();
    drop(asking);
    world.store.release();
    settle().await;
    world.clock.advance(Duration::from_secs(60));
    settle().await;
    assert_eq!(world.store.pending(), 0);
    expirer.abort();
}

#[tokio::test]
async fn a_decision_at_the_deadline_is_too_late_even_when_no_timer_has_fired() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let vote = world.vote_on(id, Choice::Approve).await;
    world.clock.advance(Duration::from_secs(300));
    match world.approvals.decide(&reviewer(1), vote).await {
        Err(Error::Store(StoreError::Refused(Refusal::AlreadyDecided(decision)))) => {
            assert_eq!(decision.status, Status::TimedOut);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.status(id).await, Status::TimedOut);
}

#[tokio::test]
async fn the_pruner_forgets_what_was_decided_long_ago_and_nothing_else() {
    let retain = Duration::from_secs(3_600);
    let world = World::new();
    let mut decided = Vec::new();
    for _ in 0..250 {
        decided.push(world.ask(json!({"effect": "approve"})).await);
    }
    let long = NewRequest { timeout: retain * 100, ..asking(json!({})) };
    let open = world.ask_for(long).await;
    let pruner = tokio::spawn(workers::prune(Arc::clone(&world.approvals), retain));
    world.clock.advance(retain);
    settle().await;
    assert!(world.store.get(decided[0]).await.is_ok());

    let recent = world.ask(json!({"effect": "approve"})).await;
    world.clock.advance(Duration::from_secs(61)); // it looks once a minute
    settle().await;
    for id in decided {
        assert_eq!(world.store.get(id).await, Err(StoreError::NotFound));
    }
    for id in [recent, open] {
        assert!(world.store.get(id).await.is_ok());
    }
    pruner.abort();
}

#[tokio::test]
async fn a_request_that_was_forgotten_is_not_asked_anew() {
    let retain = Duration::from_secs(3_600);
    let world = World::new();
    let asked = || asking_as("r1", json!({"effect": "approve"}));
    let first = world.ask_for(asked()).await;
    world.clock.advance(retain + Duration::from_micros(1));
    assert_eq!(world.approvals.forget_decided(retain, 10).await, Ok(1));
    let until = after(world.clock.now(), REMEMBERED);
    let forgotten = Refusal::RequestForgotten { request_id: "r1".into(), until };
    for after_revision in [0, 1] {
        let refused = world.request(asked(), after_revision).await.err();
        assert_eq!(refused, Some(Error::Store(StoreError::Refused(forgotten.clone()))), "{after_revision}");
    }
    world.clock.advance(REMEMBERED - Duration::from_micros(1));
    assert!(world.request(asked(), 0).await.is_err());
    world.clock.advance(Duration::from_micros(1));
    assert_ne!(world.ask_for(asked()).await, first);
}

#[tokio::test]
async fn a_clock_set_back_moves_no_deadline_and_keeps_credentials() {
    let world = World::new();
    let id = world.ask(json!({})).await;
    let made = world.store.get(id).await.unwrap().created_at;
    let ends = after(made, Duration::from_secs(60));
    let agent = Arc::new(Principal { expires_at: Some(ends), ..Principal::clone(&agent()) });
    let watch = || Arc::clone(&world.approvals).watch(Arc::clone(&agent), id, 0);

    // Ten minutes back: decisions follow server time, credentials the wall clock.
    world.clock.set_wall(before(made, Duration::from_secs(600)));
    world.clock.advance(Duration::from_secs(90));
    assert!(world.clock.wall() < ends && world.clock.now() > ends);
    assert!(watch().await.unwrap().next().await.unwrap().is_ok(), "they have not ended by the clock");
    world.clock.advance(Duration::from_secs(210));
    let vote = world.vote_on(id, Choice::Approve).await;
    world.approvals.decide(&reviewer(1), vote).await.unwrap_err();
    assert_eq!(world.status(id).await, Status::TimedOut, "the deadline is where it was");

    // Forward: server time follows, and both have expired.
    world.clock.set_wall(after(ends, Duration::from_secs(3_600)));
    assert_eq!(world.clock.now(), world.clock.wall());
    assert!(matches!(watch().await.unwrap().next().await, Some(Err(Error::StreamAged))));
}
