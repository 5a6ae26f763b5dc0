//! Snapshots: states that a store really had, read while it goes on working.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::domain::{
    block_samples::{new_block, new_unblock},
    freeze_samples::{new_freeze, new_thaw, tool},
    token_samples::token,
};

/// Approvals in a filled store: more than one portion of every kind of record.
const APPROVALS: u64 = 300;

/// Other records of each kind.
const OTHERS: u32 = 250;

/// Reads a snapshot to its end.
async fn records(snapshot: &mut dyn Snapshot) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(portion) = snapshot.next().await.unwrap() {
        assert!(!portion.is_empty());
        records.extend(portion);
    }
    assert_eq!(snapshot.next().await.unwrap(), None, "the end stays the end");
    records
}

/// The state now.
async fn state(store: &dyn Store) -> Vec<Record> {
    records(&mut *store.snapshot().await.unwrap()).await
}

/// Imports a record, which must be new.
async fn import(store: &dyn Store, record: Record) {
    let new = match record {
        Record::Policy(version) => store.import_policies(vec![version]).await.unwrap(),
        Record::UnchangedPolicy(call) => store.import_unchanged_policies(vec![call]).await.unwrap(),
        Record::Token(token) => store.save_tokens(vec![token]).await.unwrap(),
        Record::Freeze(freeze) => store.import_freezes(vec![freeze]).await.unwrap().new,
        Record::Block(block) => store.import_blocks(vec![block]).await.unwrap().new,
        Record::Forgotten(forgotten) => store.import_forgotten(vec![forgotten]).await.unwrap(),
        Record::Approval(history) => store.import(vec![history]).await.unwrap(),
        Record::Lane(lane) => store.import_lanes(vec![lane]).await.unwrap(),
    };
    assert_eq!(new, 1);
}

fn document(n: u32, request_id: &str) -> NewPolicy {
    NewPolicy { request_id: Some(request_id.to_owned()), ..policy(i64::from(n), &format!("{{\"n\":{n}}}")) }
}

fn forgotten(n: u32) -> Forgotten {
    let (issuer, subject) = ("idp".to_owned(), "bot".to_owned());
    Forgotten { at: at(i64::from(n)), issuer, subject, request_id: format!("old-{n}") }
}

/// The id of an approval in a filled store.
fn nth(n: u64) -> ApprovalId {
    id(2 * n.cast_signed(), n)
}

/// Every kind of record, in several portions. One approval in three is decided.
async fn fill_all(store: &dyn Store) {
    for n in 1..=6 {
        store.put_policy(document(n, &format!("set-{n}"))).await.unwrap();
    }
    for n in 0..OTHERS {
        store.put_policy(document(6, &format!("same-{n:03}"))).await.unwrap();
    }
    store.save_tokens((1..=OTHERS).map(token).collect()).await.unwrap();
    for n in 1..=3 {
        store.freeze(new_freeze(n, tool("other*"))).await.unwrap();
        store.block(new_block(n)).await.unwrap();
    }
    store.import_forgotten((1..=OTHERS).map(forgotten).collect()).await.unwrap();
    let submit = |n: u64| store.submit(Submission { id: nth(n), ..submission(500, n) });
    join_all((1..=APPROVALS).map(submit)).await.into_iter().for_each(|done| drop(done.unwrap()));
    let decide = |n: u64| store.transition(nth(n), approve(1), at(700));
    join_all((1..=APPROVALS).step_by(3).map(decide)).await.into_iter().for_each(|done| drop(done.unwrap()));
}

/// Changes records of every kind, all over the store. Each `round`, from 1 on, changes others.
async fn change_all(store: &dyn Store, round: u32) {
    let (number, now) = (u64::from(round), at(710 + i64::from(round)));
    store.put_policy(document(100 + round, &format!("new-{round}"))).await.unwrap();
    store.put_policy(document(100 + round, &format!("again-{round}"))).await.unwrap();
    let far = token(OTHERS - round);
    store.save_tokens(vec![Token { last_used_at: Some(now), ..far }, token(1_000 + round)]).await.unwrap();
    store.forget_tokens(vec![token(OTHERS / 2 + round).id, token(round).id]).await.unwrap();
    store.freeze(new_freeze(10 + round, tool("another*"))).await.unwrap();
    store.block(new_block(10 + round)).await.unwrap();
    if round <= 3 {
        store.thaw(new_thaw(round)).await.unwrap();
        store.unblock(new_unblock(round)).await.unwrap();
    }
    store.import_forgotten(vec![Forgotten { at: now, ..forgotten(OTHERS + round) }]).await.unwrap();
    store.import_forgotten(vec![Forgotten { at: now, ..forgotten(OTHERS - round) }]).await.unwrap();
    // Requests after the last one, and between earlier ones; one with the `request_id` of a forgotten one.
    let between = id(2 * (APPROVALS.cast_signed() - 3 * i64::from(round)) + 1, 5_000 + number);
    store.submit(Submission { id: between, ..submission(710, 5_000 + number) }).await.unwrap();
    let late = 10 * 86_400 + i64::from(round);
    let again = with(submission(late, 6_000 + number), |request| {
        request.caller = Actor { kind: ActorKind::Agent, issuer: "idp".into(), subject: "bot".into() };
        request.request_id = forgotten(OTHERS - 20 - round).request_id;
    });
    store.submit(again).await.unwrap();
    // Old approvals: the first ones, and the last ones.
    for n in [3 * number, APPROVALS + 2 - 3 * number, APPROVALS + 1 - 3 * number] {
        let before = store.get(nth(n)).await.unwrap();
        if before.status.is_terminal() {
            store.transition(nth(n), claim(n, before.digest), at(715)).await.unwrap();
            store.transition(nth(n), report(n), at(716)).await.unwrap();
        } else {
            store.transition(nth(n), approve(1), at(717)).await.unwrap();
        }
        let sent = Settlement::Sent { from: 1, up_to: 1, state: None };
        store.settle(vec![(outbox::numbered(0), nth(n), sent)]).await.unwrap();
    }
}

