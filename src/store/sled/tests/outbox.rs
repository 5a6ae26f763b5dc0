//! The outbox in sled: groups, crashes, damage.

use std::{collections::BTreeMap, path::PathBuf, sync::Mutex, time::Duration};

use futures_util::FutureExt as _;

use super::{
    groups::as_one_group,
    syncs::{begin, copied, disk_full, gated_as},
    *,
};
use crate::{
    bounded_file,
    domain::{ChannelName, ChannelState, DeliveryId, Lane, NotificationKind, Settlement},
    store::{
        LaneQuery,
        conformance::{claim, edit, reject, revoke, with},
    },
};

const LEASE: Duration = Duration::from_secs(60);

fn all() -> ChannelName {
    "all".parse().unwrap()
}

async fn leased(store: &SledStore, seconds: i64) -> Vec<ApprovalId> {
    let lanes = store.lease(&all(), at(seconds), LEASE, 99).await.unwrap().lanes;
    lanes.iter().map(|lane| lane.approval).collect()
}

fn sent(n: u64, up_to: Revision) -> (ChannelName, ApprovalId, Settlement) {
    (all(), id(0, n), Settlement::Sent { from: 0, up_to, state: None })
}

fn dead(n: u64, revision: Revision) -> (ChannelName, ApprovalId, Settlement) {
    (all(), id(0, n), Settlement::Dead { revision, error: "410".into() })
}

fn revisions(lane: &Lane) -> Vec<Revision> {
    lane.waiting.iter().map(|one| one.revision).collect()
}

#[tokio::test]
async fn a_lane_in_one_group() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated_as(&routed_config(&directory), Arc::new(()));
    let delivery = |n, revision| DeliveryId { approval: id(0, n), revision, channel: all() };
    let late = Submission { pending_limit: 0, ..submission(0, 9) };
    let late = with(late, |request| request.caller.subject = "other".into());
    let (first, second, _sent, refused, third, _dead, revived, unknown) = as_one_group!(
        store,
        gate,
        store.submit(submission(0, 1)),
        store.transition(id(0, 1), approve(1), at(1)),
        store.settle(vec![sent(1, 1)]),
        store.submit(late),
        store.submit(submission(0, 2)),
        store.settle(vec![dead(2, 1), dead(9, 1)]),
        store.revive(delivery(2, 1), at(5)),
        store.revive(delivery(1, 1), at(5)),
    );
    assert_eq!((first.await.unwrap().approval.revision, second.await.unwrap().approval.revision), (1, 2));
    assert!(refused.await.is_err() && third.await.is_ok());
    assert_eq!(revisions(&revived.await.unwrap()), [1]);
    assert_eq!(unknown.await, Err(StoreError::NotFound));
    gate.idle();
    let lane = async |n| store.lane(&all(), id(0, n)).await.unwrap();
    assert_eq!(revisions(&lane(1).await.unwrap()), [2]);
    assert_eq!(revisions(&lane(2).await.unwrap()), [1]);
    assert_eq!(lane(9).await, None, "a refused request has no deliveries");
}

/// An approval is forgotten in the group in which its lanes change.
#[tokio::test]
async fn a_lane_is_forgotten_in_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    for n in 1..=2 {
        store.submit(submission(0, n)).await.unwrap();
        store.transition(id(0, n), reject(1), at(1)).await.unwrap();
    }
    close(store).await;
    let (store, mut gate) = gated_as(&routed_config(&directory), Arc::new(()));
    let lane = Lane { state: Some(ChannelState("s".into())), ..Lane::new("off".parse().unwrap(), id(0, 1)) };
    let (before, pruned, after, imported) = as_one_group!(
        store,
        gate,
        store.settle(vec![sent(1, 1)]),
        store.prune(at(100), at(100), 9),
        store.settle(vec![dead(1, 2), sent(2, 1)]),
        store.import_lanes(vec![lane]),
    );
    assert_eq!((before.await, pruned.await, after.await, imported.await), (Ok(()), Ok(2), Ok(()), Ok(0)));
    gate.idle();
    let left = store.pages.tree().range(keys::lanes()).keys().map(Result::unwrap).collect::<Vec<_>>();
    assert!(left.iter().all(|key| keys::lane_of(key).unwrap().0 >= id(0, 1_000)), "{left:?}");
}

