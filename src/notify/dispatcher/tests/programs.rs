//! Channels that programs read: every event, in order, until it arrives or is dead.

use NotificationKind::{Cancelled, Requested, Voted};

use super::{receiver::Answer, *};

#[tokio::test]
async fn a_program_gets_every_event_in_order_with_stable_ids() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::Fail, Answer::Fail]);
    let id = world.ask().await;
    world.vote(id, 1).await;
    world.cancel(id).await;
    assert!(world.receiver("hook").take().is_empty());
    world.pass(20).await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested), (id, Voted), (id, Cancelled)]);
    let attempts = world.receiver("hook").attempts.lock().unwrap().clone();
    let uuid = id.uuid().simple();
    let ids = [1, 1, 1, 2, 3].map(|revision| format!("msg_{uuid}_{revision}_hook"));
    assert_eq!(attempts, ids);
    assert_eq!(world.lane("hook", id).await.waiting.len(), 0);
}

#[tokio::test]
async fn no_channel_delays_another() {
    let mut world = World::new(&[("broken", PROGRAM), ("hung", PROGRAM), ("good", PROGRAM)]).await;
    world.receiver("broken").always(Answer::Fail);
    world.receiver("hung").hang(true);
    for _ in 0..50 {
        world.ask().await;
    }
    assert_eq!(world.receiver("good").take().len(), 50);
    assert_eq!(*world.receiver("hung").most_in_flight.lock().unwrap(), PROGRAM.concurrency);
    world.receiver("hung").hang(false);
    world.pass(130).await;
    assert_eq!(world.receiver("hung").take().len(), 50);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_in_time_and_tried_again() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").hang(true);
    let id = world.ask().await;
    world.pass(31).await;
    let lane = world.lane("hook", id).await;
    assert_eq!(lane.waiting[0].attempts, 1);
    assert_eq!(lane.waiting[0].error, "there was no answer within 30 s");
    world.receiver("hook").hang(false);
    world.pass(10).await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested)]);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_probed_and_not_flooded() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").always(Answer::Fail);
    for _ in 0..200 {
        world.ask().await;
    }
    world.pass(600).await;
    let attempts = world.receiver("hook").attempts();
    assert!((10..=40).contains(&attempts), "{attempts} attempts in ten minutes");
    let waiting = world.store.backlog()[0].waiting;
    assert_eq!(waiting, 200, "nothing is lost");
    world.receiver("hook").always(Answer::Accept);
    world.pass(2_000).await;
    assert_eq!(world.receiver("hook").take().len(), 200);
}

#[tokio::test]
async fn a_pause_that_the_receiver_asks_for_holds_for_the_channel() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::FailFor(100)]);
    let first = world.ask().await;
    let second = world.ask().await;
    world.pass(99).await;
    assert_eq!(world.receiver("hook").attempts(), 1);
    world.pass(20).await;
    let mut arrived = world.receiver("hook").kinds();
    arrived.sort_by_key(|(id, _)| *id);
    assert_eq!(arrived, [(first, Requested), (second, Requested)]);
}

#[tokio::test]
async fn what_is_rejected_is_dead_and_the_next_event_is_sent() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::Reject, Answer::Accept, Answer::Panic]);
    let id = world.ask().await;
    world.vote(id, 1).await;
    world.cancel(id).await;
    world.pass(1).await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Voted)]);
    let lane = world.lane("hook", id).await;
    let dead: Vec<_> = lane.dead.iter().map(|dead| (dead.revision, dead.error.as_str())).collect();
    assert_eq!(dead, [(1, "the receiver does not like it"), (3, "an internal error of the channel; see the log")]);
    assert!(lane.waiting.is_empty());
    world.store.revive(lane.id(&lane.dead[0]), world.clock.now()).await.unwrap();
    world.channels.enable(&name("hook"));
    settle().await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested)]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_channel_until_an_operator_retries() {
    let mut world = World::new(&[("hook", PROGRAM), ("other", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::Gone]);
    let first = world.ask().await;
    let second = world.ask().await;
    world.pass(1).await;
    assert_eq!(world.receiver("hook").attempts(), 1);
    assert_eq!(world.receiver("other").take().len(), 2);
    let status = world.channels.status().remove(0);
    assert_eq!(status.disabled.as_deref(), Some("the receiver does not like it"));
    assert!(status.failing);
    for id in [first, second] {
        let lane = world.lane("hook", id).await;
        assert_eq!((lane.waiting.len(), lane.dead.len()), (0, 1));
    }
    let lane = world.lane("hook", second).await;
    world.store.revive(lane.id(&lane.dead[0]), world.clock.now()).await.unwrap();
    assert!(world.channels.enable(&name("hook")));
    settle().await;
    assert_eq!(world.receiver("hook").kinds(), [(second, Requested)]);
    let status = world.channels.status().remove(0);
    assert_eq!((status.disabled, status.failing), (None, false));
}

#[tokio::test]
async fn a_delivery_dies_after_a_day_even_if_it_was_never_tried() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").always(Answer::Fail);
    for _ in 0..20 {
        world.ask().await;
    }
    for _ in 0..24 * 60 + 40 {
        world.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    let backlog = world.store.backlog().remove(0);
    assert_eq!((backlog.waiting, backlog.dead), (0, 20));
}

#[tokio::test]
async fn a_restart_sends_what_was_not_settled_with_the_same_id() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").hang(true);
    let id = world.ask().await;
    world.restart().await;
    world.receiver("hook").hang(false);
    world.pass(121).await; // this store keeps the lease of the killed dispatcher
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested)]);
    let attempts = world.receiver("hook").attempts.lock().unwrap().clone();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0], attempts[1]);
}

