//! Stores of schema version 3, which has no freezes and no revocations, of version 4, which has no sessions and no
//! blocks, and of version 5, which has neither signing keys nor an outbox.

use super::{
    super::{
        UPGRADED,
        watermark::{Mark, Watermark},
    },
    *,
};
use crate::{
    domain::{
        KeyPurpose, SigningKey,
        block_samples::new_block,
        freeze_samples::{new_freeze, tool},
        session_samples::session,
    },
    store::conformance::revoke,
};

/// Gives the closed store in a directory an earlier schema version, whose records are valid today.
fn aged(directory: &TempDir, tree: u32, mark: u32) {
    tamper(directory.path(), |db| drop(db.insert(keys::SCHEMA, &tree.to_be_bytes()).unwrap()));
    let path = directory.path().join("WATERMARK");
    let aged = Mark::read(&path).unwrap().unwrap().raised(mark);
    drop(Watermark::create(&path, aged).unwrap());
}

fn schemas(directory: &TempDir) -> (u32, u32) {
    let mut tree = 0;
    tamper(directory.path(), |db| {
        tree = u32::from_be_bytes(db.get(keys::SCHEMA).unwrap().unwrap().as_ref().try_into().unwrap());
    });
    (tree, Mark::read(&directory.path().join("WATERMARK")).unwrap().unwrap().schema)
}

async fn filled() -> (TempDir, (Vec<Approval>, Vec<History>, crate::store::Due, u64)) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    fill(&store).await;
    store.submit(largest(20)).await.unwrap();
    let before = everything(&store).await;
    close(store).await;
    (directory, before)
}

#[tokio::test]
async fn a_store_of_an_earlier_schema_opens_with_everything_in_it() {
    // After a close; and after a crash during the upgrade, before the mark was raised.
    for (tree, mark) in UPGRADED.into_iter().flat_map(|old| [(old, old), (SCHEMA, old)]) {
        let (directory, before) = filled().await;
        aged(&directory, tree, mark);
        let store = routed(&directory).unwrap();
        assert_eq!(everything(&store).await, before);
        assert_eq!(store.backlog(), [], "nobody is told of old events");
        store.transition(id(2, 2), revoke(reviewer(1)), at(30)).await.unwrap();
        store.freeze(new_freeze(1, tool("x"))).await.unwrap();
        store.block(new_block(1)).await.unwrap();
        store.save_sessions(vec![session(1)]).await.unwrap();
        let lane = store.lane(&"all".parse().unwrap(), id(2, 2)).await.unwrap().unwrap();
        assert_eq!(lane.waiting.iter().map(|one| one.revision).collect::<Vec<_>>(), [3], "of the revocation");
        store.keep_signing_key(KeyPurpose::Links, SigningKey::new([7; 32])).await.unwrap();
        close(store).await;
        assert_eq!(schemas(&directory), (SCHEMA, SCHEMA));
        let store = open(&directory).unwrap();
        assert!(store.get(id(2, 2)).await.unwrap().revocation.is_some());
        assert_eq!(store.freezes().await.unwrap().len(), 1);
        assert_eq!(store.blocks().await.unwrap().len(), 1);
        assert_eq!(store.sessions().await.unwrap(), [session(1)]);
        assert_eq!(store.export_lanes(None, 9).await.unwrap(), [lane]);
        assert!(store.signing_key(KeyPurpose::Links).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn other_versions_are_rejected_as_before() {
    for (tree, mark, found) in [
        (3, SCHEMA, 3),
        (4, SCHEMA, 4),
        (4, 3, 4),
        (3, 4, 3),
        (4, 5, 4),
        (5, SCHEMA, 5),
        (7, SCHEMA, 7),
        (SCHEMA, 7, 7),
        (2, 4, 2),
    ] {
        let (directory, _) = filled().await;
        aged(&directory, tree, mark);
        match open(&directory).unwrap_err() {
            OpenError::Schema { found: is, known, .. } => assert_eq!((is, known), (found, SCHEMA)),
            other => panic!("{other}"),
        }
        assert_eq!(schemas(&directory), (tree, mark), "the store is unchanged");
    }
}

#[tokio::test]
async fn a_check_reports_a_later_schema_version() {
    let (directory, _) = filled().await;
    aged(&directory, SCHEMA + 1, SCHEMA + 1);
    let scratch = tempfile::tempdir().unwrap();
    let findings = check(directory.path(), scratch.path()).unwrap();
    assert!(findings.faults.iter().any(|fault| fault.what.contains("another schema version")));
}

/// A killed server leaves doubts, which verifying the store resolves, with its own schema version.
#[tokio::test]
async fn a_store_of_an_earlier_schema_is_checked_and_salvaged() {
    for old in UPGRADED {
        let (directory, before) = filled().await;
        aged(&directory, old, old);
        let scratch = tempfile::tempdir().unwrap();
        let findings = check(directory.path(), scratch.path()).unwrap();
        assert_eq!((findings.faults, findings.approvals), (vec![], 10));
        let salvaged = salvage(directory.path(), at(400)).unwrap();
        assert_eq!((salvaged.histories, salvaged.left_out), (before.1, vec![]));
        assert_eq!(schemas(&directory), (old, old));
    }
}
