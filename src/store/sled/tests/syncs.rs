//! Disks that are slow, or fail.

use std::{pin::Pin, sync::mpsc};

use futures_util::FutureExt as _;
use tokio::sync::{broadcast::error::TryRecvError, mpsc as async_mpsc};

use super::*;
use crate::store::{
    Filter, NewPolicy, Order,
    conformance::{oldest_first, policy},
};

/// Blocks every sync after the one of opening, until the test ends it.
pub(super) struct Gate {
    began: async_mpsc::UnboundedReceiver<()>,
    end: mpsc::Sender<io::Result<()>>,
}

pub(super) fn gated(directory: &TempDir) -> (SledStore, Gate) {
    gated_with(directory, Arc::new(()))
}

pub(super) fn gated_with(directory: &TempDir, observer: Arc<dyn Observer>) -> (SledStore, Gate) {
    gated_as(&SledConfig::new(directory.path()), observer)
}

#[expect(clippy::disallowed_methods, reason = "the gate must not wait for the test, and a test's queue is short")]
pub(super) fn gated_as(config: &SledConfig, observer: Arc<dyn Observer>) -> (SledStore, Gate) {
    let (begin, began) = async_mpsc::unbounded_channel();
    let (end, ended) = mpsc::channel();
    let mut opened = false;
    let sync = move |file: &File| {
        if !std::mem::replace(&mut opened, true) {
            return sync_to_disk(file);
        }
        begin.send(()).unwrap();
        ended.recv().unwrap()
    };
    (SledStore::open_as_with(config, observer, sync).unwrap(), Gate { began, end })
}

impl Gate {
    /// Waits until a group is written, and only its sync is missing.
    pub(super) async fn began(&mut self) {
        self.began.recv().await.unwrap();
    }

    /// Ends the running sync.
    pub(super) fn end(&self, result: io::Result<()>) {
        self.end.send(result).unwrap();
    }

    /// Lets one group succeed.
    pub(super) async fn pass(&mut self) {
        self.began().await;
        self.end(Ok(()));
    }

    /// Asserts that there was no further group.
    pub(super) fn idle(&mut self) {
        assert!(self.began.try_recv().is_err());
    }
}

pub(super) fn disk_full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

/// Polls once: the job is sent, and there is no answer yet.
pub(super) fn begin<F: Future>(call: F) -> Pin<Box<F>> {
    let mut call = Box::pin(call);
    assert!((&mut call).now_or_never().is_none());
    call
}

#[test]
fn nothing_is_shown_before_its_sync_ends() {
    // One blocking thread: when a later job on it is done, so are the scans before it.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut gate) = gated(&directory);
        let new = begin(store.submit(submission(0, 1)));
        gate.pass().await;
        new.await.unwrap();

        let (mut changes, mut wake) = (store.changes(), store.subscribe(id(0, 1)));
        let mut decided = begin(store.transition(id(0, 1), approve(1), at(1)));
        gate.began().await;
        let mut other = begin(store.submit(submission(0, 2))); // for the next group

        let mut get = begin(store.get(id(0, 1)));
        let mut events = begin(store.events(id(0, 1), 0, 9));
        let mut list = begin(store.list(oldest_first(Filter::default())));
        let mut due = begin(store.due(at(0), 1));
        let mut export = begin(store.export(None, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut get).now_or_never().is_none());
        assert!((&mut events).now_or_never().is_none());
        assert!((&mut list).now_or_never().is_none());
        assert!((&mut due).now_or_never().is_none());
        assert!((&mut export).now_or_never().is_none());
        assert!((&mut decided).now_or_never().is_none());
        assert!((&mut other).now_or_never().is_none());
        assert_eq!(wake.beyond(1).now_or_never(), None);
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(store.pending(), 1);
        assert_eq!(
            store.get(id(0, 3)).now_or_never(),
            Some(Err(StoreError::NotFound)),
            "readers of other approvals need not wait"
        );

        gate.end(Ok(()));
        assert_eq!(decided.await.unwrap().revision, 2);
        assert_eq!(get.await.unwrap().status, Status::Approved);
        assert_eq!(events.await.unwrap().len(), 2);
        assert_eq!(wake.beyond(1).now_or_never(), Some(()));
        assert_eq!(changes.try_recv().map(|change| change.revision), Ok(2));
        gate.pass().await;
        other.await.unwrap();
        assert_eq!(list.await.unwrap().approvals[0].status, Status::Approved);
        assert_eq!(due.await.unwrap().next, None);
        assert_eq!(export.await.unwrap()[0].events.len(), 2);
        assert_eq!(store.pending(), 1);
    });
}