/// Of several pieces, none is left behind when a lane shrinks.
#[tokio::test]
async fn a_large_lane_leaves_no_pieces_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    let error = "x".repeat(256);
    store.submit(with_votes(1)).await.unwrap();
    for n in 1..=60 {
        let voter = decide(reviewer(n), Choice::Approve, Seen::Revision(1));
        store.transition(id(0, 1), Command::Decide(voter), at(1)).await.unwrap();
    }
    let id = (id(0, 1), all());
    let keys = || store.pages.keys(keys::pieces_of_lane(&id)).count();
    for revision in 1..=30 {
        store.settle(vec![(all(), id.0, Settlement::Dead { revision, error: error.clone() })]).await.unwrap();
    }
    assert!(keys() > 2, "{}", keys());
    let lane = store.lane(&all(), id.0).await.unwrap().unwrap();
    assert_eq!((lane.dead.len(), lane.waiting.len()), (30, 31));
    for revision in 1..=30 {
        store.revive(DeliveryId { approval: id.0, revision, channel: all() }, at(9)).await.unwrap();
    }
    store.settle(vec![sent(1, 60)]).await.unwrap();
    assert_eq!(keys(), 1);
    store.settle(vec![sent(1, 61)]).await.unwrap();
    assert_eq!(keys(), 0);
}

fn with_votes(n: u64) -> Submission {
    Submission { verdict: quorum(100), ..submission(0, n) }
}

#[test]
fn nothing_is_leased_before_it_is_durable() {
    // One blocking thread: when a later job on it is done, so are the scans before it.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut gate) = gated_as(&routed_config(&directory), Arc::new(()));
        let changes = store.outbox_changes();
        let submit = begin(store.submit(submission(0, 1)));
        gate.began().await;
        assert_eq!((store.backlog(), changes.has_changed().unwrap()), (vec![], false));
        let channel = all();
        let mut lease = begin(store.lease(&channel, at(1), LEASE, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut lease).now_or_never().is_none(), "it waits for the group in flight");
        gate.end(Ok(()));
        submit.await.unwrap();
        assert_eq!(lease.await.unwrap().lanes, []);
        assert!(changes.has_changed().unwrap());

        // A new event of a lane that is leased meanwhile.
        let decide = begin(store.transition(id(0, 1), reject(1), at(2)));
        gate.began().await;
        let mut lease = begin(store.lease(&channel, at(3), LEASE, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut lease).now_or_never().is_none(), "it waits for the group in flight");
        gate.end(Ok(()));
        decide.await.unwrap();
        assert_eq!(revisions(&lease.await.unwrap().lanes[0]), [1, 2], "it waited for the event to be durable");

        // Another caller settles it while it is leased.
        let settle = begin(store.settle(vec![sent(1, 2)]));
        gate.began().await;
        let mut lease = begin(store.lease(&channel, at(100), LEASE, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut lease).now_or_never().is_none(), "it waits for the group in flight");
        gate.end(Ok(()));
        settle.await.unwrap();
        let leased = lease.await.unwrap();
        assert_eq!((leased.lanes, leased.next), (vec![], None));

        // The sync fails: what it would have added is never told.
        let submit = begin(store.submit(submission(0, 2)));
        gate.began().await;
        let mut lease = begin(store.lease(&channel, at(1), LEASE, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut lease).now_or_never().is_none(), "it waits for the group in flight");
        gate.end(Err(disk_full()));
        submit.await.unwrap_err();
        assert!(matches!(lease.await, Err(StoreError::Unavailable(_))));
        let waiting: Vec<_> = store.backlog().into_iter().map(|one| (one.channel.to_string(), one.waiting)).collect();
        assert_eq!(waiting, [("asks".to_owned(), 1)], "the index knows nothing of it");
        close(store).await;
        let store = routed(&copied(&directory)).unwrap();
        assert_eq!(store.get(id(0, 2)).await.is_ok(), store.lane(&all(), id(0, 2)).await.unwrap().is_some());
    });
}

#[test]
fn a_lease_that_nobody_waits_for_is_given_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let store = routed(&directory).unwrap();
        store.submit(submission(0, 1)).await.unwrap();
        let channel = all();
        drop(begin(store.lease(&channel, at(1), LEASE, 9)));
        assert_eq!(leased(&store, 1).await, [id(0, 1)]);
        assert_eq!(leased(&store, 2).await, []);
    });
}

