//! Channels that people read: not more than they need.

use NotificationKind::{Cancelled, Decided, Requested, Voted};

use super::{
    receiver::{Answer, Received},
    *,
};

/// The approvals of each message that was received.
fn told(receiver: &Receiver) -> Vec<Vec<ApprovalId>> {
    let approvals = |received| match received {
        Received::Event { approval, .. } => vec![approval],
        Received::Bundle { approvals, .. } => approvals,
        Received::Test => Vec::new(),
    };
    receiver.take().into_iter().map(approvals).collect()
}

#[tokio::test]
async fn requests_of_one_agent_within_a_minute_become_one_message() {
    let mut world = World::new(&[("mail", MAIL), ("chat", CHAT)]).await;
    let first = world.ask().await;
    world.pass(5).await;
    let (second, third, ended) = (world.ask().await, world.ask().await, world.ask().await);
    let other = world.ask_as("another").await;
    world.pass(10).await;
    world.cancel(ended).await;
    for channel in ["mail", "chat"] {
        assert_eq!(told(world.receiver(channel)), [vec![first], vec![other]]);
    }
    world.pass(45).await;
    for channel in ["mail", "chat"] {
        assert_eq!(told(world.receiver(channel)), [vec![second, third]]);
    }
    // What was bundled has no message of its own to update. What was sent has.
    for id in [second, third] {
        world.vote(id, 1).await;
        world.cancel(id).await;
    }
    world.vote(first, 1).await;
    world.cancel(first).await;
    world.pass(2).await;
    assert_eq!(world.receiver("mail").kinds(), [(first, Voted), (first, Cancelled)]);
    let chat = world.receiver("chat").take();
    let states = chat.iter().map(|received| match received {
        Received::Event { approval, state, .. } => (*approval, state.as_deref()),
        other => panic!("{other:?}"),
    });
    assert_eq!(states.collect::<Vec<_>>(), [(first, Some("ts")); 2]);
}

#[tokio::test]
async fn a_single_request_that_was_held_goes_as_itself() {
    let mut world = World::new(&[("mail", MAIL)]).await;
    let (first, second) = (world.ask().await, world.ask().await);
    world.pass(60).await;
    assert_eq!(world.receiver("mail").kinds(), [(first, Requested), (second, Requested)]);
    world.vote(second, 1).await;
    world.vote(second, 2).await;
    world.pass(1).await;
    let last = world.receiver("mail").kinds().pop();
    assert_eq!(last, Some((second, Decided)));
}

#[tokio::test]
async fn a_request_that_ended_before_its_message_is_not_sent() {
    let mut world = World::with(&[("mail", MAIL), ("hook", PROGRAM)], Duration::from_secs(120), 20).await;
    let (id, other) = (world.ask().await, world.ask_as("other").await);
    world.pass(60).await;
    world.vote(id, 1).await;
    world.vote(id, 2).await;
    world.pass(60).await;
    assert_eq!(world.receiver("mail").kinds(), [(other, Requested)]);
    let hook: Vec<_> = world.receiver("hook").kinds().into_iter().filter(|(one, _)| *one == id).collect();
    assert_eq!(hook, [(id, Requested), (id, Voted), (id, Decided)], "programs get everything");
    assert!(world.lane("mail", id).await.waiting.is_empty());
}

#[tokio::test]
async fn beyond_the_limit_of_interruptions_requests_become_one_message() {
    let mut world = World::with(&[("mail", MAIL)], Duration::ZERO, 3).await;
    let mut asked = Vec::new();
    for n in 0..8 {
        asked.push(world.ask_as(&format!("agent-{n}")).await);
        world.pass(10).await;
    }
    assert_eq!(told(world.receiver("mail")), asked[..3].iter().map(|id| vec![*id]).collect::<Vec<_>>());
    world.cancel(asked[0]).await;
    assert_eq!(world.receiver("mail").kinds(), [(asked[0], Cancelled)], "an end is no interruption");
    world.pass(900 - 80).await;
    assert_eq!(told(world.receiver("mail")), [asked[3..].to_vec()]);
}

