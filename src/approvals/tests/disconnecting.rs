//! `cancel_on_disconnect`.

use super::*;

fn clingy(request_id: &str) -> NewRequest {
    NewRequest { cancel_on_disconnect: true, ..asking_as(request_id, json!({})) }
}

/// Follows to the end, with a stream whose cut changes nothing.
async fn end(world: &World, id: ApprovalId) -> Arc<Approval> {
    let mut follower = Arc::clone(&world.approvals).watch(operator(), id, 0).await.unwrap();
    let mut last = update(&mut follower).await.0;
    while !last.status.is_terminal() {
        last = update(&mut follower).await.0;
    }
    last
}

#[tokio::test]
async fn the_last_of_two_streams_withdraws_when_it_is_cut() {
    let world = World::new();
    let mut first = world.request(clingy("r"), 0).await.unwrap();
    let mut second = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    assert_eq!(update(&mut second).await.0.id, id);
    let watching = world.watch(id, 0).await.unwrap();

    drop(first);
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);
    drop(second); // a WatchApproval stream does not hold it
    let approval = end(&world, id).await;
    let decision = approval.decision.as_ref().unwrap();
    assert_eq!((decision.status, &decision.actor), (Status::Cancelled, &agent().actor));
    assert_eq!(decision.comment, "The caller disconnected.");
    drop(watching);
}

#[tokio::test]
async fn a_refused_resume_point_withdraws_nothing() {
    let world = World::new();
    let mut first = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    // After a restart no stream is attached yet.
    let restarted = world.restarted();
    assert!(restarted.request(agent(), clingy("r"), 9).await.is_err());
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);
}

#[tokio::test]
async fn a_repetition_that_is_cut_before_it_begins_withdraws_as_well() {
    let world = World::new();
    let mut first = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    let second = Arc::clone(&world.approvals).request(agent(), clingy("r"), 1);
    drop(first);
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending, "the second call is there");
    drop(second);
    assert_eq!(end(&world, id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_refused_request_id_withdraws_nothing() {
    let world = World::new();
    let mut first = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    // After a restart no stream is attached yet.
    let restarted = world.restarted();
    let other = NewRequest { tool_name: "other".into(), ..clingy("r") };
    assert!(restarted.request(agent(), other, 0).await.is_err());
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);
}

#[tokio::test]
async fn the_first_request_says_whether_leaving_withdraws() {
    // The first request does not set it. A repetition cannot set it, whether it is cut late or before it begins.
    let world = World::new();
    let id = world.ask_for(asking_as("r", json!({}))).await;
    let mut again = world.request(clingy("r"), 0).await.unwrap();
    assert_eq!(update(&mut again).await.0.id, id);
    drop(again);
    drop(Arc::clone(&world.approvals).request(agent(), clingy("r"), 0));
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);

    // The first request sets it. A repetition cannot unset it: its stream is one of the request's from its beginning.
    let mut first = world.request(clingy("s"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    let again = Arc::clone(&world.approvals).request(agent(), asking_as("s", json!({})), 0);
    drop(first);
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending, "the caller has come back");
    let mut again = again.await.unwrap();
    assert_eq!(update(&mut again).await.0.id, id);
    drop(again);
    assert_eq!(end(&world, id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_repetition_that_did_not_ask_for_it_withdraws_when_it_is_cut_before_it_begins() {
    let world = World::new();
    let mut first = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut first).await.0.id;
    let second = Arc::clone(&world.approvals).request(agent(), asking_as("r", json!({})), 1);
    drop(first);
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending, "the second call is there");
    drop(second);
    assert_eq!(end(&world, id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn streams_that_did_not_ask_for_it_change_nothing_when_cut() {
    let world = World::new();
    let mut follower = world.request(asking(json!({})), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    drop(follower);
    drop(world.watch(id, 0).await.unwrap());
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);
}

#[tokio::test]
async fn a_caller_that_leaves_while_its_request_is_on_the_way_is_withdrawn() {
    let world = World::new();
    world.store.hold();
    let mut recorded = world.store.recorded.subscribe();
    let mut asking = Box::pin(world.request(clingy("r"), 0));
    assert!(asking.as_mut().now_or_never().is_none());
    recorded.wait_for(|recorded| *recorded == 1).await.unwrap();
    drop(asking); // recorded, not acknowledged
    let page = world.store.list(Query { filter: Filter::pending(), ..everything() }).await.unwrap();
    world.store.release();
    assert_eq!(end(&world, page.approvals[0].id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_request_is_sent_to_the_store_is_withdrawn() {
    let world = World::new();
    let mut recorded = world.store.recorded.subscribe();
    let mut asking = Box::pin(world.request(clingy("r"), 0));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    recorded.wait_for(|recorded| *recorded == 2).await.unwrap(); // the request, and its withdrawal
    let page = world.store.list(everything()).await.unwrap();
    assert_eq!(page.approvals[0].status, Status::Cancelled);
}

#[tokio::test]
async fn the_end_of_the_server_withdraws_nothing() {
    let world = World::new();
    let mut told = world.request(clingy("told"), 0).await.unwrap();
    let mut cut = world.request(clingy("cut"), 0).await.unwrap();
    let ids = [update(&mut told).await.0.id, update(&mut cut).await.0.id];
    world.approvals.drain();
    assert_eq!(told.next().await.unwrap().err(), Some(Error::Draining));
    drop((told, cut));
    settle().await;
    for id in ids {
        assert_eq!(world.status(id).await, Status::Pending);
    }
}

#[tokio::test]
async fn a_stream_that_grew_too_old_withdraws_nothing() {
    let world = World::new();
    let mut follower = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    loop {
        world.clock.advance(HEARTBEAT);
        if matches!(follower.next().await, Some(Err(Error::StreamAged))) {
            break;
        }
    }
    drop(follower);
    settle().await;
    assert_eq!(world.status(id).await, Status::Pending);
}

#[tokio::test]
async fn leaving_after_the_decision_leaves_it() {
    let world = World::new();
    let mut follower = world.request(clingy("r"), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    world.vote(1, id, Choice::Approve).await;
    drop(follower); // before it was told
    settle().await;
    let approval = world.store.get(id).await.unwrap();
    assert_eq!((approval.status, approval.revision), (Status::Approved, 2));
}

fn everything() -> Query {
    Query { filter: Filter::default(), order: Order::OldestFirst, after: None, limit: 10 }
}
