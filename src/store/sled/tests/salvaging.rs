//! Salvage saves exactly the intact data of damaged stores.

use super::*;
use crate::{
    bounded_file,
    domain::{
        Block, Freeze, Refusal,
        block_samples::{new_block, new_unblock},
        freeze_samples::{new_freeze, new_thaw, tool},
        session_samples::session,
        token_samples::token,
    },
    store::{
        BlockStore as _, MemoryStore, NewPolicy, SessionStore as _,
        conformance::{claim, reject, with},
    },
};

/// A store with records of every kind, opened twice.
async fn filled() -> TempDir {
    filled_and_known().await.0
}

/// As above, with all histories, including forgotten ones.
async fn filled_and_known() -> (TempDir, Vec<History>) {
    let directory = tempfile::tempdir().unwrap();
    let store = routed(&directory).unwrap();
    fill(&store).await;
    store.submit(largest(20)).await.unwrap();
    for document in ["a", &"b".repeat(20_000)] {
        store.put_policy(policy(0, document)).await.unwrap();
        let again = NewPolicy { request_id: Some(document[..1].to_owned()), ..policy(0, document) };
        store.put_policy(again).await.unwrap();
    }
    store.save_tokens(vec![token(1), token(2)]).await.unwrap();
    for n in [1, 2, 3] {
        store.freeze(new_freeze(n, tool("other*"))).await.unwrap();
    }
    for n in [1, 2] {
        store.block(new_block(n)).await.unwrap();
    }
    close(store).await;
    let store = open(&directory).unwrap();
    let digest = store.get(id(2, 2)).await.unwrap().digest;
    store.transition(id(2, 2), claim(2, digest), at(21)).await.unwrap();
    store.forget_tokens(vec![token(2).id]).await.unwrap();
    store.thaw(new_thaw(2)).await.unwrap();
    store.unblock(new_unblock(2)).await.unwrap();
    store.save_sessions(vec![session(1)]).await.unwrap();
    store.submit(submission(30, 30)).await.unwrap();
    store.transition(id(30, 30), reject(1), at(31)).await.unwrap();
    let known = store.export(None, 99).await.unwrap();
    assert_eq!(store.prune(at(21), at(22), 1).await, Ok(1)); // the one that the policy approved
    close(store).await;
    (directory, known)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = bounded_file::whole(path);
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn everything_in_an_intact_store_is_saved() {
    let directory = filled().await;
    let before = bounded_file::whole(directory.path().join("sled/db"));
    let salvaged = salvage(directory.path(), at(40)).unwrap();
    assert_eq!(salvaged.left_out, []);
    assert_eq!(bounded_file::whole(directory.path().join("sled/db")), before);
    let store = open(&directory).unwrap();
    assert_eq!(salvaged.histories, store.export(None, 99).await.unwrap());
    assert_eq!(salvaged.policies, store.export_policies(0, 99).await.unwrap());
    assert_eq!(salvaged.unchanged_policies, store.export_unchanged_policies(None, 99).await.unwrap());
    assert_eq!(salvaged.unchanged_policies.len(), 2);
    assert_eq!(salvaged.tokens, store.tokens().await.unwrap());
    assert_eq!(salvaged.tokens.len(), 1);
    assert_eq!(salvaged.freezes, store.freezes().await.unwrap());
    assert_eq!(salvaged.freezes.len(), 3);
    assert_eq!(salvaged.blocks, store.blocks().await.unwrap());
    assert_eq!(salvaged.blocks.len(), 2);
    assert_eq!(salvaged.forgotten, store.export_forgotten(None, 99).await.unwrap());
    assert_eq!(salvaged.forgotten.len(), 1);
    // Lanes of pending approvals, which can be told again.
    let pending: Vec<_> = store.due(at(0), 0).await.map(|_| [id(1, 1), id(3, 3), id(7, 7), id(0, 20)]).unwrap().into();
    let mut lanes = store.export_lanes(None, 99).await.unwrap();
    lanes.retain(|lane| pending.contains(&lane.approval));
    assert_eq!((salvaged.lanes.len(), &salvaged.lanes), (8, &lanes));
}

/// Without a snapshot and a watermark, only approvals that cannot have changed since are saved.
#[tokio::test]
async fn less_proof_saves_less() {
    let directory = filled().await;
    fs::remove_file(directory.path().join("WATERMARK")).unwrap();
    for entry in fs::read_dir(directory.path().join("sled")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let salvaged = salvage(directory.path(), at(40)).unwrap();
    let saved: Vec<_> = salvaged.histories.iter().map(|history| history.id).collect();
    assert!(saved.contains(&id(2, 2)), "claimed");
    assert!(saved.contains(&id(30, 30)), "rejected");
    assert!(!saved.contains(&id(1, 1)), "pending");
    assert_eq!(salvaged.tokens, []);
    assert_eq!(salvaged.freezes.len(), 3, "freezes are saved, because they only block calls");
    assert!(salvaged.left_out.iter().any(|fault| fault.what.contains("A freeze may")));
    assert_eq!(salvaged.blocks.len(), 2, "blocks are saved, because they only keep people out");
    assert!(salvaged.left_out.iter().any(|fault| fault.what.contains("A block may")));
    assert!(salvaged.left_out.iter().any(|fault| fault.approval_id == Some(id(1, 1))));
}

#[tokio::test]
async fn salvage_without_a_log_asks_for_a_backup() {
    let directory = filled().await;
    fs::remove_file(directory.path().join("sled/db")).unwrap();
    let refused = salvage(directory.path(), at(40)).unwrap_err().to_string();
    assert!(refused.contains("cannot salvage the store"), "{refused}");
    assert!(refused.contains("sled/db: ") && refused.ends_with("Restore a backup"), "{refused}");
    // A log that is temporarily unreadable is not lost.
    fs::create_dir(directory.path().join("sled/db")).unwrap();
    let refused = salvage(directory.path(), at(40)).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
}

#[tokio::test]
async fn data_saved_from_a_damaged_store_is_unchanged() {
    let (directory, known) = filled_and_known().await;
    let forgotten = token(2).id;
    let Salvaged { freezes, blocks, .. } = salvage(directory.path(), at_later()).unwrap();
    let log = bounded_file::whole(directory.path().join("sled/db"));
    let end = log.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut saved, mut left_out) = (0, 0);
    for at in (0..end).step_by(4_001) {
        flip(&directory.path().join("sled/db"), at);
        let salvaged = salvage(directory.path(), at_later()).unwrap();
        for history in &salvaged.histories {
            assert!(known.contains(history), "byte {at}: {} is not as it was", history.id);
        }
        assert!(salvaged.tokens.iter().all(|token| token.id != forgotten), "byte {at}");
        for freeze in &salvaged.freezes {
            let standing = Freeze { thawed: None, ..freeze.clone() };
            assert!(freezes.contains(freeze) || freezes.iter().any(|one| one.id == freeze.id && standing == *freeze));
        }
        let lost = salvaged.freezes.len() < freezes.len();
        let told = salvaged.left_out.iter().any(|fault| fault.what.to_lowercase().contains("freeze"));
        assert!(!lost || told, "byte {at}: a freeze is lost in silence");
        for block in &salvaged.blocks {
            let standing = Block { unblocked: None, ..block.clone() };
            assert!(blocks.contains(block) || blocks.iter().any(|one| one.id == block.id && standing == *block));
        }
        let told = salvaged.left_out.iter().any(|fault| fault.what.to_lowercase().contains("block"));
        assert!(salvaged.blocks.len() == blocks.len() || told, "byte {at}: a block is lost in silence");
        saved += salvaged.histories.len();
        left_out += salvaged.left_out.len();
        let copy = MemoryStore::default();
        copy.import_policies(salvaged.policies).await.unwrap();
        copy.import_unchanged_policies(salvaged.unchanged_policies).await.unwrap();
        copy.import_forgotten(salvaged.forgotten).await.unwrap();
        copy.import(salvaged.histories.clone()).await.unwrap();
        if salvaged.histories.iter().any(|history| history.id == id(2, 2)) {
            let digest = copy.get(id(2, 2)).await.unwrap().digest;
            let again = copy.transition(id(2, 2), claim(9, digest), at_later()).await;
            assert!(matches!(again, Err(StoreError::Refused(Refusal::AlreadyClaimed(_)))), "byte {at}");
        }
        for (n, history) in (0..).zip(&known) {
            repeat(&copy, n, history, &format!("byte {at}")).await;
        }
        fs::write(directory.path().join("sled/db"), &log).unwrap();
    }
    assert!(saved > left_out && left_out > 0, "{saved} saved, {left_out} left out");
}

/// Repeats a request: there must never be a second approval of a call that may have run.
async fn repeat(copy: &MemoryStore, n: u64, history: &History, what: &str) {
    let approval = Approval::replay(history.id, &history.events).unwrap();
    let again = Submission { id: id(90, 900 + n), ..submission(23, n) };
    let again = with(again, |request| *request = (*approval.request).clone());
    match copy.submit(again).await {
        Ok(submitted) => assert!(!submitted.created, "{what}: {} can be asked for again", history.id),
        Err(StoreError::Refused(Refusal::RequestForgotten { .. } | Refusal::RequestIdReused { .. })) => {}
        Err(other) => panic!("{what}: {other}"),
    }
}

/// A segment without its header is read after all others, so it is unknown which of two entries is newer.
#[tokio::test]
async fn a_lost_header_frees_no_request_id() {
    let (directory, known) = filled_and_known().await;
    let store = open(&directory).unwrap();
    for n in 40..43 {
        store.put_policy(policy(n, &(n % 10).to_string().repeat(DOCUMENT_MAX))).await.unwrap(); // more segments
    }
    while store.prune(at(99), at(100), 9).await.unwrap() > 0 {}
    let forgotten = store.export_forgotten(None, 99).await.unwrap();
    assert!(forgotten.len() > 3);
    close(store).await;
    let log = bounded_file::whole(directory.path().join("sled/db"));
    assert!(log.len() > 4 * log::SEGMENT);
    for at in (0..log.len()).step_by(log::SEGMENT) {
        flip(&directory.path().join("sled/db"), at + 6);
        let salvaged = salvage(directory.path(), at_later()).unwrap();
        let copy = MemoryStore::default();
        copy.import_forgotten(salvaged.forgotten).await.unwrap();
        copy.import(salvaged.histories).await.unwrap();
        for (n, history) in (0..).zip(&known) {
            repeat(&copy, n, history, &format!("segment at {at}")).await;
        }
        fs::write(directory.path().join("sled/db"), &log).unwrap();
    }
}

fn at_later() -> Time {
    at(22)
}

#[tokio::test]
async fn a_check_finds_damage_and_changes_nothing() {
    let directory = filled().await;
    let scratch = tempfile::tempdir().unwrap();
    let bytes = || bounded_file::whole(directory.path().join("sled/db"));
    let before = bytes();
    let findings = check(directory.path(), scratch.path()).unwrap();
    assert_eq!((findings.faults, findings.notes), (vec![], vec![]));
    assert_eq!((findings.approvals, findings.policies, findings.tokens, findings.freezes), (10, 2, 1, 3));
    assert_eq!((findings.blocks, findings.sessions, findings.lanes), (2, 1, 16));
    assert_eq!(bytes(), before);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    fs::remove_file(directory.path().join("sled/db")).unwrap();
    let findings = check(directory.path(), scratch.path()).unwrap();
    assert!(findings.faults.iter().any(|fault| fault.what.contains("sled/db")), "{findings:?}");
    assert!(!directory.path().join("sled/db").exists());
    fs::write(directory.path().join("sled/db"), &before[..before.len() / 2]).unwrap();
    let findings = check(directory.path(), scratch.path()).unwrap();
    assert!(
        !findings.faults.is_empty() && findings.notes.iter().any(|note| note.contains("would save")),
        "{findings:?}"
    );
    assert!(matches!(check(&directory.path().join("none"), scratch.path()), Err(OpenError::Io { .. })));
    assert!(!directory.path().join("none").exists());
}