#[tokio::test]
async fn what_an_older_delivery_waits_for_again_is_not_settled_by_a_newer_one() {
    let mut world = World::new(&[("chat", CHAT)]).await;
    world.receiver("chat").answer([Answer::Reject]);
    let id = world.ask().await;
    world.receiver("chat").hang(true);
    world.vote(id, 1).await;
    let lane = world.lane("chat", id).await;
    world.store.revive(lane.id(&lane.dead[0]), world.clock.now()).await.unwrap();
    world.receiver("chat").hang(false);
    world.pass(1).await;
    let received: Vec<_> = world.receiver("chat").kinds().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(received, [Voted, Requested]);
}

#[tokio::test]
async fn a_bundle_that_fails_is_tried_again_as_one_message() {
    let mut world = World::new(&[("chat", CHAT)]).await;
    let asked = [world.ask().await, world.ask().await, world.ask().await];
    world.receiver("chat").answer([Answer::Fail]);
    world.pass(70).await;
    assert_eq!(told(world.receiver("chat")), [vec![asked[0]], asked[1..].to_vec()]);
    let attempts = world.receiver("chat").attempts.lock().unwrap().clone();
    assert_eq!((attempts.len(), &attempts[1]), (3, &attempts[2]));
    assert!(attempts[1].ends_with("_chat_bundle_2"), "{attempts:?}");
}

#[tokio::test]
async fn a_restart_may_send_earlier_and_loses_nothing() {
    let mut world = World::new(&[("mail", MAIL)]).await;
    let asked = [world.ask().await, world.ask().await, world.ask().await];
    world.pass(30).await;
    world.restart().await;
    world.pass(30).await;
    assert_eq!(told(world.receiver("mail")), [vec![asked[0]], vec![asked[1]]]);
    world.pass(60).await;
    assert_eq!(told(world.receiver("mail")), [vec![asked[2]]]);
}

#[tokio::test]
async fn a_message_of_an_outage_shows_the_newest_state() {
    let mut world = World::new(&[("chat", CHAT)]).await;
    let id = world.ask().await;
    world.receiver("chat").take();
    world.receiver("chat").always(Answer::Fail);
    world.vote(id, 1).await;
    world.vote(id, 2).await;
    world.pass(3).await;
    world.receiver("chat").always(Answer::Keep);
    world.pass(10).await;
    assert_eq!(world.receiver("chat").kinds(), [(id, Decided)]);
    assert!(world.lane("chat", id).await.waiting.is_empty());
}

#[tokio::test]
async fn a_message_that_was_begun_is_completed() {
    let mut world = World::new(&[("chat", CHAT)]).await;
    let states = |received: Vec<Received>| {
        let state = |received| match received {
            Received::Event { state, kind, .. } => (kind, state),
            other => panic!("{other:?}"),
        };
        received.into_iter().map(state).collect::<Vec<_>>()
    };
    let own = || Some("ts".to_owned());
    // It says again that it has only begun: it would have no end.
    world.receiver("chat").answer([Answer::Begin, Answer::Begin]);
    let id = world.ask().await;
    assert_eq!(states(world.receiver("chat").take()), [(Requested, None), (Requested, own())]);
    assert!(world.lane("chat", id).await.waiting.is_empty());
    // Whatever happens in between, and without another interruption.
    world.receiver("chat").answer([Answer::Begin, Answer::Fail]);
    let id = world.ask_as("other").await;
    assert_eq!(states(world.receiver("chat").take()), [(Requested, None)]);
    world.cancel(id).await;
    world.restart().await;
    world.pass(10).await;
    assert_eq!(states(world.receiver("chat").take()), [(Cancelled, own())]);
    assert!(world.lane("chat", id).await.waiting.is_empty());
}
