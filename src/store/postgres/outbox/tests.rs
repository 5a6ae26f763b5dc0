//! Several servers, callers that stop waiting, and damage.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use crate::{
    domain::{
        ApprovalId, ChannelName, Settlement, Time,
        samples::{at, id},
    },
    store::{
        ApprovalStore as _, LaneQuery, OutboxStore as _, StoreError,
        conformance::{Subject as _, outbox::routes, reject, submission},
        postgres::{PostgresStore, testing::Postgres},
    },
};

const LEASE: Duration = Duration::from_secs(60);

fn all() -> ChannelName {
    "all".parse().unwrap()
}

async fn leased(store: &PostgresStore, seconds: i64, limit: usize) -> (Vec<ApprovalId>, Option<Time>) {
    let leased = store.lease(&all(), at(seconds), LEASE, limit).await.unwrap();
    (leased.lanes.iter().map(|lane| lane.approval).collect(), leased.next)
}

fn sent(n: u64, up_to: u64) -> Vec<(ChannelName, ApprovalId, Settlement)> {
    vec![(all(), id(0, n), Settlement::Sent { from: 0, up_to, state: None })]
}

async fn subject(approvals: u64) -> Postgres {
    let subject = Postgres::create(routes()).await;
    for n in 1..=approvals {
        subject.opened().submit(submission(0, n)).await.unwrap();
    }
    subject
}

/// Replaces the record of a lane by what no version can read.
async fn damage(store: &PostgresStore, n: u64) {
    let connection = store.shared.connection().await.unwrap();
    let sql = "UPDATE lanes SET record = 'x' WHERE approval = $1 AND channel = 'all'";
    assert_eq!(connection.execute(sql, &[&id(0, n).uuid()]).await.unwrap(), 1);
}

#[tokio::test]
async fn servers_at_once_lease_different_lanes() {
    let subject = subject(40).await;
    let servers = [Arc::clone(subject.opened()), subject.other().await];
    let calls = (0..16).map(|n| {
        let server = Arc::clone(&servers[n % 2]);
        tokio::spawn(async move { leased(&server, 1, 3).await.0 })
    });
    let mut found = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        found.extend(call.await.unwrap());
    }
    assert_eq!(found.len(), 40);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 40);
    // A lease holds at every server, until one of them settles it.
    assert_eq!(leased(&servers[1], 60, 9).await, (vec![], Some(at(61))));
    servers[0].settle(sent(1, 0)).await.unwrap();
    assert_eq!(leased(&servers[1], 60, 9).await, (vec![id(0, 1)], Some(at(61))));
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_no_lease() {
    let subject = subject(1).await;
    let store = subject.opened();
    for polls in 1..100 {
        {
            let mut call = pin!(leased(store, 1, 9));
            let mut done = false;
            for _ in 0..polls {
                done = call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if done {
                    break;
                }
                tokio::task::yield_now().await;
            }
            if done {
                return assert!(polls > 2, "it was never dropped while it waited");
            }
        }
        while leased(store, 1, 9).await.0.is_empty() {
            tokio::task::yield_now().await;
        }
        store.settle(sent(1, 0)).await.unwrap();
    }
}

#[tokio::test]
async fn an_unreadable_lane_fails_alone() {
    let subject = subject(3).await;
    let store = &**subject.opened();
    damage(store, 1).await;
    assert_eq!(leased(store, 1, 2).await, (vec![id(0, 2)], Some(at(0))), "one of the two is left out");
    assert_eq!(leased(store, 2, 9).await, (vec![id(0, 3)], Some(at(61))), "and it does not come again at once");
    assert!(matches!(store.lane(&all(), id(0, 1)).await, Err(StoreError::Corrupt(_))));
    let query = LaneQuery { channel: Some(all()), limit: 2, ..LaneQuery::default() };
    let listed: Vec<_> = store.lanes(query).await.unwrap().into_iter().map(|lane| lane.approval).collect();
    assert_eq!(listed, [id(0, 2), id(0, 3)], "a page has no gap");
    // Another server tries for itself: it may be of a later version.
    let other = subject.other().await;
    assert_eq!(leased(&other, 3, 9).await, (vec![], Some(at(61))));
    store.settle(vec![(all(), id(0, 1), Settlement::Dead { revision: 1, error: String::new() })]).await.unwrap();
    // The next event replaces it.
    store.transition(id(0, 1), reject(1), at(4)).await.unwrap();
    assert_eq!(leased(store, 5, 9).await.0, [id(0, 1)]);
    let lane = store.lane(&all(), id(0, 1)).await.unwrap().unwrap();
    assert_eq!(lane.waiting.iter().map(|one| one.revision).collect::<Vec<_>>(), [2]);
}

/// It is the read from time to time that tells one server of the other's lanes.
#[tokio::test]
async fn the_backlog_covers_all_servers() {
    let subject = subject(0).await;
    let (here, there) = (subject.opened(), subject.other().await);
    here.submit(submission(0, 1)).await.unwrap();
    let refresh = async || {
        let connection = there.shared.connection().await.unwrap();
        there.shared.backlog.refresh(&connection).await.unwrap()
    };
    refresh().await;
    assert_eq!(there.backlog(), here.backlog());
    assert_eq!(there.backlog()[0].waiting, 1);
    assert!(!refresh().await, "nothing is new");
    here.settle(sent(1, 1)).await.unwrap();
    refresh().await;
    assert_eq!(there.backlog(), here.backlog());
    assert_eq!(there.backlog().len(), 1, "only the other channel");
}
