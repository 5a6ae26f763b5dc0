//! Lanes of the outbox: listed, exported and imported, and at their limits.

use super::{
    outbox::{all, asking, channel, dead, every_lane, leased, routes, sent, settle, stated},
    *,
};

pub async fn lanes_are_listed_in_pages(mut subject: impl Subject) {
    for n in 1..=5 {
        subject.store().submit(submission(n, n.unsigned_abs())).await.unwrap();
    }
    let store = &**subject.store();
    settle(store, id(2, 2), dead(1)).await;
    settle(store, id(3, 3), stated(1, "ts")).await; // nothing waits
    store.settle(vec![(asking(), id(4, 4), dead(1)), (asking(), id(1, 1), sent(1))]).await.unwrap();
    let names = [(1, "all"), (2, "all"), (2, "asks"), (3, "asks"), (4, "all"), (4, "asks"), (5, "all"), (5, "asks")];
    let expected: Vec<LaneId> = names.map(|(n, name)| (id(n, n.unsigned_abs()), channel(name))).into();
    let list = async |store: &dyn Store, mut query: LaneQuery| {
        let mut found = Vec::new();
        loop {
            let page = store.lanes(query.clone()).await.unwrap();
            assert!(page.len() <= query.limit);
            let ended = page.len() < query.limit;
            found.extend(page.into_iter().map(|lane| (lane.approval, lane.channel)));
            query.after = found.last().cloned();
            if ended {
                return found;
            }
        }
    };
    for _ in 0..2 {
        let store = &**subject.store();
        for limit in 1..10 {
            let query = LaneQuery { limit, ..LaneQuery::default() };
            assert_eq!(list(store, query.clone()).await, expected);
            let one = LaneQuery { channel: Some(asking()), ..query.clone() };
            assert_eq!(
                list(store, one).await,
                expected.iter().filter(|one| one.1 == asking()).cloned().collect::<Vec<_>>()
            );
            let one = LaneQuery { approval: Some(id(4, 4)), ..query.clone() };
            assert_eq!(list(store, one).await, expected[4..6]);
            let waits: Vec<_> = [0, 2, 3, 4, 6, 7].map(|n: usize| expected[n].clone()).into();
            assert_eq!(list(store, LaneQuery { waiting: true, ..query.clone() }).await, waits);
            let one = LaneQuery { dead: true, ..query.clone() };
            assert_eq!(list(store, one.clone()).await, [expected[1].clone(), expected[5].clone()]);
            assert_eq!(list(store, LaneQuery { channel: Some(all()), ..one.clone() }).await, [expected[1].clone()]);
            assert_eq!(list(store, LaneQuery { approval: Some(id(4, 4)), ..one }).await, [expected[5].clone()]);
        }
        assert_eq!(store.lanes(LaneQuery::default()).await, Ok(vec![]), "a limit of 0");
        subject.reopen().await;
    }
}

/// An import brings old events. What they caused is imported apart.
pub async fn lanes_move_with_an_export<S: Subject>(mut subject: S) {
    fill(&**subject.store()).await;
    let store = subject.store();
    settle(&**store, id(1, 1), Settlement::Failed { revision: 1, retry_at: at(90), error: "500".into() }).await;
    settle(&**store, id(2, 2), dead(1)).await;
    settle(&**store, id(7, 7), stated(1, "ts")).await;
    leased(&**store, 50, 3).await;
    let (lanes, histories) = (every_lane(&**store).await, store.export(None, 99).await.unwrap());
    assert!(lanes.len() > 12);
    let mut paged: Vec<Lane> = Vec::new();
    while let page =
        store.export_lanes(paged.last().map(|lane| (lane.approval, lane.channel.clone())), 5).await.unwrap()
        && !page.is_empty()
    {
        paged.extend(page);
    }
    assert_eq!(paged, lanes);

    let copy = MemoryStore::with_routes(routes());
    assert_eq!(copy.import_lanes(lanes.clone()).await, Ok(0), "none of the approvals is stored");
    assert_eq!(copy.import(histories.clone()).await, Ok(9));
    assert_eq!(every_lane(&copy).await, [], "an import tells nobody");
    assert_eq!(copy.import_lanes(lanes.clone()).await, Ok(lanes.len()));
    assert_eq!(every_lane(&copy).await, lanes);
    assert_eq!(leased(&copy, 500, 99).await.0.len(), 6, "leases do not move");

    let mut other = S::create(routes()).await;
    other.store().import(histories).await.unwrap();
    assert_eq!(every_lane(&**other.store()).await, []);
    let mut wrong = lanes.clone();
    wrong[1].waiting[0].revision = 9;
    let refused = StoreError::BadLane(
        wrong[1].channel.clone(),
        wrong[1].approval,
        "a delivery is of an event that its approval does not have",
    );
    assert_eq!(other.store().import_lanes(wrong).await, Err(refused));
    assert_eq!(every_lane(&**other.store()).await, []);
    assert_eq!(other.store().import_lanes(lanes[..2].to_vec()).await, Ok(2));
    assert_eq!(other.store().import_lanes([&lanes[..], &lanes[2..4]].concat()).await, Ok(lanes.len() - 2));
    for _ in 0..2 {
        assert_eq!(every_lane(&**other.store()).await, lanes);
        assert_eq!(other.store().backlog(), subject.store().backlog());
        other.reopen().await;
    }
    subject.reopen().await;
    assert_eq!(subject.store().import_lanes(lanes.clone()).await, Ok(0));
    assert_eq!(every_lane(&**subject.store()).await, lanes);
}

/// A lane with as many deliveries, and as long errors and state, as there can be.
pub async fn the_largest_lane_survives_a_reopen(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let mut largest = Lane::new(channel("off"), id(3, 3));
    let error = "é".repeat(DELIVERY_ERROR_MAX / 2);
    let one = subject.store().lane(&all(), id(3, 3)).await.unwrap().unwrap().waiting[0].clone();
    largest.state = Some(ChannelState("x".repeat(CHANNEL_STATE_MAX)));
    largest.waiting = (1..=3)
        .map(|revision| Delivery { revision, attempts: u32::MAX, error: error.clone(), ..one.clone() })
        .collect();
    assert_eq!(subject.store().import_lanes(vec![largest.clone()]).await, Ok(1));
    subject.reopen().await;
    assert_eq!(subject.store().lane(&channel("off"), id(3, 3)).await, Ok(Some(largest)));
    let settled = (1..=3).map(|up_to| (channel("off"), id(3, 3), sent(up_to))).collect();
    subject.store().settle(settled).await.unwrap();
    subject.reopen().await;
    let left = subject.store().lane(&channel("off"), id(3, 3)).await.unwrap();
    assert_eq!(left.map(|lane| lane.is_idle()), Some(true));
}
