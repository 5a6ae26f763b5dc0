//! Snapshots: their limit, and what they hold back.

use super::*;
use crate::store::{Record, Snapshot, SnapshotStore as _};

async fn approvals(snapshot: &mut dyn Snapshot) -> Result<Vec<History>, StoreError> {
    let mut histories = Vec::new();
    while let Some(records) = snapshot.next().await? {
        histories.extend(records.into_iter().filter_map(|record| match record {
            Record::Approval(history) => Some(history),
            _ => None,
        }));
    }
    Ok(histories)
}

#[tokio::test]
async fn a_snapshot_ends_when_too_much_changes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=3 {
        store.submit(submission(0, n)).await.unwrap();
    }
    let before = store.export(None, 9).await.unwrap();
    // Room for the entries of two approvals.
    let limit = 2 * 48;
    let (mut fits, mut lost) =
        (store.snapshot_within(limit).await.unwrap(), store.snapshot_within(limit).await.unwrap());
    // New approvals, and further changes of the same one, take no room.
    for n in 4..=20 {
        store.submit(submission(1, n)).await.unwrap();
    }
    for n in [1, 2] {
        store.transition(id(0, n), approve(1), at(2)).await.unwrap();
        let digest = store.get(id(0, n)).await.unwrap().digest;
        store.transition(id(0, n), conformance::claim(n, digest), at(3)).await.unwrap();
    }
    assert_eq!(approvals(&mut *fits).await.unwrap(), before);
    store.transition(id(0, 3), approve(1), at(2)).await.unwrap();
    let overrun = StoreError::SnapshotOverrun { limit };
    assert_eq!(approvals(&mut *lost).await, Err(overrun));
    assert_eq!(lost.next().await, Ok(None), "nothing follows an error");
    // The store works on.
    store.submit(submission(1, 21)).await.unwrap();
    assert_eq!(approvals(&mut *store.snapshot().await.unwrap()).await.unwrap().len(), 21);
}

#[tokio::test]
async fn nothing_is_forgotten_while_a_snapshot_exists() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    fill(&store).await;
    let mut snapshots = vec![store.snapshot().await.unwrap(), store.snapshot().await.unwrap()];
    for _ in 0..2 {
        assert_eq!(store.prune(at(1_000), at(1_000), 100).await.unwrap(), 0);
        snapshots.pop();
    }
    assert_eq!(store.prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
}

#[tokio::test]
async fn a_damaged_record_fails_the_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    fill(&store).await;
    close(store).await;
    tamper(directory.path(), |db| drop(db.remove(keys::event(id(3, 3), 1)).unwrap()));
    let store = open(&directory).unwrap();
    let error = approvals(&mut *store.snapshot().await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("revision 1 of"), "{error}");
}

#[tokio::test]
async fn a_snapshot_does_not_outlast_its_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    fill(&store).await;
    let mut snapshot = store.snapshot().await.unwrap();
    store.close().await;
    assert!(matches!(snapshot.next().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.snapshot().await, Err(StoreError::Unavailable(_))));
    drop((snapshot, store));
    assert_eq!(everything(&open(&directory).unwrap()).await.1.len(), 9);
}
