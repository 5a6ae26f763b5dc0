//! Commands of one group see each other.

use super::{
    syncs::{Gate, begin, gated},
    *,
};
use crate::{
    domain::{ActorKind, Refusal, RepeatedField},
    store::{
        MemoryStore, NewPolicy,
        conformance::{approve, cancel, policy, reject, with},
    },
};

/// Runs calls as one group: they queue up while another group is in flight.
macro_rules! as_one_group {
    ($store:ident, $gate:ident, $($call:expr),+ $(,)?) => {{
        let other = begin($store.submit(crate::store::sled::tests::groups::unrelated()));
        $gate.began().await;
        let calls = ($(begin($call),)+);
        $gate.end(Ok(()));
        other.await.unwrap();
        $gate.pass().await;
        calls
    }};
}

pub(super) use as_one_group;

pub(super) fn unrelated() -> Submission {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    let new = submission(0, NEXT.fetch_add(1, Ordering::Relaxed));
    with(new, |request| request.agent.run_id = "unrelated".into())
}

/// Runs a call as a separate group.
async fn alone<T>(gate: &mut Gate, call: impl Future<Output = Result<T, StoreError>>) -> T {
    let (done, ()) = tokio::join!(call, gate.pass());
    done.unwrap()
}

#[tokio::test]
async fn one_request_id_twice_in_a_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let again = Submission { id: id(0, 2), ..submission(0, 1) };
    let other = with(Submission { id: id(0, 3), ..submission(0, 1) }, |request| request.tool_name = "other".into());
    let (first, second, third) =
        as_one_group!(store, gate, store.submit(submission(0, 1)), store.submit(again), store.submit(other));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first.created && !second.created);
    assert_eq!(first.approval, second.approval);
    let field = Some(RepeatedField::ToolName);
    let reused = Refusal::RequestIdReused { request_id: "r1".into(), approval: id(0, 1), field };
    assert_eq!(third.await.unwrap_err(), reused.into());
    assert_eq!(store.pending(), 2);
    gate.idle();
}

#[tokio::test]
async fn a_group_respects_the_pending_limit() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let limited = |n| {
        let new = Submission { pending_limit: 1, ..submission(0, n) };
        with(new, |request| request.caller = actor(ActorKind::Agent, "other"))
    };
    let (first, second, freed, third) = as_one_group!(
        store,
        gate,
        store.submit(limited(1)),
        store.submit(limited(2)),
        store.transition(id(0, 1), reject(1), at(1)),
        store.submit(limited(3)),
    );
    assert!(first.await.is_ok());
    assert_eq!(second.await.unwrap_err(), Refusal::TooManyPending { limit: 1 }.into());
    assert!(freed.await.is_ok());
    assert!(third.await.is_ok());
    gate.idle();
}

#[tokio::test]
async fn two_deciders_in_a_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let mut changes = store.changes();
    let (asked, first, second, third, claimed) = as_one_group!(
        store,
        gate,
        store.submit(submission(0, 1)),
        store.transition(id(0, 1), approve(1), at(1)),
        store.transition(id(0, 1), approve(2), at(1)),
        store.transition(id(0, 1), cancel(), at(400)),
        store.transition(id(0, 9), cancel(), at(1)),
    );
    assert_eq!(asked.await.unwrap().approval.revision, 1, "an answer has the state after its own command");
    let winner = first.await.unwrap().approval;
    let lost = Refusal::AlreadyDecided(Box::new(winner.decision.clone().unwrap()));
    assert_eq!(second.await.unwrap_err(), lost.clone().into());
    assert_eq!(third.await.unwrap_err(), lost.into());
    assert_eq!(claimed.await.unwrap_err(), StoreError::NotFound);
    gate.idle();
    assert_eq!(store.get(id(0, 1)).await.unwrap(), winner);
    assert_eq!(store.events(id(0, 1), 0, 9).await.unwrap().len(), 2);
    let told: Vec<_> =
        std::iter::from_fn(|| changes.try_recv().ok()).map(|change| (change.id, change.revision)).collect();
    assert_eq!(told[1..], [(id(0, 1), 1), (id(0, 1), 2)]);
}