#[test]
fn no_version_of_the_policy_is_shown_before_its_sync_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let (store, mut gate) = gated(&directory);
        let first = begin(store.put_policy(policy(0, "a")));
        gate.pass().await;
        first.await.unwrap();

        let keyed = || NewPolicy { request_id: Some("k".into()), ..policy(0, "b") };
        let mut second = begin(store.put_policy(keyed()));
        gate.began().await;
        let mut repeated = begin(store.put_policy(keyed())); // for the next group
        let mut newest = begin(store.policy(None));
        let mut named = begin(store.policy(Some(2)));
        let mut list = begin(store.policies(None, 9));
        let mut export = begin(store.export_policies(0, 9));
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut repeated).now_or_never().is_none());
        assert!((&mut newest).now_or_never().is_none());
        assert!((&mut named).now_or_never().is_none());
        assert!((&mut list).now_or_never().is_none());
        assert!((&mut export).now_or_never().is_none());

        gate.end(Ok(()));
        let second = second.await.unwrap();
        assert_eq!(second.head.version, 2);
        assert_eq!(repeated.await, Ok(second.clone()), "a repetition needs no sync");
        assert_eq!(newest.await, Ok(Some(second.clone())));
        assert_eq!(named.await, Ok(Some(second)));
        assert_eq!(list.await.unwrap().len(), 2);
        assert_eq!(export.await.unwrap().len(), 2);
        gate.idle();
    });
}

#[tokio::test]
async fn a_failed_sync_fails_its_group_and_all_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let first = begin(store.submit(submission(0, 1)));
    gate.pass().await;
    first.await.unwrap();
    let (mut changes, mut wake, mut health) = (store.changes(), store.subscribe(id(0, 1)), store.health());
    assert_eq!(*health.borrow_and_update(), Health::Working);

    // One command in a group that succeeds; then, while it is in flight, a group that fails.
    let passing = begin(store.submit(submission(0, 2)));
    gate.began().await;
    let decided = begin(store.transition(id(0, 1), approve(1), at(1)));
    let refused = begin(store.transition(id(0, 1), approve(2), at(1)));
    let submitted = begin(store.submit(submission(0, 3)));
    let pruned = begin(store.prune(at(1_000), at(1_000), 9));
    let imported = begin(store.import(Vec::new()));
    let set = begin(store.put_policy(policy(0, "a")));
    gate.end(Ok(()));
    passing.await.unwrap();
    assert_eq!(changes.try_recv().map(|change| change.id), Ok(id(0, 2)));
    gate.began().await;
    let get = begin(store.get(id(0, 1)));
    let list = begin(store.list(oldest_first(Filter::default())));
    let read = begin(store.policy(None));
    let late = begin(store.submit(submission(0, 4)));
    gate.end(Err(disk_full()));

    let unavailable = StoreError::Unavailable(disk_full().to_string().into());
    assert_eq!(decided.await.unwrap_err(), unavailable);
    assert_eq!(refused.await.unwrap_err(), unavailable, "the winning decision is not durable either");
    assert_eq!(submitted.await.unwrap_err(), unavailable);
    assert_eq!(pruned.await.unwrap_err(), unavailable);
    assert_eq!(imported.await.unwrap_err(), unavailable);
    assert_eq!(set.await.unwrap_err(), unavailable);
    assert_eq!(late.await.unwrap_err(), unavailable);
    assert_eq!(get.await.unwrap_err(), unavailable);
    assert_eq!(list.await.unwrap_err(), unavailable);
    assert_eq!(read.await.unwrap_err(), unavailable);
    assert_eq!(store.submit(submission(0, 5)).await.unwrap_err(), unavailable);
    for id in [id(0, 1), id(0, 3)] {
        assert_eq!(store.get(id).await.unwrap_err(), unavailable);
        assert_eq!(store.events(id, 0, 9).await.unwrap_err(), unavailable);
    }
    assert_eq!(store.export(None, 9).await.unwrap_err(), unavailable);
    assert_eq!(store.policies(None, 9).await.unwrap_err(), unavailable);
    assert_eq!(store.due(at(0), 9).await.unwrap_err(), unavailable);
    health.changed().await.unwrap();
    assert_eq!(*health.borrow(), Health::Failed(disk_full().to_string()));
    assert_eq!(wake.beyond(1).now_or_never(), None);
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(store.pending(), 2);
    gate.idle(); // a sync that failed is never tried again

    drop((wake, health));
    close(store).await;
    consistent(&directory).await;
}

