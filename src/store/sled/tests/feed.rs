//! The change feed, where it depends on groups of commits and on files.

use super::{
    dropping::{dropped, records},
    syncs::{begin, gated},
    *,
};
use crate::store::{
    Cursor, CursorError, FeedError,
    conformance::{changes::read_on, reject},
};

#[tokio::test]
async fn commits_of_one_group_are_one_change_and_wait_for_their_sync() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let first = begin(store.submit(submission(0, 1)));
    gate.began().await;
    let mut page = Box::pin(store.changes_after(None, 10));
    let mut newest = Box::pin(store.newest_cursor());
    // Both may read at any time: the data is not durable yet.
    for _ in 0..100 {
        let shown = tokio::select! {
            biased;
            _ = &mut page => true,
            _ = &mut newest => true,
            () = tokio::task::yield_now() => false,
        };
        assert!(!shown);
    }
    let (second, third) = (begin(store.submit(submission(0, 2))), begin(store.transition(id(0, 2), approve(1), at(1))));
    gate.end(Ok(()));
    first.await.unwrap();
    gate.pass().await;
    second.await.unwrap();
    third.await.unwrap();
    page.await.unwrap();
    newest.await.unwrap();
    assert_eq!(read_on(&store, None, 10).await.0, [(id(0, 1), 1), (id(0, 2), 2)]);
}

#[tokio::test]
async fn a_cursor_older_than_all_records_misses_no_stored_approval() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    let start = store.newest_cursor().await.unwrap();
    for n in 1..7 {
        store.submit(submission(0, n)).await.unwrap();
        store.transition(id(0, n), reject(1), at(1)).await.unwrap();
    }
    let mut cursors = vec![None, Some(start)];
    for limit in 1..12 {
        cursors.push(Some(store.changes_after(None, limit).await.unwrap().next));
    }
    assert_eq!(store.prune(at(2), at(2), 100).await, Ok(6));
    for n in 7..10 {
        store.submit(submission(3, n)).await.unwrap();
    }
    close(store).await;
    assert!(dropped(&directory, at(2_000), 2));
    assert_eq!(records(&directory)[0], 14, "the records of forgotten approvals are dropped");
    let store = open(&directory).unwrap();
    let kept: Vec<_> = (7..10).map(|n| (id(3, n), 1)).collect();
    for cursor in cursors {
        for limit in [1, 100] {
            assert_eq!(read_on(&store, cursor.clone(), limit).await.0, kept);
        }
    }
}

/// After a backup is restored, new groups reuse numbers: an old cursor would skip them.
#[tokio::test]
async fn a_restored_backup_rejects_later_cursors() {
    let (directory, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(&directory).unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    let before = store.newest_cursor().await.unwrap();
    close(store).await;
    fs::create_dir(backup.path().join("sled")).unwrap();
    for entry in fs::read_dir(directory.path().join("sled")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), backup.path().join("sled").join(entry.file_name())).unwrap();
        }
    }
    fs::copy(directory.path().join("WATERMARK"), backup.path().join("WATERMARK")).unwrap();
    let store = open(&directory).unwrap();
    store.submit(submission(0, 2)).await.unwrap();
    let after = store.newest_cursor().await.unwrap();
    close(store).await;

    let store = open(&backup).unwrap();
    let refused = async |store: &SledStore, cursor: &Cursor| store.changes_after(Some(cursor.clone()), 9).await;
    for n in 3..6 {
        let error = refused(&store, &after).await.unwrap_err();
        assert_eq!(error, FeedError::Cursor(CursorError::OtherHistory), "before approval {n}");
        store.submit(submission(0, n)).await.unwrap();
    }
    let kept: Vec<_> = (3..6).map(|n| (id(0, n), 1)).collect();
    assert_eq!(read_on(&store, Some(before), 9).await.0, kept);
}

#[tokio::test]
async fn pages_continue_over_groups_without_approvals() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 0..1_010 {
        store.put_policy(policy(n, &n.to_string())).await.unwrap();
    }
    store.submit(submission(0, 1)).await.unwrap();
    let page = store.changes_after(None, 9).await.unwrap();
    assert!(page.changes.is_empty() && page.more);
    assert_eq!(read_on(&store, None, 9).await.0, [(id(0, 1), 1)]);
}

#[tokio::test]
async fn a_missing_record_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..5 {
        store.submit(submission(0, n)).await.unwrap();
    }
    store.pages.tree().remove(keys::group(3)).unwrap();
    let error = store.changes_after(None, 9).await.unwrap_err();
    assert!(matches!(error, FeedError::Store(StoreError::Corrupt(_))), "{error}");
}
