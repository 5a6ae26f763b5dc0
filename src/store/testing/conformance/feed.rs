//! Wake-ups, changes, counts and health.

use futures_util::FutureExt as _;
use tokio::sync::broadcast::error::TryRecvError;

use super::*;

fn change(approval: &Approval) -> Change {
    let Approval { id, revision, status, .. } = *approval;
    Change { id, revision, status, due: approval.due() }
}

pub async fn pending_follows_every_change(mut subject: impl Subject) {
    assert_eq!(subject.store().pending(), 0);
    fill(&**subject.store()).await;
    assert_eq!(subject.store().pending(), 3);
    subject.reopen().await;
    assert_eq!(subject.store().pending(), 3);
    let digest = submission(0, 1).request.digest;
    for (n, command, left) in
        [(1, claim(1, digest), 3), (1, Command::Tick, 3), (1, approve(1), 2), (1, approve(2), 2), (3, cancel(), 1)]
    {
        let _ = subject.store().transition(id(n, n.unsigned_abs()), command, at(30)).await;
        assert_eq!(subject.store().pending(), left);
    }
    subject.store().prune(at(1_000), at(1_000), 100).await.unwrap();
    assert_eq!(subject.store().pending(), 1);
    subject.reopen().await;
    assert_eq!(subject.store().pending(), 1);
}

fn closed<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert_eq!(answer.unwrap_err(), StoreError::Unavailable("closed".into()));
}

pub async fn changes_tell_of_every_commit(subject: impl Subject) {
    let store = subject.store();
    store.submit(submission(0, 9)).await.unwrap();
    let mut changes = store.changes();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    let asked = store.submit(submission(0, 1)).await.unwrap().approval;
    assert_eq!(changes.try_recv(), Ok(change(&asked)));
    store.submit(submission(0, 1)).await.unwrap();
    store.transition(id(0, 1), Command::Tick, at(1)).await.unwrap();
    store.transition(id(0, 1), claim(1, asked.digest), at(1)).await.unwrap_err();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty), "only commits are published");
    for command in [approve(1), claim(1, asked.digest), report(1)] {
        let done = store.transition(id(0, 1), command, at(2)).await.unwrap().approval;
        assert_eq!(changes.try_recv(), Ok(change(&done)));
    }
    // An edit that decides is two revisions in one commit.
    let edited = edit(1, 1, arguments(&serde_json::json!({"to": "bob"})), quorum(1));
    let done = store.transition(id(0, 9), edited, at(2)).await.unwrap().approval;
    assert_eq!((done.revision, changes.try_recv()), (3, Ok(change(&done))));

    let copy = Arc::new(MemoryStore::default());
    fill(&*copy).await;
    let histories = copy.export(None, 100).await.unwrap();
    let other = histories.into_iter().filter(|history| history.id == id(3, 3)).collect();
    store.import(other).await.unwrap();
    assert_eq!(changes.try_recv(), Ok(change(&copy.get(id(3, 3)).await.unwrap())));
    store.prune(at(1_000), at(1_000), 10).await.unwrap();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
}

pub async fn subscribers_wake_on_every_commit(subject: impl Subject) {
    let store = subject.store();
    let (mut mine, mut others) = (store.subscribe(id(0, 1)), store.subscribe(id(0, 2)));
    assert_eq!(mine.beyond(0).now_or_never(), None);
    store.submit(Submission { verdict: quorum(2), ..submission(0, 1) }).await.unwrap();
    assert_eq!(mine.beyond(0).now_or_never(), Some(()));
    assert_eq!(mine.beyond(1).now_or_never(), None);
    store.submit(submission(0, 1)).await.unwrap(); // found, not made
    store.transition(id(0, 1), Command::Tick, at(1)).await.unwrap();
    assert_eq!(mine.beyond(1).now_or_never(), None);
    store.transition(id(0, 1), approve(0), at(1)).await.unwrap();
    assert_eq!(mine.beyond(1).now_or_never(), Some(()));
    store.transition(id(0, 1), approve(0), at(1)).await.unwrap_err();
    assert_eq!(mine.beyond(2).now_or_never(), None, "a refused command changes nothing");

    let waiting = tokio::spawn(async move {
        mine.beyond(2).await;
        mine
    });
    store.transition(id(0, 1), approve(1), at(400)).await.unwrap_err();
    let mut mine = waiting.await.unwrap(); // by the deadline that it fired
    assert_eq!(mine.beyond(3).now_or_never(), None);
    assert_eq!(others.beyond(0).now_or_never(), None);

    let copy = Arc::new(MemoryStore::default());
    copy.submit(submission(0, 2)).await.unwrap();
    store.import(copy.export(None, 1).await.unwrap()).await.unwrap();
    assert_eq!(others.beyond(0).now_or_never(), Some(()), "an import is a commit too");
}

pub async fn a_closed_store_answers_nothing(subject: impl Subject) {
    let store = Arc::clone(subject.store());
    store.submit(submission(0, 1)).await.unwrap();
    let mut health = store.health();
    store.close().await;
    store.close().await;
    closed(store.submit(submission(0, 2)).await);
    closed(store.transition(id(0, 1), approve(1), at(1)).await);
    closed(store.get(id(0, 1)).await);
    closed(store.events(id(0, 1), 0, 1).await);
    closed(store.list(oldest_first(Filter::default())).await);
    closed(store.due(at(0), 1).await);
    closed(store.prune(at(0), at(0), 1).await);
    closed(store.export(None, 1).await);
    closed(store.import(Vec::new()).await);
    let closed_feed = FeedError::Store(StoreError::Unavailable("closed".into()));
    assert_eq!(store.changes_after(None, 1).await.unwrap_err(), closed_feed);
    closed(store.newest_cursor().await);
    closed(store.put_policy(policy(0, "a")).await);
    closed(store.policy(None).await);
    closed(store.policies(None, 1).await);
    closed(store.export_policies(0, 1).await);
    closed(store.import_policies(Vec::new()).await);
    let channel = outbox::channel("all");
    closed(store.lease(&channel, at(1), Duration::from_secs(1), 1).await);
    closed(store.settle(Vec::new()).await);
    closed(store.lane(&channel, id(0, 1)).await);
    closed(store.lanes(LaneQuery { limit: 1, ..LaneQuery::default() }).await);
    closed(store.revive(DeliveryId { approval: id(0, 1), revision: 1, channel }, at(1)).await);
    closed(store.export_lanes(None, 1).await);
    closed(store.import_lanes(Vec::new()).await);
    assert!(!health.has_changed().unwrap_or(false), "closing is not a failure");
    assert_eq!(*health.borrow_and_update(), Health::Working);
    drop((store, health));
}
