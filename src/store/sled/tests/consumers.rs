//! Consumers of the change feed that are killed at any moment, and stores that are closed meanwhile.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
};

use super::*;
use crate::store::{ChangePage, Cursor, conformance::changes::read_on};

/// Lives of the consumer. After every tenth, the store is closed and reopened.
const LIVES: usize = 50;

/// Concurrent writers.
const WRITERS: u64 = 4;

/// The acknowledged commits.
type Acknowledged = Arc<Mutex<Vec<(ApprovalId, Revision)>>>;

/// Makes and approves requests until stopped.
async fn write(store: Arc<SledStore>, numbers: Arc<AtomicU64>, stop: Arc<AtomicBool>, acknowledged: Acknowledged) {
    while !stop.load(Ordering::SeqCst) {
        let n = numbers.fetch_add(1, Ordering::SeqCst);
        let asked = store.submit(submission(0, n)).await.unwrap().approval;
        acknowledged.lock().unwrap().push((asked.id, asked.revision));
        let decided = store.transition(asked.id, approve(1), at(1)).await.unwrap();
        acknowledged.lock().unwrap().push((asked.id, decided.revision));
    }
}

/// A consumer with its cursor in a file. Changes that it handled stay handled when it is killed, like sent messages.
struct Consumer {
    cursor: std::path::PathBuf,
    handled: Mutex<Vec<(ApprovalId, Revision)>>,
}

impl Consumer {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn cursor(&self) -> Option<Cursor> {
        match fs::read_to_string(&self.cursor) {
            Ok(text) => Some(text.parse().unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
                None
            }
        }
    }

    fn keep(&self, cursor: &Cursor) {
        let new = self.cursor.with_extension("new");
        fs::write(&new, cursor.to_string()).unwrap();
        fs::rename(new, &self.cursor).unwrap();
    }

    /// Follows the store, `limit` changes at a time, for this many pages with changes. At the end it has handled the
    /// last page, and keeps its cursor or not.
    async fn live(&self, store: &SledStore, limit: usize, pages: usize, keeps_the_last: bool) {
        let (mut nudge, mut cursor) = (store.changes(), self.cursor());
        for page in 1..=pages {
            let ChangePage { changes, next, .. } = loop {
                let page = store.changes_after(cursor.clone(), limit).await.unwrap();
                if !page.changes.is_empty() {
                    break page;
                }
                let _ = nudge.recv().await; // lagging is a nudge as well
            };
            for change in changes {
                self.handled.lock().unwrap().push((change.approval_id, change.revision));
                tokio::task::yield_now().await; // a moment to be killed at
            }
            if page < pages || keeps_the_last {
                self.keep(&next);
            }
            cursor = Some(next);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_killed_fifty_times_misses_nothing() {
    let (directory, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let consumer = Arc::new(Consumer { cursor: aside.path().join("cursor"), handled: Mutex::default() });
    let (acknowledged, numbers) = (Acknowledged::default(), Arc::new(AtomicU64::new(1)));
    let (mut killed, mut unkept) = (0, 0);
    for phase in 0..LIVES / 10 {
        let store = Arc::new(open(&directory).unwrap());
        for life in phase * 10..(phase + 1) * 10 {
            let stop = Arc::new(AtomicBool::new(false));
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    let (numbers, stop) = (Arc::clone(&numbers), Arc::clone(&stop));
                    tokio::spawn(write(Arc::clone(&store), numbers, stop, Arc::clone(&acknowledged)))
                })
                .collect();
            let keeps = life % 2 == 0;
            let living = {
                let (consumer, store) = (Arc::clone(&consumer), Arc::clone(&store));
                let limit = 1 + life * 7 % 23;
                tokio::spawn(async move { consumer.live(&store, limit, 1 + life % 5, keeps).await })
            };
            if life % 3 == 0 {
                // Kill it at any moment after the writers have made this many commits.
                let enough = acknowledged.lock().unwrap().len() + 1 + life;
                while acknowledged.lock().unwrap().len() < enough {
                    tokio::task::yield_now().await;
                }
                living.abort();
                killed += usize::from(living.await.is_err());
            } else {
                living.await.unwrap();
                unkept += usize::from(!keeps);
            }
            stop.store(true, Ordering::SeqCst);
            for writer in writers {
                writer.await.unwrap();
            }
        }
        let store = Arc::into_inner(store).expect("nobody else has it");
        close(store).await;
    }

    // The last life gets the rest.
    let store = open(&directory).unwrap();
    let rest = read_on(&store, consumer.cursor(), 10).await.0;
    let handled = [consumer.handled.lock().unwrap().clone(), rest].concat();
    let (whole, _) = read_on(&store, None, 1_000).await;
    // Repeated changes had come before. Without repetitions, the changes are the feed: every commit, in order.
    let mut known = HashSet::new();
    let first: Vec<_> = handled.iter().copied().filter(|change| known.insert(*change)).collect();
    assert!(first == whole, "{} of {} changes, or in another order", first.len(), whole.len());
    let acknowledged = acknowledged.lock().unwrap();
    let told: HashSet<_> = whole.iter().copied().collect();
    assert!(acknowledged.iter().all(|commit| told.contains(commit)), "a commit is missing");
    assert_eq!(acknowledged.len(), whole.len());
    let again = handled.len() - first.len();
    println!("{} commits, {killed} kills, {unkept} cursors not kept, {again} changes told again", whole.len());
    assert!(killed > 0 && unkept > 10 && again > 0);
}
