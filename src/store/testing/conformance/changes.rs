//! The change feed and its cursors.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// All changes after a cursor, page by page.
pub(in crate::store) async fn read_on(
    store: &dyn Store,
    mut cursor: Option<Cursor>,
    limit: usize,
) -> (Vec<(ApprovalId, Revision)>, Cursor) {
    let mut found = Vec::new();
    loop {
        let page = store.changes_after(cursor, limit).await.unwrap();
        assert!(page.changes.len() <= limit);
        found.extend(page.changes.iter().map(|change| (change.approval_id, change.revision)));
        if !page.more {
            return (found, page.next);
        }
        cursor = Some(page.next);
    }
}

/// The newest revision in the feed of each stored approval.
pub(super) async fn newest(store: &dyn Store) -> BTreeMap<ApprovalId, Revision> {
    let mut newest: BTreeMap<_, _> = read_on(store, None, 100).await.0.into_iter().collect();
    let kept: BTreeSet<_> = store.export(None, usize::MAX).await.unwrap().iter().map(|history| history.id).collect();
    newest.retain(|id, _| kept.contains(id));
    newest
}

/// Checks that the revisions of each approval increase, and end at the stored one.
async fn assert_complete(store: &dyn Store, told: &[(ApprovalId, Revision)]) {
    let mut last: HashMap<ApprovalId, Revision> = HashMap::new();
    for (id, revision) in told {
        let before = last.insert(*id, *revision).unwrap_or(0);
        assert!(before < *revision, "{id}: {before}, then {revision}");
    }
    for approval in store.list(oldest_first(Filter::default())).await.unwrap().approvals {
        assert_eq!(last.get(&approval.id), Some(&approval.revision));
    }
}

pub async fn the_feed_tells_of_every_commit_in_order(mut subject: impl Subject) {
    let store = Arc::clone(subject.store());
    let (nothing, start) = read_on(&*store, None, 10).await;
    assert_eq!(nothing, []);
    store.submit(submission(0, 2)).await.unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    store.submit(submission(0, 1)).await.unwrap(); // found, not made
    store.transition(id(0, 1), Command::Tick, at(1)).await.unwrap(); // nothing is due
    store.transition(id(0, 1), approve(1), at(1)).await.unwrap();
    store.transition(id(0, 1), approve(2), at(1)).await.unwrap_err();
    store.transition(id(0, 2), reject(1), at(2)).await.unwrap();
    // An edit that decides is two revisions in one commit.
    store.submit(submission(0, 30)).await.unwrap();
    let edited = edit(1, 1, arguments(&serde_json::json!({"to": "bob"})), quorum(1));
    store.transition(id(0, 30), edited, at(2)).await.unwrap();
    let copy = MemoryStore::default();
    fill(&copy).await;
    let imported = copy.export(Some(id(2, 2)), 2).await.unwrap();
    store.import(imported).await.unwrap();
    store.put_policy(policies::policy(0, "a")).await.unwrap();

    let expected = [
        (id(0, 2), 1),
        (id(0, 1), 1),
        (id(0, 1), 2),
        (id(0, 2), 2),
        (id(0, 30), 1),
        (id(0, 30), 3),
        (id(3, 3), 4),
        (id(4, 4), 2),
    ];
    assert_eq!(read_on(&*store, None, 100).await.0, expected);
    assert_eq!(read_on(&*store, Some(start.clone()), 100).await.0, expected);
    drop(store);
    subject.reopen().await;
    assert_eq!(read_on(&**subject.store(), None, 100).await.0, expected);
    assert_eq!(read_on(&**subject.store(), Some(start), 100).await.0, expected);
}

pub async fn pages_join_up_at_any_limit(subject: impl Subject) {
    let store = subject.store();
    let copy = MemoryStore::default();
    fill(&copy).await;
    store.import(copy.export(None, 100).await.unwrap()).await.unwrap(); // many changes of one commit
    store.submit(submission(50, 50)).await.unwrap();
    let (whole, end) = read_on(&**store, None, 100).await;
    assert_eq!(whole.len(), 10);
    for limit in 1..=11 {
        assert_eq!(read_on(&**store, None, limit).await, (whole.clone(), end.clone()));
    }
    let empty = store.changes_after(Some(end.clone()), 10).await.unwrap();
    assert_eq!(empty, ChangePage { changes: Vec::new(), next: end, more: false });
    // A limit of 0 counts as 1, so that the consumer makes progress.
    let first = store.changes_after(None, 1).await.unwrap();
    assert_eq!((first.changes.len(), first.more), (1, true));
    assert_eq!(store.changes_after(None, 0).await.unwrap(), first);
}

