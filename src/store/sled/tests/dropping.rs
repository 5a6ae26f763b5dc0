//! Old records of groups are dropped, and the checkpoint keeps what they proved.

use std::collections::BTreeSet;

use super::{
    super::commit_log::{Dropping, Tip, drop_old},
    *,
};
use crate::{
    domain::{
        Ended, KeyPurpose, Revoked, Session, SigningKey,
        block_samples::{new_block, new_unblock},
        session_samples::session,
        token_samples::token,
    },
    store::{MemoryStore, conformance::reject},
};

/// Drops old records except the newest ones, as `retain` does with many more.
pub(super) fn dropped(directory: &TempDir, before: Time, kept: u64) -> bool {
    let mut any = false;
    tamper(directory.path(), |db| {
        let (pages, mut batch) = (TreeReader::new(sled::Tree::clone(db)), sled::Batch::default());
        let head = |id| pages.contains(keys::head(id));
        any = drop_old(&pages, Dropping { before, limit: 1_000, kept }, head, &mut batch).unwrap();
        db.apply_batch(batch).unwrap();
    });
    any
}

/// Numbers of the stored records.
pub(super) fn records(directory: &TempDir) -> Vec<u64> {
    let mut found = Vec::new();
    tamper(directory.path(), |db| {
        found.extend(db.range(keys::groups()).filter_map(|entry| keys::group_of(&entry.unwrap().0)));
    });
    found
}

/// Makes all records old.
async fn forget_all(store: &SledStore) {
    for due in store.due(at(1_000), 1_000).await.unwrap().ids {
        store.transition(due, Command::Tick, at(1_000)).await.unwrap();
    }
    while store.prune(at(1_001), at(1_001), 1_000).await.unwrap() > 0 {}
}

fn checked(directory: &TempDir) -> Findings {
    let scratch = tempfile::tempdir().unwrap();
    check(directory.path(), scratch.path()).unwrap()
}

#[tokio::test]
async fn the_newest_groups_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 0..6 {
        store.submit(submission(n, n.unsigned_abs())).await.unwrap();
    }
    let tip = Tip::read(&store.pages).unwrap();
    assert_eq!((tip.counter, tip.newest), (6, Some(at(5))));
    store.prune(at(3), at(3), 100).await.unwrap();
    assert_eq!(store.newest_time(), None);
    close(store).await;
    assert_eq!(records(&directory), [1, 2, 3, 4, 5, 6]);
    assert_eq!(open(&directory).unwrap().newest_time(), Some(at(5)));
}