/// Opens the store after a failure, and compares records, events and indexes.
async fn consistent(directory: &TempDir) {
    let directory = copied(directory);
    let store = open(&directory).unwrap();
    let before = everything(&store).await;
    assert!(store.get(id(0, 1)).await.is_ok() && store.get(id(0, 2)).await.is_ok(), "acknowledged approvals are there");
    let copy = crate::store::MemoryStore::default();
    copy.import(before.1.clone()).await.unwrap();
    assert_eq!(everything(&copy).await, before);
    for status in Status::ALL {
        let filter = Filter { statuses: vec![status], ..Filter::default() };
        let query = Query { order: Order::NewestFirst, ..oldest_first(filter) };
        let (found, expected) = (store.list(query.clone()).await.unwrap(), copy.list(query).await.unwrap());
        assert_eq!(found.approvals, expected.approvals);
    }
    store.submit(submission(9, 9)).await.unwrap();
}

#[tokio::test]
async fn opening_syncs_the_existing_data() {
    let directory = tempfile::tempdir().unwrap();
    close(open(&directory).unwrap()).await;
    let refused = SledStore::open_with(directory.path(), Arc::new(()), |_| Err(disk_full())).unwrap_err();
    assert!(matches!(refused, OpenError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull));
    open(&directory).unwrap();
}

#[tokio::test]
async fn a_panic_of_the_writer_fails_the_store() {
    struct Panics;
    impl Observer for Panics {
        fn committed(&self, _: usize, _: std::time::Duration) {
            panic!("on purpose");
        }
        fn reached(&self, _: &Approval) {}
        fn recorded(&self, _: &Approval, _: &Event) {}
        fn pending(&self, _: u64, _: Option<Time>) {}
        fn frozen(&self, _: &crate::domain::Freezes) {}
    }
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path(), Arc::new(Panics)).unwrap();
    let mut health = store.health();
    assert!(matches!(store.submit(submission(0, 1)).await, Err(StoreError::Unavailable(_))));
    health.changed().await.unwrap();
    assert!(matches!(*health.borrow(), Health::Failed(_)));
    assert!(matches!(store.get(id(0, 1)).await, Err(StoreError::Unavailable(_))));
    drop(health);
    close(store).await;
    assert_eq!(open(&copied(&directory)).unwrap().get(id(0, 1)).await.unwrap().revision, 1);
}

/// The files as a new process would find them: the failed store itself stays open until its process ends.
pub(super) fn copied(directory: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for part in ["", "sled"] {
        fs::create_dir_all(copy.path().join(part)).unwrap();
        for entry in fs::read_dir(directory.path().join(part)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), copy.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

/// A failed store must not be synced again, but sled syncs when its last handle is dropped.
#[tokio::test]
async fn a_failed_store_stays_open_until_its_process_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut gate) = gated(&directory);
    let new = begin(store.submit(submission(0, 1)));
    gate.began().await;
    gate.end(Err(disk_full()));
    new.await.unwrap_err();
    close(store).await;
    let log = File::open(directory.path().join("sled/db")).unwrap();
    assert!(matches!(log.try_lock(), Err(fs::TryLockError::WouldBlock)), "sled still has the lock");
    assert!(matches!(open(&directory), Err(OpenError::Locked { .. })));
}

