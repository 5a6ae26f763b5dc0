//! Tests that only the sled store needs: files, locks, syncs, groups.

mod consumers;
mod damage;
mod dropping;
mod feed;
mod groups;
mod migration;
mod observing;
mod outbox;
mod pinned;
mod remembering;
mod salvaging;
mod schemas;
mod snapshots;
mod syncs;
mod upgrade;

use std::{fs, path::Path, sync::atomic::Ordering};

use tempfile::TempDir;

use super::{keys::Field, *};
use crate::{
    domain::{Approval, ApprovalId, Choice, Command, Deciding, Event, Revision, Seen, Status, Time, Token, samples::*},
    store::{
        ApprovalStore as _, BlockStore as _, ChangeFeed as _, DOCUMENT_MAX, FreezeStore as _, History,
        OutboxStore as _, Page, PolicyHead, PolicyStore as _, PolicyVersion, Query, SessionStore as _,
        SigningKeyStore as _, Submission, TokenStore as _, Transfer as _, conformance,
        conformance::{approve, everything, fill, largest, policy, submission},
    },
};

fn open(directory: &TempDir) -> Result<SledStore, OpenError> {
    SledStore::open(directory.path(), Arc::new(()))
}

/// Opens a store whose events are delivered to the channels of the suite.
fn routed(directory: &TempDir) -> Result<SledStore, OpenError> {
    SledStore::open_as(&routed_config(directory), Arc::new(()))
}

fn routed_config(directory: &TempDir) -> SledConfig {
    SledConfig { routes: conformance::outbox::routes(), ..SledConfig::new(directory.path()) }
}

async fn close(store: SledStore) {
    store.close().await;
    drop(store);
}

/// Writes to sled's files directly, without the store.
#[expect(clippy::disallowed_methods, reason = "there is no writer to flush")]
fn tamper(directory: &Path, change: impl FnOnce(&sled::Db)) {
    let directory = Directory::open(directory).unwrap();
    let db = sled::Config::new().path(directory.sled()).flush_every_ms(None).open().unwrap();
    change(&db);
    db.flush().unwrap();
}

#[tokio::test]
async fn a_second_open_names_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    let refused = || match open(&directory).unwrap_err() {
        OpenError::Locked { path, holder } => {
            assert_eq!((&*path, holder), (directory.path(), Some(std::process::id())))
        }
        other => panic!("{other}"),
    };
    refused();
    assert!(open(&directory).unwrap_err().to_string().contains(&format!("(pid {})", std::process::id())));
    // Closed, but readers may still hold sled's files.
    store.close().await;
    refused();
    drop(store);
    open(&directory).unwrap();
}

#[tokio::test]
async fn half_written_snapshots_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    close(store).await;
    let sled = directory.path().join("sled");
    let leftover = sled.join("snap.00000000000000FF.generating");
    fs::write(&leftover, b"half").unwrap();
    let store = open(&directory).unwrap();
    assert!(!leftover.exists());
    assert_eq!(store.get(id(0, 1)).await.unwrap().revision, 1);
}

#[tokio::test]
async fn another_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    close(open(&directory).unwrap()).await;
    for (version, found) in
        [(&1_u32.to_be_bytes()[..], 1), (&3_u32.to_be_bytes()[..], 3), (&7_u32.to_be_bytes()[..], 7), (b"odd", 0)]
    {
        tamper(directory.path(), |db| {
            db.insert(keys::SCHEMA, version).unwrap();
        });
        match open(&directory).unwrap_err() {
            OpenError::Schema { path, found: is, known } => {
                assert_eq!((&*path, is, known), (directory.path(), found, SCHEMA));
            }
            other => panic!("{other}"),
        }
    }
    tamper(directory.path(), |db| {
        db.insert(keys::SCHEMA, &SCHEMA.to_be_bytes()).unwrap();
    });
    open(&directory).unwrap();
}

#[test]
fn data_without_a_schema_version_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    tamper(directory.path(), |db| {
        db.insert(b"other", b"content").unwrap();
    });
    match open(&directory).unwrap_err() {
        OpenError::Corrupt { path, .. } => assert_eq!(path, directory.path()),
        other => panic!("{other}"),
    }
    tamper(directory.path(), |db| assert_eq!(db.len(), 1));
}

#[test]
fn the_error_for_a_directory_that_cannot_be_created_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    match SledStore::open(&file, Arc::new(())).unwrap_err() {
        OpenError::Io { path, .. } => assert_eq!(path, file),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn pruning_leaves_only_records_of_groups() {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    fill(&store).await;
    store.submit(largest(20)).await.unwrap();
    for n in 2..=20 {
        let vote = Command::Decide(Deciding { comment: "x".repeat(4_096), ..voting(n) });
        store.transition(id(0, 20), vote, at(1)).await.unwrap();
    }
    for due in store.due(at(1_000), 100).await.unwrap().ids {
        store.transition(due, Command::Tick, at(1_000)).await.unwrap();
    }
    assert!(store.pages.tree().len() > 100);
    while store.prune(at(2_000), at(2_000), 3).await.unwrap() > 0 {}
    let kept: Vec<_> = store.export_forgotten(None, 100).await.unwrap();
    assert!(kept.len() > 5);
    let over = kept[0].until();
    while !store.export_forgotten(None, 1).await.unwrap().is_empty() {
        store.prune(at(2_000), over, 3).await.unwrap();
    }
    let keys = store.pages.tree().iter().keys().map(Result::unwrap);
    let left: Vec<_> =
        keys.filter(|key| keys::groups().start > key.to_vec() || keys::groups().end <= key.to_vec()).collect();
    assert_eq!(left, [keys::SCHEMA, keys::STORE]);
}

/// sled never syncs the separate files of large pages, so no page may become that large.
#[tokio::test]
async fn large_records_stay_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=6 {
        store.submit(largest(n)).await.unwrap();
        for voter in 1..=20 {
            let vote = Command::Decide(Deciding { comment: "x".repeat(4_096), ..voting(voter) });
            store.transition(id(0, n), vote, at(1)).await.unwrap();
        }
    }
    for n in 0..6 {
        store.put_policy(policy(0, &n.to_string().repeat(DOCUMENT_MAX))).await.unwrap();
    }
    close(store).await;
    let blobs = fs::read_dir(directory.path().join("sled/blobs")).unwrap();
    assert_eq!(blobs.map(|blob| blob.unwrap().path()).collect::<Vec<_>>(), [] as [std::path::PathBuf; 0]);
}

fn voting(n: usize) -> Deciding {
    decide(reviewer(n), Choice::Approve, Seen::Revision(1))
}
