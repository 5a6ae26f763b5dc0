//! Several servers on one database, groups that fail, and databases that were restored.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    OpenError, PostgresStore,
    connections::Connections,
    ownership,
    testing::{self, Postgres},
};
use crate::{
    domain::{Choice, Command, EventKind, Refusal, Seen, Status, samples::*},
    store::{
        ApprovalStore as _, ChangeFeed as _, CursorError, FeedError, StoreError, Transfer as _,
        conformance::{Subject as _, approve, outbox::routes, submission},
    },
};

/// Three servers on one database.
async fn servers(subject: &Postgres) -> [Arc<PostgresStore>; 3] {
    [Arc::clone(subject.opened()), subject.other().await, subject.other().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_eight_deciders_over_three_servers_wins() {
    const APPROVALS: u64 = 60;
    let subject = Postgres::create(routes()).await;
    let servers = servers(&subject).await;
    join_all((1..=APPROVALS).map(|n| servers[0].submit(submission(0, n)))).await.into_iter().for_each(|done| {
        done.unwrap();
    });
    let deciders = (1..=APPROVALS).flat_map(|n| (1..=8).map(move |who| (n, who))).map(|(n, who)| {
        let server = Arc::clone(&servers[who % 3]);
        let choice = if who % 2 == 0 { Choice::Approve } else { Choice::Reject };
        let command = Command::Decide(decide(reviewer(who), choice, Seen::Revision(1)));
        tokio::spawn(async move { (n, server.transition(id(0, n), command, at(1)).await) })
    });
    let mut won = vec![0; APPROVALS as usize + 1];
    for decided in join_all(deciders).await {
        match decided.unwrap() {
            (n, Ok(_)) => won[n as usize] += 1,
            (_, Err(StoreError::Refused(Refusal::AlreadyDecided(_)))) => {}
            (n, other) => panic!("{n}: {other:?}"),
        }
    }
    assert!(won[1..].iter().all(|won| *won == 1), "{won:?}");
    for n in 1..=APPROVALS {
        let seen = join_all(servers.iter().map(|server| server.get(id(0, n)))).await;
        assert!(seen.iter().all(|one| one == &seen[0]), "the servers disagree");
        assert_eq!(servers[1].events(id(0, n), 0, 99).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_fires_once_over_three_servers() {
    const APPROVALS: u64 = 200;
    let subject = Postgres::create(routes()).await;
    let servers = servers(&subject).await;
    join_all((1..=APPROVALS).map(|n| servers[0].submit(submission(0, n)))).await.into_iter().for_each(|done| {
        done.unwrap();
    });
    let ticks = (1..=APPROVALS).flat_map(|n| servers.iter().map(move |server| (n, Arc::clone(server))));
    let ticks = ticks.map(|(n, server)| {
        tokio::spawn(async move {
            // Not early, and then once.
            server.transition(id(0, n), Command::Tick, at(299)).await.unwrap();
            server.transition(id(0, n), Command::Tick, at(301)).await.unwrap()
        })
    });
    join_all(ticks).await.into_iter().for_each(|done| drop(done.unwrap()));
    for n in 1..=APPROVALS {
        let events = servers[1].events(id(0, n), 0, 99).await.unwrap();
        assert!(matches!(events.last().unwrap().kind, EventKind::Decided { .. }), "{events:?}");
        assert_eq!((events.len(), events[1].at), (2, at(301)));
        assert_eq!(servers[2].get(id(0, n)).await.unwrap().status, Status::TimedOut);
    }
}

#[tokio::test]
async fn a_group_that_fails_leaves_no_open_transaction() {
    let subject = Postgres::create(routes()).await;
    let store = subject.opened();
    store.submit(submission(0, 1)).await.unwrap();
    let connection = store.shared.connection().await.unwrap();
    let sql = "INSERT INTO events (approval, revision, payload) VALUES ($1, 1, '')";
    connection.execute(sql, &[&id(0, 2).uuid()]).await.unwrap();
    drop(connection);
    for _ in 0..3 {
        // The event is in the way.
        let failed = store.submit(submission(0, 2)).await.unwrap_err();
        assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
    }
    let reads = (0..20).map(|_| store.get(id(0, 1)));
    join_all(reads).await.into_iter().for_each(|read| drop(read.unwrap()));
    store.transition(id(0, 1), approve(1), at(1)).await.unwrap();
    store.submit(submission(0, 3)).await.unwrap();
}

#[tokio::test]
async fn a_restored_database_has_its_changes_at_once() {
    let mut subject = Postgres::create(routes()).await;
    let store = subject.opened();
    for n in 1..=5 {
        store.submit(submission(0, n)).await.unwrap();
    }
    let cursor = store.newest_cursor().await.unwrap();
    let before = store.changes_after(None, 100).await.unwrap().changes;
    // As if they came from a cluster that has had many more transactions.
    let connection = store.shared.connection().await.unwrap();
    connection.batch_execute("UPDATE changes SET xid = (xid::text::bigint + 1000000000000)::text::xid8").await.unwrap();
    drop(connection);
    subject.reopen().await;
    let store = subject.opened();
    assert_eq!(store.changes_after(None, 100).await.unwrap().changes, before);
    let stale = store.changes_after(Some(cursor), 100).await.unwrap_err();
    assert!(matches!(stale, FeedError::Cursor(CursorError::OtherStore)), "{stale:?}");
}

#[tokio::test]
async fn a_missing_event_is_damage_and_not_a_shorter_history() {
    let subject = Postgres::create(routes()).await;
    let store = subject.opened();
    for n in 1..=2 {
        store.submit(submission(0, n)).await.unwrap();
        store.transition(id(0, n), approve(1), at(1)).await.unwrap();
    }
    let connection = store.shared.connection().await.unwrap();
    for (n, revision) in [(1, 2), (2, 1_i32)] {
        let sql = "DELETE FROM events WHERE approval = $1 AND revision = $2";
        assert_eq!(connection.execute(sql, &[&id(0, n).uuid(), &i64::from(revision)]).await.unwrap(), 1);
    }
    for n in 1..=2 {
        let read = store.events(id(0, n), 0, 99).await.unwrap_err();
        assert!(matches!(read, StoreError::Corrupt(_)), "{read:?}");
    }
    assert_eq!(store.events(id(0, 1), 0, 1).await.unwrap().len(), 1, "the others are whole");
    assert_eq!(store.events(id(0, 9), 0, 99).await.unwrap(), [], "an unknown approval has none");
    let copied = store.export(None, 10).await.unwrap_err();
    assert!(matches!(copied, StoreError::Corrupt(_)), "{copied:?}");
}

#[tokio::test]
async fn a_second_server_changes_nothing() {
    let config = testing::config(routes());
    let connections = Connections::new(&config).unwrap();
    let lock = ownership::claim(&connections).await.unwrap();
    let refused = PostgresStore::open_alone(&config, Arc::new(())).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse), "{refused:?}");
    assert_eq!(PostgresStore::schema_version(&config).await.unwrap().applied, 0, "it made no tables");
    drop(deadpool_postgres::Object::take(lock));
}