#[tokio::test]
async fn a_sync_that_hangs_fails_the_store_and_releases_all_callers() {
    let directory = tempfile::tempdir().unwrap();
    let (end, ended) = mpsc::sync_channel::<()>(0);
    let mut opened = false;
    let sync = move |file: &File| {
        if std::mem::replace(&mut opened, true) {
            let _ = ended.recv(); // until the test is over
        }
        sync_to_disk(file)
    };
    let limit = std::time::Duration::from_millis(300);
    let store = SledStore::open_within(directory.path(), Arc::new(()), limit, sync).unwrap();
    let (changes, mut health) = (store.changes(), store.health());
    let (new, queued) = (begin(store.submit(submission(0, 1))), begin(store.submit(submission(0, 2))));
    let (get, list) = (store.get(id(0, 1)), store.list(oldest_first(Filter::default())));

    let slow = StoreError::Unavailable("a disk write did not finish within 300ms (write_timeout)".into());
    assert_eq!(new.await.unwrap_err(), slow);
    assert_eq!(queued.await.unwrap_err(), slow);
    assert_eq!(get.await.unwrap_err(), slow);
    assert_eq!(list.await.unwrap_err(), slow);
    assert!(matches!(&*health.wait_for(|health| *health != Health::Working).await.unwrap(), Health::Failed(_)));
    store.close().await; // though the writer hangs

    // The sync returns too late.
    drop(end);
    store.jobs.closed().await;
    assert_eq!(store.get(id(0, 1)).await.unwrap_err(), slow);
    assert!(changes.is_empty(), "nothing is published");
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_file_was_deleted_or_replaced() {
    for name in ["sled/db", "LOCK", "WATERMARK", ""] {
        for replaced in [false, true] {
            let parent = tempfile::tempdir().unwrap();
            let data = parent.path().join("data");
            let store = SledStore::open(&data, Arc::new(())).unwrap();
            store.submit(submission(0, 1)).await.unwrap();
            let (file, aside) = (data.join(name), parent.path().join("aside"));
            fs::rename(&file, &aside).unwrap();
            let wanted = match (replaced, name) {
                (false, _) => "was deleted or renamed",
                (true, "") => {
                    fs::create_dir(&file).unwrap();
                    "was replaced"
                }
                (true, _) => {
                    fs::copy(&aside, &file).unwrap();
                    "was replaced"
                }
            };
            // A repetition is not acknowledged either.
            let refused = store.submit(submission(0, 1)).await.unwrap_err().to_string();
            assert!(refused.contains(wanted) && refused.contains(data.to_str().unwrap()), "{name}: {refused}");
            store.submit(submission(0, 2)).await.unwrap_err();
            assert!(matches!(&*store.health().borrow(), Health::Failed(_)));
        }
    }
}

/// The writer and the watchdog can both report a failure. A caller that reads the first report must not block the
/// second.
#[test]
#[expect(clippy::disallowed_methods, reason = "one message is sent, and the test waits for it")]
fn repeated_failure_reports_do_not_deadlock_callers() {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let store = Arc::new(open(&directory).unwrap());
        let told = (0..4).map(|_| {
            let shared = Arc::clone(&store.shared);
            std::thread::spawn(move || (0..20_000).for_each(|_| shared.fail(&"disk full".into())))
        });
        let told: Vec<_> = told.collect();
        let heard = (0..8).map(|_| {
            let store = Arc::clone(&store);
            runtime.spawn(async move {
                for _ in 0..5_000 {
                    let answered = std::future::pending::<Result<(), _>>();
                    assert!(matches!(store.unless_failed(answered).await, Err(StoreError::Unavailable(_))));
                }
            })
        });
        for one in heard.collect::<Vec<_>>() {
            runtime.block_on(one).unwrap();
        }
        told.into_iter().for_each(|one| one.join().unwrap());
        done.send(()).unwrap();
    });
    assert_eq!(ended.recv_timeout(std::time::Duration::from_secs(60)), Ok(()), "the callers deadlocked");
}
