//! Several servers on one database, groups that fail, and databases that were restored.

mod control;

use std::sync::Arc;

use futures_util::future::join_all;

use super::{PostgresStore, connections::Lock, testing::Postgres};
use crate::{
    domain::{Choice, Command, EventKind, FreezeScope, Refusal, Seen, Status, freeze_samples::new_freeze, samples::*},
    store::{
        ApprovalStore as _, ChangeFeed as _, CursorError, FeedError, Filter, FreezeStore as _, StoreError, Submission,
        Transfer as _,
        conformance::{Subject as _, approve, claim, oldest_first, outbox::routes, submission},
    },
};

async fn subject_of() -> Postgres {
    Postgres::create(routes()).await
}

/// Three servers on one database.
async fn servers(subject: &Postgres) -> [Arc<PostgresStore>; 3] {
    [Arc::clone(subject.opened()), subject.other().await, subject.other().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_eight_deciders_over_three_servers_wins() {
    const APPROVALS: u64 = 60;
    let subject = subject_of().await;
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
    let subject = subject_of().await;
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
    let subject = subject_of().await;
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
    let mut subject = subject_of().await;
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
    let subject = subject_of().await;
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

/// Waits until a statement of the schema's servers waits for a lock that matches a condition on `pg_locks`.
async fn waiting(store: &PostgresStore, condition: &str, meanwhile: impl Fn()) {
    let connection = store.shared.connection().await.unwrap();
    let sql = format!("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND {condition})");
    while !connection.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0) {
        meanwhile();
        tokio::task::yield_now().await;
    }
}

/// A condition on `pg_locks`: the advisory lock of a number.
fn advisory(number: i64) -> String {
    format!(
        "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (classid::bigint << 32 | objid::bigint) = {number}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_waits_for_the_claim_that_has_not_seen_it() {
    let subject = subject_of().await;
    let [here, there, _] = servers(&subject).await;
    let digest = there.submit(submission(0, 1)).await.unwrap().approval.digest;
    there.transition(id(0, 1), approve(1), at(1)).await.unwrap();
    // The claim has read the freezes, and cannot write.
    let transaction = here.shared.connections.begin().await.unwrap();
    transaction.batch_execute("LOCK TABLE changes IN SHARE MODE").await.unwrap();
    let claiming = tokio::spawn({
        let there = Arc::clone(&there);
        async move { there.transition(id(0, 1), claim(1, digest), at(2)).await }
    });
    waiting(&here, "relation = 'changes'::regclass", || ()).await;
    let freezing = tokio::spawn({
        let here = Arc::clone(&here);
        async move { here.freeze(new_freeze(1, FreezeScope::All)).await }
    });
    let gate = here.shared.connections.lock(Lock::Gate);
    waiting(&here, &advisory(gate), || assert!(!freezing.is_finished(), "it answered while a claim was under way"))
        .await;
    transaction.commit().await.unwrap();
    claiming.await.unwrap().unwrap();
    freezing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_cannot_exceed_its_limit_over_three_servers() {
    let subject = subject_of().await;
    let servers = servers(&subject).await;
    for round in 0..5_u64 {
        let limit = 3 * (u32::try_from(round).unwrap() + 1);
        let asking = (0..30).map(|n| {
            let server = Arc::clone(&servers[n as usize % 3]);
            let new = Submission { pending_limit: limit, ..submission(0, 1 + round * 30 + n) };
            tokio::spawn(async move { server.submit(new).await.is_ok() })
        });
        assert!(join_all(asking).await.into_iter().all(|asked| asked.is_ok()));
        let pending = servers[0].list(oldest_first(Filter::pending())).await.unwrap().approvals.len();
        assert_eq!(pending, limit as usize);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_cut_off_runs_again_if_it_is_not_on_record() {
    const HELD: i64 = 77;
    let subject = subject_of().await;
    let store = Arc::clone(subject.opened());
    // COMMIT waits for a lock, before anything is on record.
    let connection = store.shared.connection().await.unwrap();
    connection
        .batch_execute(&format!(
            "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NULL; END'; \
             CREATE CONSTRAINT TRIGGER held AFTER INSERT ON changes DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION held(); \
             SELECT pg_advisory_lock({HELD})"
        ))
        .await
        .unwrap();
    let submitting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.submit(submission(0, 1)).await }
    });
    waiting(&store, &advisory(HELD), || ()).await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND {}", advisory(HELD));
    connection.execute(&cut, &[]).await.unwrap();
    connection.execute("SELECT pg_advisory_unlock($1)", &[&HELD]).await.unwrap();
    assert!(submitting.await.unwrap().unwrap().created);
    assert_eq!(store.events(id(0, 1), 0, 99).await.unwrap().len(), 1);
    assert_eq!(store.pending(), 1);
}