#[tokio::test]
async fn a_drain_waits_for_what_is_in_flight_and_leases_nothing_more() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").hang(true);
    let sent = world.ask().await;
    let draining = tokio::spawn({
        let channels = Arc::clone(&world.channels);
        async move { channels.drain().await }
    });
    settle().await;
    let waiting = world.ask().await;
    assert!(!draining.is_finished());
    world.receiver("hook").hang(false);
    settle().await;
    assert!(draining.is_finished());
    assert_eq!(world.receiver("hook").kinds(), [(sent, Requested)]);
    assert_eq!(world.lane("hook", sent).await.waiting.len(), 0);
    assert_eq!(world.lane("hook", waiting).await.waiting.len(), 1);
    assert!(!world.running.is_finished(), "a worker that ends would look like a defect");
}

#[tokio::test]
async fn a_test_message_goes_around_the_outbox() {
    let world = World::new(&[("hook", PROGRAM)]).await;
    assert_eq!(world.channels.test(&name("hook")).await.unwrap().answer, "ok");
    assert_eq!(world.receiver("hook").take(), [super::receiver::Received::Test]);
    let unknown = world.channels.test(&name("other")).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no channel other; configured: hook");
}

#[tokio::test]
async fn problems_are_named_for_as_many_channels_as_there_can_be() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::Reject, Answer::Accept]);
    let id = world.ask().await;
    world.vote(id, 1).await;
    let mut backlogs = world.store.backlog();
    let dead = "channel hook has dead deliveries about 1 approval; see signoff notify deliveries --dead";
    assert_eq!(world.channels.problems(&backlogs), [dead]);
    let unknown = |n| Backlog { channel: name(&format!("old-{n}")), waiting: 1, dead: 0, oldest_since: None };
    backlogs.extend((0..CHANNELS_MAX).map(unknown));
    let problems = world.channels.problems(&backlogs);
    assert_eq!((problems.len(), problems[0].as_str()), (CHANNELS_MAX, dead));
}

#[tokio::test]
async fn what_a_channel_skips_is_no_success() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::Fail, Answer::Skip]);
    let id = world.ask().await;
    world.pass(10).await;
    assert!(world.lane("hook", id).await.waiting.is_empty());
    let status = world.channels.status().remove(0);
    assert!(status.failing && status.last_success.is_none(), "{status:?}");
    let text = world.metrics.render(world.clock.now());
    for line in [
        r#"signoff_deliveries_total{channel="hook",outcome="failed"} 1"#,
        r#"signoff_deliveries_total{channel="hook",outcome="superseded"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(r#"outcome="sent""#), "{text}");
}

#[tokio::test]
async fn a_probe_that_was_skipped_leaves_the_receiver_to_the_next_one() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").answer([Answer::FailFor(100), Answer::Skip]);
    let (first, second) = (world.ask().await, world.ask().await);
    world.pass(99).await;
    assert_eq!(world.receiver("hook").attempts(), 1);
    world.pass(10).await;
    assert_eq!(world.receiver("hook").attempts(), 3);
    assert_eq!(world.receiver("hook").take().len(), 1);
    for id in [first, second] {
        assert!(world.lane("hook", id).await.waiting.is_empty());
    }
}

#[tokio::test]
async fn an_attempt_without_an_answer_counts_as_long_as_it_took() {
    let mut world = World::new(&[("hook", PROGRAM)]).await;
    world.receiver("hook").hang(true);
    world.ask().await;
    world.pass(31).await;
    let text = world.metrics.render(world.clock.now());
    assert!(text.contains(r#"signoff_notification_send_seconds_count{channel="hook"} 1"#), "{text}");
}

/// An event waits behind the request, and so for the delay of the channel.
#[tokio::test]
async fn an_event_behind_a_delayed_request_is_retried_as_long_as_others() {
    let day = Duration::from_secs(24 * 60 * 60);
    let mut world = World::with(&[("hook", PROGRAM)], day, 20).await;
    let id = world.ask().await;
    world.vote(id, 1).await;
    world.receiver("hook").answer([Answer::Accept, Answer::Fail]);
    world.clock.advance(day);
    settle().await;
    let lane = world.lane("hook", id).await;
    assert_eq!((lane.waiting.len(), lane.waiting[0].attempts, lane.dead.len()), (1, 1, 0));
    world.pass(10).await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested), (id, Voted)]);
}

#[tokio::test]
async fn a_message_waits_as_long_as_its_channel_says() {
    let mut world = World::with(&[("hook", PROGRAM)], Duration::from_secs(120), 20).await;
    let id = world.ask().await;
    world.pass(119).await;
    assert_eq!(world.receiver("hook").attempts(), 0);
    world.pass(1).await;
    assert_eq!(world.receiver("hook").kinds(), [(id, Requested)]);
}
