//! A schema is stored once, for as long as an approval uses it.

use super::{
    syncs::{Gate, begin, gated},
    *,
};
use crate::{
    bounded_file,
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

/// The number of stored keys of schemas, including pieces.
fn stored(store: &SledStore) -> usize {
    store.pages.keys(keys::schemas()).map(Result::unwrap).count()
}

/// Runs a call as a separate group.
async fn alone<T>(gate: &mut Gate, call: impl Future<Output = Result<T, StoreError>>) -> T {
    let (done, ()) = tokio::join!(call, gate.pass());
    done.unwrap()
}

#[tokio::test]
async fn a_schema_is_stored_once_and_removed_with_its_last_approval() {
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
async fn a_group_does_not_remove_a_schema_that_it_uses() {
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
async fn a_schema_that_does_not_match_its_hash_is_damage() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(&whole).unwrap();
    store.submit(typed(1, "true")).await.unwrap();
    close(store).await;
    let key = keys::schema(&Digest::of_bytes(b"true"));
    let changes: [&dyn Fn(&sled::Db); 2] = [
        &|db| drop(db.remove(&key).unwrap()),
        // With a correct checksum, which a flipped bit would not have.
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

#[tokio::test]
async fn a_new_request_repairs_a_damaged_schema() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(&whole).unwrap();
    store.submit(typed(1, &text())).await.unwrap();
    close(store).await;
    let key = keys::schema(&Digest::of_bytes(text().as_bytes()));
    let piece = frame::piece_key(&key, 1);
    let changes: [&dyn Fn(&sled::Db); 4] = [
        &|_| {},
        &|db| drop(db.remove(&piece).unwrap()),
        &|db| drop(db.insert(&piece, b"another piece").unwrap()),
        &|db| drop(db.insert(&key[..], frame::seal(&key, b"{}")).unwrap()),
    ];
    for (n, change) in (2..).zip(changes) {
        tamper(whole.path(), change);
        let store = open(&whole).unwrap();
        assert_eq!(store.get(id(0, 1)).await.is_err(), n > 2);
        store.submit(typed(n, &text())).await.unwrap();
        for n in 1..=n {
            assert_eq!(store.get(id(0, n)).await.unwrap().request.schema.as_deref(), Some(&*text()));
        }
        assert_eq!(stored(&store), 2);
        close(store).await;
    }
    let later = [&[2], &frame::seal(&key, b"{}")[1..]].concat();
    tamper(whole.path(), |db| drop(db.insert(&key[..], &later[..]).unwrap()));
    let store = open(&whole).unwrap();
    let refused = store.submit(typed(6, &text())).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer(_)), "a record of a later version is not overwritten: {refused}");
    assert_eq!(store.get(id(0, 6)).await, Err(StoreError::NotFound));
}

/// A copy of the files of an open store, as after a kill.
fn copied(directory: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("sled")).unwrap();
    for entry in fs::read_dir(directory.path().join("sled")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join("sled").join(entry.file_name())).unwrap();
        }
    }
    copy
}

/// Opens the files as after a kill, and checks that everything is intact. Returns the requests, and the number of
/// stored pieces of schemas.
async fn left(directory: &TempDir, what: &str) -> (Vec<String>, usize) {
    let store = open(directory).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut asked = Vec::new();
    for history in store.export(None, 9).await.unwrap() {
        let approval = store.get(history.id).await.unwrap();
        assert_eq!(Approval::replay(history.id, &history.events).as_ref(), Ok(&*approval), "{what}");
        asked.push(approval.request.request_id.clone());
    }
    let pieces = stored(&store);
    close(store).await;
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(check(directory.path(), scratch.path()).unwrap().faults, [], "{what}");
    (asked, pieces)
}

/// The requests in a store, and the number of pieces of schemas.
type Pieces = (&'static [&'static str], usize);

/// Cuts the data of a group at many offsets: a kill at any moment leaves the whole group, or nothing.
#[tokio::test]
async fn a_kill_leaves_no_approval_without_its_schema() {
    let steps: [(bool, bool, Pieces, Pieces); 3] = [
        (false, true, (&["r9"], 0), (&["r2", "r9"], 2)), // the first that needs it
        (true, false, (&["r1", "r9"], 2), (&["r9"], 0)), // the last that needed it is forgotten
        (true, true, (&["r1", "r9"], 2), (&["r2", "r9"], 2)),
    ];
    for (prunes, submits, before, after) in steps {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut gate) = gated(&directory);
        if prunes {
            alone(&mut gate, store.submit(typed(1, &text()))).await;
            alone(&mut gate, store.transition(id(0, 1), reject(1), at(1))).await;
        }
        // The commands that wait behind a group are the next group.
        let other = begin(store.submit(submission(0, 9)));
        gate.began().await;
        let killed = copied(&directory);
        let _prune = prunes.then(|| begin(store.prune(at(10), at(10), 9)));
        let _submit = submits.then(|| begin(store.submit(typed(2, &text()))));
        gate.end(Ok(()));
        other.await.unwrap();
        gate.began().await; // written, and not acknowledged
        let log = |directory: &TempDir| bounded_file::whole(directory.path().join("sled/db"));
        let (mut old, new) = (log(&killed), log(&directory));
        old.resize(new.len(), 0);
        let differs = |at: &usize| old[*at] != new[*at];
        let (first, last) = ((0..new.len()).find(differs).unwrap(), (0..new.len()).rfind(differs).unwrap());
        let mut found = [0, 0];
        for cut in (first..last).step_by(499).chain(last - 8..=last + 1) {
            let copy = copied(&killed);
            fs::copy(directory.path().join("WATERMARK"), copy.path().join("WATERMARK")).unwrap();
            fs::write(copy.path().join("sled/db"), [&new[..cut], &old[cut..]].concat()).unwrap();
            let (asked, pieces) = left(&copy, &format!("cut at {cut} of {first} to {last}")).await;
            let asked: Vec<_> = asked.iter().map(String::as_str).collect();
            let side = [before, after].iter().position(|side| *side == (&*asked, pieces));
            found[side.unwrap_or_else(|| panic!("{asked:?} and {pieces} pieces, cut at {cut}"))] += 1;
        }
        assert!(found[0] > 1 && found[1] > 0, "{found:?}");
        gate.end(Ok(()));
    }
}