#[tokio::test]
async fn the_checkpoint_proves_what_dropped_groups_proved() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.put_policy(policy(0, "a")).await.unwrap();
    store.put_policy(policy(0, "b")).await.unwrap();
    store.save_tokens(vec![token(1), token(2), token(3)]).await.unwrap();
    store.forget_tokens(vec![token(2).id]).await.unwrap();
    store.save_sessions(vec![session(1), session(2)]).await.unwrap();
    store.forget_sessions(vec![session(2).id]).await.unwrap();
    store.block(new_block(1)).await.unwrap();
    // A record of several pieces.
    let other = MemoryStore::default();
    for n in 100..500 {
        other.submit(submission(0, n)).await.unwrap();
    }
    assert_eq!(store.import(other.export(None, 1_000).await.unwrap()).await, Ok(400));
    assert!(store.pages.contains(frame::piece_key(&keys::group(8), 1)).unwrap());
    forget_all(&store).await;
    store.submit(submission(1_002, 1)).await.unwrap();
    close(store).await;
    let before = records(&directory);
    for round in 0..2 {
        assert!(dropped(&directory, at(2_000), 2), "round {round}");
        let left = records(&directory);
        assert!(left.len() <= 2 && left.last() > before.last().filter(|_| round > 0), "{left:?}");
        tamper(directory.path(), |db| {
            // The pieces are dropped with their record.
            let pieces = db.range(keys::groups()).map(|entry| entry.unwrap().0);
            let owners: BTreeSet<_> = pieces.map(|key| key[..keys::GROUP_LEN].to_vec()).collect();
            assert_eq!(owners.len(), left.len());
        });
        assert_eq!(checked(&directory).faults, []);
        let salvaged = salvage(directory.path(), at(1_003)).unwrap();
        assert_eq!(salvaged.left_out, []);
        assert_eq!((salvaged.policies.len(), salvaged.tokens.len()), (2, 2));
        // The loss of data that was only in dropped records is detected.
        let listed = [keys::session(session(1).id), keys::block(new_block(1).id)];
        for key in [keys::token(token(1).id), keys::policy(2)].into_iter().chain(listed) {
            let mut value = None;
            tamper(directory.path(), |db| value = db.remove(&key).unwrap());
            assert!(!checked(&directory).faults.is_empty(), "{}", frame::shown(&key));
            tamper(directory.path(), |db| drop(db.insert(&key, value.unwrap()).unwrap()));
        }
        let store = open(&directory).unwrap();
        assert_eq!(store.tokens().await.unwrap().len(), 2);
        store.save_tokens(vec![token(3)]).await.unwrap();
        store.transition(id(1_002, 1 + round), reject(1), at(1_003)).await.unwrap();
        assert_eq!(store.prune(at(1_100), at(1_100), 9).await, Ok(1));
        store.submit(submission(1_002, 2 + round)).await.unwrap();
        close(store).await;
    }
}

/// An approval may stay longer than all others. Its record proves its acknowledged revision.
#[tokio::test]
async fn records_of_groups_with_stored_approvals_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.put_policy(policy(0, "a")).await.unwrap();
    store.submit(submission(0, 1)).await.unwrap();
    for n in 2..9 {
        store.submit(submission(0, n)).await.unwrap();
        store.transition(id(0, n), reject(1), at(1)).await.unwrap();
    }
    assert_eq!(store.prune(at(2), at(2), 100).await, Ok(7));
    close(store).await;
    assert!(dropped(&directory, at(2_000), 2));
    assert_eq!(records(&directory)[0], 2);
    tamper(directory.path(), |db| drop(db.remove(keys::head(id(0, 1))).unwrap()));
    let faults = checked(&directory).faults;
    assert!(faults.iter().any(|fault| fault.approval_id == Some(id(0, 1))), "{faults:?}");
}

/// A lost revocation leaves an intact token.
#[tokio::test]
async fn an_older_state_of_a_token_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.save_tokens(vec![token(1)]).await.unwrap();
    let key = keys::token(token(1).id);
    let older = store.pages.get(&key).unwrap().unwrap().to_vec();
    let revoked = Token { revoked: Some(Revoked { actor: reviewer(1), at: at(5) }), ..token(1) };
    store.save_tokens(vec![revoked]).await.unwrap();
    close(store).await;
    assert_eq!(checked(&directory).faults, []);
    tamper(directory.path(), |db| drop(db.insert(&key, older).unwrap()));
    let findings = checked(&directory);
    assert!(findings.faults.iter().any(|fault| fault.what.contains("a revocation may be lost")), "{findings:?}");
    assert_eq!(salvage(directory.path(), at(6)).unwrap().tokens, []);
}