#[tokio::test]
async fn two_prunes_in_a_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    for n in 1..=4 {
        alone(&mut gate, store.submit(submission(0, n))).await;
        alone(&mut gate, store.transition(id(0, n), reject(1), at(n.cast_signed()))).await;
    }
    let again = with(Submission { id: id(9, 2), ..submission(9, 2) }, |request| request.reason = "again".into());
    let (first, second, gone, found, again, third) = as_one_group!(
        store,
        gate,
        store.prune(at(100), at(100), 1),
        store.prune(at(100), at(100), 2),
        store.transition(id(0, 1), cancel(), at(9)),
        store.submit(submission(0, 4)),
        store.submit(again),
        store.prune(at(100), at(100), 9),
    );
    assert_eq!(first.await, Ok(1));
    assert_eq!(second.await, Ok(2));
    assert_eq!(gone.await.unwrap_err(), StoreError::NotFound);
    assert!(!found.await.unwrap().created);
    let forgotten = Refusal::RequestForgotten { request_id: "r2".into(), until: at(100 + 8 * 86_400) };
    assert_eq!(again.await.unwrap_err(), forgotten.into(), "its request_id is remembered within the group");
    assert_eq!(third.await, Ok(1));
    gate.idle();
    assert_eq!(store.get(id(9, 2)).await, Err(StoreError::NotFound));
    assert_eq!(store.export_forgotten(None, 9).await.unwrap().len(), 4);
    let Page { approvals, .. } = store.list(crate::store::conformance::oldest_first(Default::default())).await.unwrap();
    assert_eq!(approvals.iter().filter(|approval| approval.id < id(0, 1_000)).count(), 0);
}

#[tokio::test]
async fn imports_see_their_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let other = MemoryStore::default();
    for n in 1..=3 {
        other.submit(submission(0, n)).await.unwrap();
    }
    alone(&mut gate, store.submit(submission(0, 1))).await;
    alone(&mut gate, store.submit(submission(0, 2))).await;
    alone(&mut gate, store.transition(id(0, 2), reject(1), at(1))).await;
    let history = async |n| other.export(None, 9).await.unwrap().remove(n);
    let [one, two, three] = [history(0).await, history(1).await, history(2).await];
    let (decided, old, first, second, asked, pruned, back) = as_one_group!(
        store,
        gate,
        store.transition(id(0, 1), approve(1), at(1)),
        store.import(vec![one]),
        store.import(vec![three.clone()]),
        store.import(vec![three]),
        store.submit(submission(0, 3)),
        store.prune(at(100), at(100), 1),
        store.import(vec![two]),
    );
    assert!(decided.await.is_ok());
    assert_eq!(old.await.unwrap_err(), StoreError::Conflict(id(0, 1)), "it has another event now");
    assert_eq!((first.await, second.await), (Ok(1), Ok(0)));
    assert!(!asked.await.unwrap().created);
    assert_eq!(pruned.await, Ok(1), "an approval decided in this group is pruned by a later group");
    assert_eq!(back.await, Ok(0), "an import in the same group does not restore a forgotten approval");
    gate.idle();
    assert_eq!(store.get(id(0, 2)).await, Err(StoreError::NotFound));
    assert_eq!(store.events(id(0, 2), 0, 9).await, Ok(Vec::new()));
    assert_eq!(store.due(at(300), 0).await.unwrap().next, None);
}

#[tokio::test]
async fn policies_of_one_group_see_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let keyed = |document| NewPolicy { request_id: Some("k".into()), expected: Some(1), ..policy(5, document) };
    let expecting = |expected| NewPolicy { expected: Some(expected), ..policy(1, "c") };
    alone(&mut gate, store.put_policy(policy(0, "a"))).await;
    let other = MemoryStore::default();
    for new in [policy(0, "a"), keyed("b"), policy(5, "c"), policy(5, "d")] {
        other.put_policy(new).await.unwrap();
    }
    let mut moved = other.export_policies(0, 9).await.unwrap();
    moved[2].expected = Some(2);
    let mut wrong = moved.clone();
    wrong[2].document = "e".into();
    let (first, again, reused, lost, late, conflict, imported, last) = as_one_group!(
        store,
        gate,
        store.put_policy(keyed("b")),
        store.put_policy(keyed("b")),
        store.put_policy(keyed("c")),
        store.put_policy(expecting(1)),
        store.put_policy(expecting(2)),
        store.import_policies(wrong),
        store.import_policies(moved.clone()),
        store.put_policy(expecting(4)),
    );
    let first = first.await.unwrap();
    assert_eq!((first.head.version, again.await.unwrap()), (2, first));
    let request_id = "k".into();
    assert_eq!(reused.await, Err(StoreError::PolicyRequestIdReused { request_id, version: 2, field: "policy" }));
    assert_eq!(lost.await, Err(StoreError::PolicyChanged { version: 2 }));
    assert_eq!(*late.await.unwrap(), moved[2], "time does not run back within a group");
    assert_eq!(conflict.await, Err(StoreError::PolicyConflict(3)));
    assert_eq!(imported.await, Ok(1));
    assert_eq!(last.await.unwrap().head.version, 5);
    gate.idle();
    assert_eq!(store.export_policies(0, 4).await.unwrap(), moved);
    assert_eq!(store.policies(None, 9).await.unwrap().len(), 5);
}
