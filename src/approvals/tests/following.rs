//! The stream contract.

use super::*;

/// Changes a field of a request.
type Change = fn(&mut NewRequest);

#[tokio::test]
async fn every_revision_comes_once_and_the_terminal_one_ends_the_stream() {
    let world = World::new();
    let mut follower = world.request(asking(json!({"quorum": 3})), 0).await.unwrap();
    let (approval, events) = update(&mut follower).await;
    assert_eq!((approval.status, events), (Status::Pending, vec![1]));
    assert!(quiet(&mut follower));

    let id = approval.id;
    world.vote(1, id, Choice::Approve).await;
    let (approval, events) = update(&mut follower).await;
    assert_eq!((approval.approvals(), events), (1, vec![2]));
    assert!(quiet(&mut follower));

    // Not read for some time: one message has all events, without gaps.
    world.vote(2, id, Choice::Approve).await;
    world.vote(3, id, Choice::Approve).await;
    let (approval, events) = update(&mut follower).await;
    assert_eq!((approval.status, events), (Status::Approved, vec![3, 4]));
    assert!(follower.next().await.is_none());
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn what_the_policy_decides_is_the_first_and_last_message() {
    let world = World::new();
    for (effect, status) in [("approve", Status::AutoApproved), ("reject", Status::AutoRejected)] {
        let mut follower = world.request(asking(json!({"effect": effect})), 0).await.unwrap();
        let (approval, events) = update(&mut follower).await;
        assert_eq!((approval.status, events), (status, vec![1]));
        assert!(follower.next().await.is_none());
    }
}

#[tokio::test]
async fn a_stream_starts_with_the_state_and_what_came_after_the_revision_seen() {
    let world = World::new();
    let new = asking_as("r", json!({"quorum": 3}));
    let id = world.ask_for(new.clone()).await;
    world.vote(1, id, Choice::Approve).await;
    for status in [Status::Pending, Status::Rejected] {
        if status == Status::Rejected {
            world.vote(2, id, Choice::Reject).await;
        }
        let newest = world.store.get(id).await.unwrap().revision;
        for after in 0..=newest {
            let again = world.request(new.clone(), after).await.unwrap();
            let watching = world.watch(id, after).await.unwrap();
            for mut follower in [again, watching] {
                let (approval, events) = update(&mut follower).await;
                assert_eq!((approval.id, approval.revision, approval.status), (id, newest, status));
                assert_eq!(events, Vec::from_iter(after + 1..=newest));
                if status.is_terminal() {
                    assert!(follower.next().await.is_none());
                } else {
                    assert!(quiet(&mut follower));
                }
            }
        }
        let beyond = Error::RevisionOutOfRange { id, after: newest + 1, revision: newest };
        assert_eq!(world.request(new.clone(), newest + 1).await.err(), Some(beyond.clone()));
        assert_eq!(world.watch(id, newest + 1).await.err(), Some(beyond));
    }
}

#[tokio::test]
async fn a_resume_without_an_earlier_request_records_nothing() {
    let world = World::new();
    assert_eq!(world.request(asking_as("r", json!({})), 1).await.err(), Some(Error::NothingToResume));
    assert_eq!(world.store.pending(), 0);
}

#[tokio::test]
async fn a_change_while_a_repeated_request_attaches_is_not_slept_through() {
    let world = World::new();
    let new = asking_as("r", json!({}));
    let id = world.ask_for(new.clone()).await;
    let vote = world.vote_on(id, Choice::Approve).await;
    let store = Arc::clone(&world.store);
    let approvals = Arc::clone(&world.approvals);
    // The follower subscribes twice: to the id for a new request, then to that of the first request.
    world.store.before_subscribing(move || {
        store.before_subscribing(move || {
            approvals.decide(&reviewer(1), vote).now_or_never().unwrap().unwrap();
        });
    });
    let mut follower = world.request(new, 0).await.unwrap();
    let mut status = Status::Pending;
    while status == Status::Pending {
        status = poll(update(&mut follower)).expect("it does not wait for a heartbeat").0.status;
    }
    assert_eq!(status, Status::Approved);
}

#[tokio::test]
async fn heartbeats_tell_that_it_is_still_pending() {
    let world = World::new();
    let mut follower = world.request(asking(json!({})), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    for beats in 1..=3_u32 {
        world.clock.advance(HEARTBEAT - Duration::from_micros(1));
        assert!(quiet(&mut follower));
        world.clock.advance(Duration::from_micros(1));
        match follower.next().await.unwrap().unwrap() {
            Message::Progress { approval, now } => {
                assert_eq!((approval.id, now), (id, at(0) + HEARTBEAT * beats));
            }
            Message::Update { .. } => panic!("nothing has changed"),
        }
    }
    world.vote(1, id, Choice::Reject).await;
    world.clock.advance(HEARTBEAT);
    assert_eq!(update(&mut follower).await.0.status, Status::Rejected); // news first
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_at_its_greatest_age_and_can_be_taken_up_again() {
    let world = World::new();
    let new = NewRequest { timeout: STREAM_AGE * 2, ..asking_as("r", json!({})) };
    let mut follower = world.request(new.clone(), 0).await.unwrap();
    let (approval, _) = update(&mut follower).await;
    let started = world.clock.instant();
    let error = loop {
        world.clock.advance(HEARTBEAT);
        match follower.next().await.unwrap() {
            Ok(message) => assert!(matches!(message, Message::Progress { .. })),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::StreamAged);
    let age = world.clock.instant() - started;
    assert!(age > STREAM_AGE * 9 / 10 - HEARTBEAT && age <= STREAM_AGE + HEARTBEAT, "{age:?}");
    assert!(follower.next().await.is_none());

    let mut follower = world.request(new, approval.revision).await.unwrap();
    assert_eq!(update(&mut follower).await, (approval, vec![]));
}

#[tokio::test]
async fn draining_ends_streams_and_refuses_new_ones() {
    let world = World::new();
    let mut told = world.request(asking(json!({})), 0).await.unwrap();
    let id = update(&mut told).await.0.id;
    let mut fresh = world.watch(id, 0).await.unwrap();
    let mut queue = Arc::clone(&world.approvals).queue(reviewer(1), Filter::default(), false).unwrap();
    world.approvals.drain();

    assert_eq!(told.next().await.unwrap().err(), Some(Error::Draining));
    assert!(told.next().await.is_none());
    assert_eq!(update(&mut fresh).await.1, [1]); // the state first
    assert_eq!(fresh.next().await.unwrap().err(), Some(Error::Draining));
    while queue.next().await != Err(Error::Draining) {}

    assert_eq!(world.request(asking(json!({})), 0).await.err(), Some(Error::Draining));
    assert_eq!(world.watch(id, 0).await.err(), Some(Error::Draining));
    let queue = Arc::clone(&world.approvals).queue(reviewer(1), Filter::default(), false);
    assert_eq!(queue.err(), Some(Error::Draining));
    assert_eq!(world.store.pending(), 1); // nothing was asked, nothing was lost
}

#[tokio::test]
async fn a_decision_that_was_made_before_the_drain_is_still_told() {
    let world = World::new();
    let mut follower = world.request(asking(json!({})), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    world.vote(1, id, Choice::Approve).await;
    world.approvals.drain();
    assert_eq!(update(&mut follower).await.0.status, Status::Approved);
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn a_request_id_belongs_to_one_request() {
    let world = World::new();
    let new = asking_as("r", json!({}));
    let id = world.ask_for(new.clone()).await;
    let different: [(Change, RepeatedField); 2] = [
        (|new| new.tool_name = "other".into(), RepeatedField::ToolName),
        (|new| new.arguments = arguments(&json!({"a": 1})), RepeatedField::Arguments),
    ];
    for (change, field) in different {
        let mut other = new.clone();
        change(&mut other);
        let reused = Refusal::RequestIdReused { request_id: "r".into(), approval: id, field: Some(field) };
        assert_eq!(world.request(other, 0).await.err(), Some(Error::Store(reused.into())));
    }
    let reworded: [Change; 6] = [
        |new| new.reason = "other".into(),
        |new| new.timeout += Duration::from_secs(1),
        |new| new.labels.clear(),
        |new| new.agent.run_id = "other".into(),
        |new| new.schema = Some("{}".into()),
        |new| new.cancel_on_disconnect = true,
    ];
    for change in reworded {
        let mut again = new.clone();
        change(&mut again);
        let (found, events) = update(&mut world.request(again, 0).await.unwrap()).await;
        assert_eq!((found.id, &found.request.reason, events.len()), (id, &new.reason, 1));
    }
    assert_eq!(world.store.pending(), 1);
    // The same `request_id` of another caller is another request.
    let stranger = principal(&[Role::Agent], ActorKind::Agent, "stranger");
    let mut theirs = Arc::clone(&world.approvals).request(stranger, new, 0).await.unwrap();
    assert_ne!(update(&mut theirs).await.0.id, id);
    assert_eq!(world.store.pending(), 2);
}

#[tokio::test]
async fn a_caller_may_have_so_many_pending() {
    let world = World::with(Settings { heartbeat: HEARTBEAT, max_stream_age: STREAM_AGE, pending_per_caller: 2 });
    let first = world.ask(json!({})).await;
    world.ask(json!({})).await;
    let refused = Some(Error::Store(Refusal::TooManyPending { limit: 2 }.into()));
    assert_eq!(world.request(asking(json!({})), 0).await.err(), refused);
    world.ask(json!({"effect": "approve"})).await; // is not pending
    world.vote(1, first, Choice::Reject).await;
    world.ask(json!({})).await;
}

#[tokio::test]
async fn a_request_is_dated_as_its_id_is() {
    let world = World::new();
    let asking = Arc::clone(&world.approvals).request(agent(), asking(json!({})), 0);
    world.clock.advance(Duration::from_secs(5)); // before anybody looks at the stream
    let (approval, _) = update(&mut asking.await.unwrap()).await;
    assert_eq!(approval.created_at, at(0));
    let (seconds, _) = approval.id.uuid().get_timestamp().unwrap().to_unix();
    assert_eq!(seconds, u64::try_from(at(0).timestamp()).unwrap());
}