pub async fn cursors_survive_text_and_reopening(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let (whole, _) = read_on(&**subject.store(), None, 100).await;
    let (mut found, mut kept) = (Vec::new(), None::<String>);
    loop {
        let cursor = kept.as_deref().map(|text| text.parse().unwrap());
        let page = subject.store().changes_after(cursor, 3).await.unwrap();
        found.extend(page.changes.iter().map(|change| (change.approval_id, change.revision)));
        kept = Some(page.next.to_string());
        if !page.more {
            break;
        }
        subject.reopen().await;
    }
    assert_eq!(found, whole);
}

pub async fn a_cursor_from_now_on_leaves_out_what_was_before(mut subject: impl Subject) {
    let start = subject.store().newest_cursor().await.unwrap();
    fill(&**subject.store()).await;
    let now = subject.store().newest_cursor().await.unwrap();
    assert_ne!(start, now);
    assert_eq!(read_on(&**subject.store(), Some(now.clone()), 10).await, (Vec::new(), now.clone()));
    subject.reopen().await;
    subject.store().submit(submission(50, 50)).await.unwrap();
    let (found, end) = read_on(&**subject.store(), Some(now), 10).await;
    assert_eq!(found, [(id(50, 50), 1)]);
    assert_eq!(subject.store().newest_cursor().await.unwrap(), end);
    let (whole, _) = read_on(&**subject.store(), Some(start), 10).await;
    assert_complete(&**subject.store(), &whole).await;
}

pub async fn cursors_of_other_stores_are_refused<S: Subject>(subject: S) {
    let (store, other) = (subject.store(), S::create(outbox::routes()).await);
    fill(&**store).await;
    fill(&**other.store()).await;
    let foreign = other.store().newest_cursor().await.unwrap();
    let refused = FeedError::Cursor(CursorError::OtherStore);
    assert_eq!(store.changes_after(Some(foreign), 10).await.unwrap_err(), refused);
}

pub async fn an_old_cursor_misses_nothing_that_is_kept(mut subject: impl Subject) {
    let start = subject.store().newest_cursor().await.unwrap();
    fill(&**subject.store()).await;
    let middle = subject.store().changes_after(None, 4).await.unwrap().next;
    assert!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap() > 0);
    subject.store().submit(submission(50, 50)).await.unwrap();
    for _ in 0..2 {
        let store = subject.store();
        for cursor in [None, Some(start.clone())] {
            let (told, _) = read_on(&**store, cursor, 2).await;
            assert_complete(&**store, &told).await;
        }
        let (told, _) = read_on(&**store, Some(middle.clone()), 100).await;
        assert_eq!(told.last(), Some(&(id(50, 50), 1)));
        subject.reopen().await;
    }
}

pub async fn a_consumer_follows_many_writers(subject: impl Subject) {
    let store = subject.store();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for n in (1..=20).map(|n| writer * 100 + n) {
                    store.submit(submission(0, n)).await.unwrap();
                    store.transition(id(0, n), approve(1), at(1)).await.unwrap();
                }
            })
        })
        .collect();
    let mut nudge = store.changes();
    let (mut told, mut cursor) = (Vec::new(), None);
    while told.iter().filter(|(_, revision)| *revision == 2).count() < 160 {
        let (found, next) = read_on(&**store, cursor, 7).await;
        // A change is shown only when it is durable, so the approval is at least at that revision.
        for (id, revision) in &found {
            assert!(store.get(*id).await.unwrap().revision >= *revision);
        }
        let waits = found.is_empty();
        told.extend(found);
        cursor = Some(next);
        if waits {
            let _ = nudge.recv().await; // lagging is a nudge as well
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_complete(&**store, &told).await;
    assert_eq!(read_on(&**store, cursor, 7).await.0, []);
}
