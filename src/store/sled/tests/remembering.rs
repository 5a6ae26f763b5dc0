//! The index of remembered rejections.

use super::{
    syncs::{begin, gated},
    *,
};
use crate::store::conformance::{
    reject,
    remembering::{asking, remembered_id},
};

/// A closed store with a rejection at `at(10)` that is remembered for 60 s; and its key in the index.
async fn rejected() -> (TempDir, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.submit(asking(0, 1)).await.unwrap();
    let rejected = store.transition(id(0, 1), reject(1), at(10)).await.unwrap().approval;
    close(store).await;
    (directory, keys::rejection(rejected.remembered().unwrap(), id(0, 1)))
}

#[tokio::test]
async fn commands_see_rejections_and_forgotten_approvals_of_their_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let (first, _, before) = super::groups::as_one_group!(
        store,
        gate,
        store.submit(asking(0, 1)),
        store.submit(asking(0, 2)),
        store.submit(asking(0, 3)),
    );
    assert!(first.await.is_ok() && before.await.is_ok());
    let (rejected, answered, again, later) = super::groups::as_one_group!(
        store,
        gate,
        store.transition(id(0, 1), reject(1), at(10)),
        store.submit(asking(11, 4)),
        store.transition(id(0, 2), reject(1), at(20)),
        store.submit(asking(21, 5)),
    );
    assert!(rejected.await.is_ok() && again.await.is_ok());
    assert_eq!(remembered_id(&answered.await.unwrap().approval), Some(id(0, 1)));
    assert_eq!(remembered_id(&later.await.unwrap().approval), Some(id(0, 2)), "the one that lasts longest");
    let (gone, one_left, all_gone, nobody) = super::groups::as_one_group!(
        store,
        gate,
        store.prune(at(100), at(30), 1),
        store.submit(asking(31, 6)),
        store.prune(at(21), at(31), 9),
        store.submit(asking(31, 7)),
    );
    assert_eq!((gone.await, all_gone.await), (Ok(1), Ok(2)), "the approval that it rejected is forgotten too");
    assert_eq!(remembered_id(&one_left.await.unwrap().approval), Some(id(0, 2)));
    assert_eq!(nobody.await.unwrap().approval.status, Status::Pending);
    gate.idle();
    assert!(store.pages.keys(keys::rejections(asking(0, 1).request.call_in_run().unwrap(), at(0))).next().is_none());
}

#[tokio::test]
async fn an_unreadable_rejection_fails_the_request() {
    let (directory, _) = rejected().await;
    tamper(directory.path(), |db| drop(db.remove(keys::event(id(0, 1), 1)).unwrap()));
    let store = open(&directory).unwrap();
    let refused = store.submit(asking(20, 2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
    assert!(store.submit(asking(70, 2)).await.is_ok(), "the rejection has expired");
    assert_eq!(*store.health().borrow(), Health::Working);
}

#[tokio::test]
async fn a_check_compares_the_index_with_the_rejections() {
    let faults = async |directory: &TempDir| {
        let scratch = tempfile::tempdir().unwrap();
        let findings = check(directory.path(), scratch.path()).unwrap();
        findings.faults.into_iter().map(|fault| fault.what).collect::<Vec<_>>()
    };
    let (directory, key) = rejected().await;
    assert_eq!(faults(&directory).await, [] as [&str; 0]);
    tamper(directory.path(), |db| drop(db.remove(&key).unwrap()));
    assert_eq!(faults(&directory).await, ["it is missing from the index of remembered rejections"]);
    let mut strange = key.clone();
    strange[1] ^= 1;
    tamper(directory.path(), |db| {
        for key in [&key, &strange] {
            db.insert(&key[..], &[]).unwrap();
        }
    });
    assert_eq!(faults(&directory).await, ["the index of remembered rejections has 2 entries; expected 1"]);
}
