//! Calls of the observer: every event once, in order, after it is durable.

use std::sync::Mutex;

use super::{
    syncs::{begin, gated_with},
    *,
};
use crate::{
    domain::{
        FreezeScope, Freezes,
        freeze_samples::{new_freeze, new_thaw},
    },
    store::{
        FreezeStore as _, Observer,
        conformance::{cancel, claim, report},
    },
};

#[derive(Default)]
struct Told {
    events: Mutex<Vec<(ApprovalId, Revision)>>,
    oldest: Mutex<Option<Time>>,
    standing: Mutex<usize>,
}

impl Observer for Told {
    fn committed(&self, _: usize, _: Duration) {}
    fn reached(&self, _: &Approval) {}

    fn recorded(&self, approval: &Approval, event: &Event) {
        assert!(event.revision <= approval.revision);
        self.events.lock().unwrap().push((approval.id, event.revision));
    }

    fn pending(&self, _: u64, oldest: Option<Time>) {
        *self.oldest.lock().unwrap() = oldest;
    }

    fn frozen(&self, freezes: &Freezes) {
        *self.standing.lock().unwrap() = freezes.standing().count();
    }
}

impl Told {
    fn take(&self) -> Vec<(ApprovalId, Revision)> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

#[tokio::test]
async fn each_event_is_observed_once_and_only_when_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (store, mut gate) = gated_with(&directory, Arc::<Told>::clone(&told));
    let first = begin(store.submit(submission(0, 1)));
    gate.began().await;
    assert!(told.take().is_empty(), "its sync is missing");
    // All in one group, with a repetition and a refused command, which record nothing.
    let digest = submission(0, 1).request.digest;
    let again = begin(store.submit(submission(0, 1)));
    let approved = begin(store.transition(id(0, 1), approve(1), at(1)));
    let other = begin(store.submit(submission(1, 2)));
    let claimed = begin(store.transition(id(0, 1), claim(1, digest), at(2)));
    let refused = begin(store.transition(id(0, 1), cancel(), at(3)));
    let reported = begin(store.transition(id(0, 1), report(1), at(4)));
    gate.end(Ok(()));
    first.await.unwrap();
    assert_eq!(told.take(), [(id(0, 1), 1)]);
    gate.pass().await;
    assert!(!again.await.unwrap().created);
    for done in [approved, claimed, reported] {
        done.await.unwrap();
    }
    other.await.unwrap();
    refused.await.unwrap_err();
    assert_eq!(told.take(), [(id(0, 1), 2), (id(1, 2), 1), (id(0, 1), 3), (id(0, 1), 4)]);
}

#[tokio::test]
async fn the_oldest_pending_approval_is_observed_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let open = |told: &Arc<Told>| SledStore::open(directory.path(), Arc::<Told>::clone(told)).unwrap();
    let told = Arc::new(Told::default());
    let oldest = |told: &Told| *told.oldest.lock().unwrap();
    let store = open(&told);
    assert_eq!(oldest(&told), None);
    for (seconds, n) in [(7, 2), (5, 1), (9, 3)] {
        store.submit(submission(seconds, n)).await.unwrap();
    }
    assert_eq!(oldest(&told), Some(at(5)));
    store.transition(id(5, 1), approve(1), at(10)).await.unwrap();
    assert_eq!(oldest(&told), Some(at(7)));
    close(store).await;
    let again = Arc::new(Told::default());
    let store = open(&again);
    assert_eq!(oldest(&again), Some(at(7)));
    store.transition(id(7, 2), cancel(), at(11)).await.unwrap();
    store.transition(id(9, 3), approve(1), at(11)).await.unwrap();
    assert_eq!(oldest(&again), None);
}

#[tokio::test]
async fn active_freezes_are_observed_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let open = |told: &Arc<Told>| SledStore::open(directory.path(), Arc::<Told>::clone(told)).unwrap();
    let standing = |told: &Told| *told.standing.lock().unwrap();
    let told = Arc::new(Told::default());
    let store = open(&told);
    for n in [1, 2] {
        store.freeze(new_freeze(n, FreezeScope::All)).await.unwrap();
    }
    assert_eq!(standing(&told), 2);
    store.thaw(new_thaw(1)).await.unwrap();
    assert_eq!(standing(&told), 1);
    close(store).await;
    let again = Arc::new(Told::default());
    let store = open(&again);
    assert_eq!(standing(&again), 1);
    store.thaw(new_thaw(2)).await.unwrap();
    assert_eq!(standing(&again), 0);
}