pub async fn a_snapshot_makes_an_equal_store<S: Subject>(subject: S) {
    fill_all(&**subject.store()).await;
    change_all(&**subject.store(), 1).await;
    let (before, mut copy) = (state(&**subject.store()).await, S::create(outbox::routes()).await);
    for record in before.clone() {
        import(&**copy.store(), record).await;
    }
    assert_eq!(state(&**copy.store()).await, before);
    assert_eq!(everything(&**copy.store()).await, everything(&**subject.store()).await);
    copy.reopen().await;
    assert_eq!(state(&**copy.store()).await, before);
    let kinds: Vec<_> = before.iter().map(std::mem::discriminant).collect();
    let mut once = kinds.clone();
    once.dedup();
    assert_eq!(once.len(), 8, "every kind, and each together");
}

pub async fn a_snapshot_stays_as_it_was(subject: impl Subject) {
    let store = &**subject.store();
    fill_all(store).await;
    let before = state(store).await;
    let mut first = store.snapshot().await.unwrap();
    change_all(store, 1).await;
    let after = state(store).await;
    assert_ne!(after, before);
    // Another one at the same time, with changes before each of its portions.
    let mut second = store.snapshot().await.unwrap();
    let (mut found, mut round) = (Vec::new(), 2);
    while let Some(portion) = second.next().await.unwrap() {
        found.extend(portion);
        if round <= 9 {
            change_all(store, round).await;
            round += 1;
        }
    }
    assert_eq!(round, 10);
    assert_eq!(found, after);
    assert_eq!(records(&mut *first).await, before);
}

pub async fn nothing_vanishes_from_a_snapshot(subject: impl Subject) {
    let store = &**subject.store();
    fill_all(store).await;
    let before = state(store).await;
    let mut snapshot = store.snapshot().await.unwrap();
    // The store may put this off.
    store.prune(at(1_000), at(20 * 86_400), 1_000).await.unwrap();
    assert_eq!(records(&mut *snapshot).await, before);
    drop(snapshot);
    store.prune(at(1_000), at(20 * 86_400), 1_000).await.unwrap();
    let left = store.export(None, usize::MAX).await.unwrap().len() as u64;
    assert_eq!(left, APPROVALS - APPROVALS.div_ceil(3));
}

/// Each writer makes its calls one after the other, so a snapshot must hold a beginning of them: at least those that
/// were answered before it began.
pub async fn a_snapshot_holds_what_was_answered_before_it(subject: impl Subject) {
    const WRITERS: u64 = 6;
    const STEPS: u64 = 60;
    let (store, done) = (Arc::clone(subject.store()), Arc::new([const { AtomicU64::new(0) }; WRITERS as usize]));
    let writers = (0..WRITERS).map(|writer| {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tokio::spawn(async move {
            for step in 0..STEPS {
                let n = 1 + writer * STEPS + step;
                // Some ids are lower than those of earlier requests.
                let id = id(1_000 - step.cast_signed() % 7 * 100 + step.cast_signed(), n);
                let new =
                    with(Submission { id, ..submission(0, n) }, |request| request.tool_name = format!("w{writer}"));
                store.submit(Submission { now: at(0), ..new }).await.unwrap();
                store.transition(id, approve(1), at(1)).await.unwrap();
                done[writer as usize].store(step + 1, Ordering::SeqCst);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    loop {
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let answered: Vec<u64> = done.iter().map(|done| done.load(Ordering::SeqCst)).collect();
        let found = state(&*store).await;
        let histories = found.iter().filter_map(|record| match record {
            Record::Approval(history) => Some((history.id, history.events.len() as u64)),
            _ => None,
        });
        let known: std::collections::HashMap<_, _> = histories.collect();
        for record in &found {
            if let Record::Lane(lane) = record {
                let newest = known[&lane.approval];
                assert_eq!(import_fault(lane, newest), None, "a lane without its event");
            }
        }
        for (writer, answered) in (0..WRITERS).zip(answered) {
            let revisions: Vec<_> = (0..STEPS)
                .map(|step| {
                    let n = 1 + writer * STEPS + step;
                    let id = id(1_000 - step.cast_signed() % 7 * 100 + step.cast_signed(), n);
                    known.get(&id).copied().unwrap_or_default()
                })
                .collect();
            let whole = revisions.iter().take_while(|revision| **revision == 2).count() as u64;
            assert!(whole >= answered, "{writer}: {answered} answered, but {revisions:?}");
            let rest = &revisions[whole as usize..];
            assert!(rest.iter().skip(1).all(|revision| *revision == 0), "{writer}: {revisions:?}");
        }
        if over {
            break;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
}