/// Every event in a store must have its delivery: none was settled.
async fn whole(store: &SledStore, told: &str) -> usize {
    let lanes = store.export_lanes(None, usize::MAX).await.unwrap();
    let lanes: BTreeMap<_, _> =
        lanes.iter().filter(|lane| lane.channel == all()).map(|one| (one.approval, one)).collect();
    let histories = store.export(None, usize::MAX).await.unwrap();
    assert_eq!(lanes.len(), histories.len(), "{told}");
    for History { id, events } in &histories {
        let expected = events.iter().filter(|event| NotificationKind::of(&event.kind).is_some());
        let expected: Vec<_> = expected.map(|event| event.revision).collect();
        assert_eq!(revisions(lanes[id]), expected, "{told}: {id}");
    }
    assert_eq!(store.backlog().first().map_or(0, |one| one.waiting), lanes.len() as u64, "{told}");
    histories.iter().map(|history| history.events.len()).sum()
}

/// The files before each sync, with every event that was acknowledged until then: what a kill leaves.
#[derive(Default)]
struct Killed {
    copies: Mutex<Vec<(TempDir, usize)>>,
    acknowledged: std::sync::atomic::AtomicUsize,
}

/// No event is without its delivery after a kill at any group, and after a power loss that cuts the log behind it.
#[tokio::test]
async fn a_kill_leaves_no_event_without_its_delivery() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let killed = Arc::new(Killed::default());
    let sync = {
        let (killed, directory) = (Arc::clone(&killed), Arc::clone(&directory));
        move |file: &File| {
            let acknowledged = killed.acknowledged.load(Ordering::SeqCst);
            killed.copies.lock().unwrap().push((copied(&directory), acknowledged));
            sync_to_disk(file)
        }
    };
    let store = Arc::new(SledStore::open_as_with(&routed_config(&directory), Arc::new(()), sync).unwrap());
    let tasks = (1..=8).map(|n| {
        let (store, killed) = (Arc::clone(&store), Arc::clone(&killed));
        tokio::spawn(async move {
            let add = |events| {
                killed.acknowledged.fetch_add(events, Ordering::SeqCst);
            };
            let digest = store.submit(with_votes(n)).await.unwrap().approval.digest;
            add(1);
            for voter in 1..=3 {
                let vote = decide(reviewer(voter), Choice::Approve, Seen::Revision(1));
                store.transition(id(0, n), Command::Decide(vote), at(1)).await.unwrap();
                add(1);
            }
            let changed = arguments(&serde_json::json!({"to": n}));
            let verdict = quorum(1);
            let edited = store.transition(id(0, n), edit(1, 1, changed, verdict), at(2)).await.unwrap().approval;
            assert_ne!(edited.digest, digest);
            add(2); // and the decision
            if n % 2 == 0 {
                store.transition(id(0, n), claim(n, edited.digest), at(3)).await.unwrap();
            } else {
                store.transition(id(0, n), revoke(reviewer(1)), at(3)).await.unwrap();
            }
            add(1);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(whole(&store, "at the end").await, 8 * 7);
    close(Arc::into_inner(store).unwrap()).await;
    let copies = std::mem::take(&mut *killed.copies.lock().unwrap());
    assert!(copies.len() > 7, "{}", copies.len());
    for (number, (copy, acknowledged)) in copies.iter().enumerate().skip(1) {
        let log: PathBuf = copy.path().join("sled/db");
        let bytes = bounded_file::whole(&log);
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let mut opened = 0;
        for cut in [0, 1, 40, 300, 900] {
            let told = format!("copy {number}, {cut} bytes cut");
            let torn = copied(copy);
            let mut bytes = bytes.clone();
            bytes[end.saturating_sub(cut) + 1..].fill(0);
            fs::write(torn.path().join("sled/db"), bytes).unwrap();
            match routed(&torn) {
                Ok(store) => {
                    opened += 1;
                    assert!(whole(&store, &told).await >= *acknowledged, "{told}");
                    close(store).await;
                }
                Err(error) => assert!(cut > 0 && matches!(error, OpenError::Corrupt { .. }), "{told}: {error}"),
            }
        }
        assert!(opened > 0);
    }
}

/// A damaged lane fails alone, and is replaced by the next event of its approval.
#[tokio::test]
async fn a_damaged_lane_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    for n in 1..=3 {
        store.submit(submission(0, n)).await.unwrap();
    }
    close(store).await;
    let key = keys::lane(&(id(0, 2), all()));
    let damage = |directory: &TempDir| {
        tamper(directory.path(), |db| {
            let mut value = db.get(&key).unwrap().unwrap().to_vec();
            *value.last_mut().unwrap() ^= 1;
            db.insert(&key, value).unwrap();
        });
    };
    damage(&directory);
    let scratch = tempfile::tempdir().unwrap();
    let findings = check(directory.path(), scratch.path()).unwrap();
    let faults: Vec<_> = findings.faults.iter().map(|fault| (fault.approval_id, &*fault.what)).collect();
    let [(Some(named), what)] = faults[..] else { panic!("{faults:?}") };
    assert!(named == id(0, 2) && what.starts_with("its messages to the channel all: "), "{what}");
    assert_eq!(findings.lanes, 5);

    let store = routed(&directory).unwrap();
    let list = async |store: &SledStore| {
        let query = LaneQuery { channel: Some(all()), limit: 9, ..LaneQuery::default() };
        store.lanes(query).await.unwrap().iter().map(|lane| lane.approval).collect::<Vec<_>>()
    };
    assert_eq!(leased(&store, 1).await, [id(0, 1), id(0, 3)]);
    assert_eq!(list(&store).await, [id(0, 1), id(0, 3)]);
    assert!(matches!(store.lane(&all(), id(0, 2)).await, Err(StoreError::Corrupt(_))));
    store.settle(vec![sent(1, 1), sent(2, 1), sent(3, 1)]).await.unwrap();
    assert_eq!(list(&store).await, []);
    assert!(matches!(store.lane(&all(), id(0, 2)).await, Err(StoreError::Corrupt(_))), "it is left as it is");
    store.transition(id(0, 2), reject(1), at(1)).await.unwrap();
    assert_eq!(revisions(&store.lane(&all(), id(0, 2)).await.unwrap().unwrap()), [2]);
    assert_eq!(leased(&store, 2).await, [id(0, 2)]);
    close(store).await;

    // Damage that appears while the store is open.
    damage(&directory);
    let store = routed(&directory).unwrap();
    store.submit(submission(0, 4)).await.unwrap();
    let key = keys::lane(&(id(0, 4), all()));
    store.pages.tree().insert(&key, b"odd").unwrap();
    let channel = all();
    let lease = store.lease(&channel, at(1), LEASE, 9).await.unwrap();
    assert_eq!((lease.lanes, lease.next), (vec![], None), "it is not read again and again");
    // Forgetting the approvals forgets damaged lanes, too.
    store.transition(id(0, 4), reject(1), at(2)).await.unwrap();
    store.pages.tree().insert(&key, b"odd").unwrap();
    assert_eq!(store.prune(at(100), at(100), 9).await, Ok(2));
    assert_eq!(
        store.pages.tree().range(keys::lanes_of(id(0, 4))..).count(),
        store.pages.tree().range(vec![b'o' + 1]..).count()
    );
}

/// A check finds lanes that contradict their approvals.
#[tokio::test]
async fn a_check_compares_lanes_with_approvals() {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    let lane = store.lane(&all(), id(0, 1)).await.unwrap().unwrap();
    close(store).await;
    let mut later = lane.clone();
    later.waiting[0].revision = 2;
    let strange = Lane { approval: id(0, 9), ..lane.clone() };
    tamper(directory.path(), |db| {
        for lane in [&later, &strange] {
            for (key, value) in records::encode_lane(lane).unwrap() {
                db.insert(key, value).unwrap();
            }
        }
        let (key, value) = records::encode_lane(&lane).unwrap().remove(0);
        let moved = [&key[..key.len() - 1], b"x\0"].concat();
        db.insert(moved, value).unwrap();
    });
    let scratch = tempfile::tempdir().unwrap();
    let findings = check(directory.path(), scratch.path()).unwrap();
    let faults: Vec<_> = findings.faults.iter().map(|fault| &*fault.what).collect();
    assert!(faults[0].ends_with("a delivery is of an event that its approval does not have"), "{faults:?}");
    assert!(faults[1].contains("the channel allx: ") && faults[1].contains("checksum"), "{faults:?}");
    assert!(faults[2].ends_with("their approval is missing"), "{faults:?}");
    assert_eq!((faults.len(), findings.lanes), (3, 1));
}
