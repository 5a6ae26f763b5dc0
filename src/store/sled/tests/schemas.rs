//! A schema is stored once, for as long as an approval names it.

use super::{
    syncs::{Gate, begin, gated},
    *,
};
use crate::{
    domain::{Digest, Request},
    store::conformance::{reject, with},
};

/// Longer than one piece of a record.
fn text() -> String {
    format!("{{\"title\":\"{}\"}}", "x".repeat(10_000))
}

fn typed(n: u64, schema: &str) -> Submission {
    with(submission(0, n), |request: &mut Request| request.schema = Some(schema.into()))
}

/// Every key of a schema that is stored, pieces included.
fn stored(store: &SledStore) -> usize {
    store.pages.keys(keys::schemas()).map(Result::unwrap).count()
}

/// Lets a call pass as a group of its own.
async fn alone<T>(gate: &mut Gate, call: impl Future<Output = Result<T, StoreError>>) -> T {
    let (done, ()) = tokio::join!(call, gate.pass());
    done.unwrap()
}

#[tokio::test]
async fn one_schema_is_stored_once_and_goes_with_the_last_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=50 {
        store.submit(typed(n, &text())).await.unwrap();
    }
    store.submit(typed(51, "true")).await.unwrap();
    assert_eq!(stored(&store), 2 + 1, "two pieces, and a short one");
    let all: usize = store.pages.tree().iter().values().map(|value| value.unwrap().len()).sum();
    assert!(all < 100_000, "{all} bytes");
    for n in (1..=51).filter(|n| *n != 7) {
        store.transition(id(0, n), reject(1), at(1)).await.unwrap();
    }
    assert_eq!(store.prune(at(10), at(10), 20).await.unwrap(), 20);
    assert_eq!(stored(&store), 3);
    while store.prune(at(10), at(10), 20).await.unwrap() > 0 {}
    assert_eq!(stored(&store), 2, "7 is pending");
    close(store).await;

    let store = open(&directory).unwrap();
    let approval = store.get(id(0, 7)).await.unwrap();
    assert_eq!(approval.request.schema.as_deref(), Some(&*text()));
    let histories = store.export(None, 9).await.unwrap();
    assert_eq!(Approval::replay(histories[0].id, &histories[0].events).as_ref(), Ok(&*approval));
    assert!(!store.submit(typed(7, &text())).await.unwrap().created, "the same request");
    store.transition(id(0, 7), reject(1), at(11)).await.unwrap();
    assert_eq!(store.prune(at(20), at(20), 20).await.unwrap(), 1);
    assert_eq!(stored(&store), 0);
    store.submit(typed(60, &text())).await.unwrap();
    assert_eq!(store.get(id(0, 60)).await.unwrap().request.schema.as_deref(), Some(&*text()));
}

#[tokio::test]
async fn a_schema_that_a_group_needs_is_not_removed_by_it() {
    for prune_first in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut gate) = gated(&directory);
        alone(&mut gate, store.submit(typed(1, &text()))).await;
        alone(&mut gate, store.transition(id(0, 1), reject(1), at(1))).await;
        let other = begin(store.submit(submission(0, 99)));
        gate.began().await;
        let (prune, submit) = if prune_first {
            let prune = begin(store.prune(at(10), at(10), 9));
            (prune, begin(store.submit(typed(2, &text()))))
        } else {
            let submit = begin(store.submit(typed(2, &text())));
            (begin(store.prune(at(10), at(10), 9)), submit)
        };
        gate.end(Ok(()));
        other.await.unwrap();
        gate.pass().await;
        assert_eq!(prune.await.unwrap(), 1);
        submit.await.unwrap();
        assert_eq!(store.get(id(0, 2)).await.unwrap().request.schema.as_deref(), Some(&*text()));
        gate.idle();
    }
}

#[tokio::test]
async fn a_schema_that_is_not_the_one_that_was_asked_with_is_damage() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(&whole).unwrap();
    store.submit(typed(1, "true")).await.unwrap();
    close(store).await;
    let key = keys::schema(&Digest::of_bytes(b"true"));
    let changes: [&dyn Fn(&sled::Db); 2] = [
        &|db| drop(db.remove(&key).unwrap()),
        // With a checksum of its own, as no bit that flips has.
        &|db| drop(db.insert(&key[..], frame::seal(&key, b"{}")).unwrap()),
    ];
    for change in changes {
        tamper(whole.path(), change);
        let store = open(&whole).unwrap();
        let error = store.get(id(0, 1)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(what) if what.contains("the schema sha256:")), "{error}");
        close(store).await;
    }
}
