//! The change feed across `kill -9` of the server: a consumer with a durable cursor finds everything that was
//! acknowledged.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use signoff::store::{self, Cursor, StoreConfig};

use crate::{
    load::{Load, Random},
    server::{Server, soon},
};

/// Kills under load.
const KILLS: usize = 4;

/// Concurrent calls.
const CALLERS: usize = 6;

const SETTINGS: [&str; 4] =
    ["limits.timeout_min=10ms", "heartbeat=200ms", "limits.pending_per_caller=1000000", "log.filter=warn"];

/// A consumer that runs while the server is down, because the process that reads the feed must open the store.
struct Consumer {
    cursor: PathBuf,
    /// The newest revision of each approval that it has seen.
    newest: HashMap<String, u64>,
}

impl Consumer {
    /// Catches up. It stops after this many pages, as if killed before it stored the cursor of the last one.
    async fn live(&mut self, data: &Path, pages: usize) {
        let store = store::open(&StoreConfig::existing_in_directory(data), Arc::new(())).await.expect("it opens");
        let mut cursor: Option<Cursor> = match crate::files::text(&self.cursor) {
            Ok(text) => Some(text.parse().expect("a cursor")),
            Err(_) => None,
        };
        let mut last: HashMap<String, u64> = HashMap::new();
        for page in 1..=pages {
            let told = store.changes_after(cursor, 50).await.expect("a page");
            for change in told.changes {
                let id = change.approval_id.to_string();
                let before = last.insert(id.clone(), change.revision).unwrap_or(0);
                assert!(before < change.revision, "{id}: {before}, then {}", change.revision);
                let newest = self.newest.entry(id).or_default();
                *newest = change.revision.max(*newest);
            }
            if page < pages {
                fs::write(&self.cursor, told.next.to_string()).expect("the cursor is stored");
            }
            if !told.more {
                break;
            }
            cursor = Some(told.next);
        }
        store.close().await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "any moment is good for a kill, and a load that is slow must not stop it"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_misses_nothing_when_the_server_is_killed() {
    let (data, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut consumer = Consumer { cursor: aside.path().join("cursor"), newest: HashMap::new() };
    let (load, mut random) = (Load::new(), Random::new());
    for round in 0..KILLS {
        let server = Server::start(data.path(), &SETTINGS).await;
        let mut callers = load.start(&server, CALLERS);
        let enough = 100 + random.below(200);
        let _ = tokio::time::timeout(Duration::from_secs(2), load.answered(enough)).await;
        load.expect_end();
        server.kill().await;
        while let Some(ended) = soon("the callers notice", callers.join_next()).await {
            ended.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        consumer.live(data.path(), 1 + random.below(3)).await;
    }
    consumer.live(data.path(), usize::MAX).await;
    let ledger = load.ledger.lock().unwrap();
    for id in ledger.ids() {
        let (told, acknowledged) = (consumer.newest.get(&id).copied(), ledger.newest(&id).revision);
        assert!(told >= Some(acknowledged), "{id}: acknowledged revision {acknowledged}, told {told:?}");
    }
    println!("{} approvals, {KILLS} kills", ledger.len());
    assert!(ledger.len() > 20 * KILLS, "too few calls to be a load");
}