/// Without the hash in its group's record, a session from before its end would look intact, and so would a block from
/// before its end.
#[tokio::test]
async fn an_older_state_of_a_session_or_a_block_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.save_sessions(vec![session(1), session(2)]).await.unwrap();
    store.block(new_block(1)).await.unwrap();
    let keys = [keys::session(session(1).id), keys::block(new_block(1).id)];
    let older = [0, 1].map(|n: usize| store.pages.get(&keys[n]).unwrap().unwrap().to_vec());
    let ended = Some(Ended { actor: reviewer(1), at: at(5), request_id: None });
    store.save_sessions(vec![Session { ended, ..session(1) }]).await.unwrap();
    store.forget_sessions(vec![session(2).id]).await.unwrap();
    store.unblock(new_unblock(1)).await.unwrap();
    close(store).await;
    let findings = checked(&directory);
    assert_eq!((findings.faults, findings.sessions, findings.blocks), (vec![], 1, 1));
    for (key, (older, told)) in keys.into_iter().zip(older.into_iter().zip(["its end may be lost", "differs from"])) {
        let mut newer = None;
        tamper(directory.path(), |db| newer = db.insert(&key, older).unwrap());
        let findings = checked(&directory);
        assert!(findings.faults.iter().any(|fault| fault.what.contains(told)), "{findings:?}");
        tamper(directory.path(), |db| drop(db.remove(&key).unwrap()));
        let findings = checked(&directory);
        assert!(findings.faults.iter().any(|fault| fault.what.contains("is missing")), "{findings:?}");
        tamper(directory.path(), |db| drop(db.insert(&key, newer.unwrap()).unwrap()));
    }
    let forgotten = keys::session(session(2).id);
    tamper(directory.path(), |db| {
        let copy = db.get(keys::session(session(1).id)).unwrap().unwrap();
        drop(db.insert(forgotten, copy).unwrap());
    });
    assert!(!checked(&directory).faults.is_empty(), "a forgotten session is back");
    // Blocks are saved from a damaged store, and sessions are not.
    let salvaged = salvage(directory.path(), at(6)).unwrap();
    assert_eq!(salvaged.blocks.len(), 1);
}

/// Another key would take the place of a lost one, and nothing that the lost one signed would be recognised.
#[tokio::test]
async fn a_signing_key_that_is_lost_or_replaced_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.keep_signing_key(KeyPurpose::Links, SigningKey::new([7; 32])).await.unwrap();
    close(store).await;
    let findings = checked(&directory);
    assert_eq!((findings.faults, findings.signing_keys), (vec![], 1));
    let other = records::StoredKey { purpose: KeyPurpose::Links, key: SigningKey::new([8; 32]) };
    let (key, value) = records::encode_signing_key(&other).unwrap().0.remove(0);
    tamper(directory.path(), |db| drop(db.insert(&key, value).unwrap()));
    let findings = checked(&directory);
    assert!(findings.faults[0].what.contains("signing key of links differs"), "{findings:?}");
    tamper(directory.path(), |db| drop(db.remove(&key).unwrap()));
    let findings = checked(&directory);
    assert!(findings.faults[0].what.contains("signing key of links was acknowledged, but is missing"), "{findings:?}");
}

/// The sled store reads all blocks when it opens: a subject whose block is unreadable could call.
#[tokio::test]
async fn a_store_with_an_unreadable_block_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.block(new_block(1)).await.unwrap();
    close(store).await;
    tamper(directory.path(), |db| drop(db.insert(keys::block(new_block(1).id), b"x").unwrap()));
    assert!(matches!(open(&directory), Err(OpenError::Corrupt { .. })));
}

#[tokio::test]
async fn a_damaged_approval_does_not_stop_forgetting_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=4 {
        store.submit(submission(0, n)).await.unwrap();
        store.transition(id(0, n), reject(1), at(n.cast_signed())).await.unwrap();
    }
    close(store).await;
    tamper(directory.path(), |db| drop(db.remove(keys::event(id(0, 1), 1)).unwrap()));
    let store = open(&directory).unwrap();
    assert_eq!(store.prune(at(100), at(100), 2).await, Ok(2));
    assert_eq!(store.prune(at(100), at(100), 2).await, Ok(1));
    assert_eq!(store.prune(at(100), at(100), 2).await, Ok(0));
    assert!(matches!(store.get(id(0, 1)).await, Err(StoreError::Corrupt(_))));
}
