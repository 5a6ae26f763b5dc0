//! Blocks of subjects.

use super::*;
use crate::domain::block_samples::{block_id, new_block, new_unblock, subject as named};

/// The active blocks, by their subjects.
async fn blocked(store: &dyn Store) -> Vec<SubjectName> {
    let blocks = store.blocks().await.unwrap();
    blocks.into_iter().filter(Block::stands).map(|block| block.subject).collect()
}

pub async fn blocks_are_kept_in_order(mut subject: impl Subject) {
    assert_eq!(subject.store().blocks().await, Ok(vec![]));
    let mut made = Vec::new();
    for n in [3, 1, 2] {
        made.push(subject.store().block(new_block(n)).await.unwrap());
    }
    // Time does not run backwards.
    assert_eq!(made.iter().map(|block| block.at).collect::<Vec<_>>(), [at(3); 3]);
    made.sort_by_key(|block| block.id);
    let ended = subject.store().unblock(new_unblock(2)).await.unwrap();
    assert_eq!((ended.id, ended.unblocked.as_ref().unwrap().at), (block_id(2), at(12)));
    made[1] = ended;
    for _ in 0..2 {
        assert_eq!(subject.store().blocks().await.unwrap(), made);
        subject.reopen().await;
    }
    assert_eq!(subject.store().newest_time(), Some(at(12)));
}

pub async fn a_subject_is_blocked_once_at_a_time(mut subject: impl Subject) {
    let first = subject.store().block(new_block(1)).await.unwrap();
    let again = NewBlock { subject: named(1), ..new_block(2) };
    assert_eq!(subject.store().block(again.clone()).await, Ok(first));
    subject.store().unblock(new_unblock(1)).await.unwrap();
    let error = StoreError::Block(BlockError::NotBlocked(named(1)));
    assert_eq!(subject.store().unblock(new_unblock(1)).await, Err(error));
    assert_eq!(subject.store().block(again).await.unwrap().id, block_id(2));
    subject.reopen().await;
    assert_eq!(blocked(&**subject.store()).await, [named(1)]);
}

pub async fn a_blocks_request_id_belongs_to_one_call(mut subject: impl Subject) {
    let keyed = |n, key: &str| NewBlock { request_id: Some(key.into()), ..new_block(n) };
    let first = subject.store().block(keyed(1, "k")).await.unwrap();
    let reused = StoreError::Block(BlockError::RequestIdReused { request_id: "k".into(), id: first.id });
    for _ in 0..2 {
        let repeated = NewBlock { id: block_id(9), ..keyed(1, "k") };
        assert_eq!(subject.store().block(repeated).await, Ok(first.clone()));
        assert_eq!(subject.store().block(keyed(2, "k")).await, Err(reused.clone()));
        subject.reopen().await;
    }
    let end = NewUnblock { request_id: Some("u".into()), ..new_unblock(1) };
    let ended = subject.store().unblock(end.clone()).await.unwrap();
    assert_eq!(subject.store().unblock(end).await, Ok(ended));
    assert_eq!(subject.store().block(keyed(1, "k")).await, Err(reused), "it would wrongly say that it is blocked");
}

pub async fn blocks_at_once_all_count(mut subject: impl Subject) {
    let store = Arc::clone(subject.store());
    let tasks = (1..=40).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.block(new_block(n)).await.unwrap();
            store.save_sessions(vec![crate::domain::session_samples::session(n)]).await.unwrap();
            if n % 2 == 0 {
                store.unblock(new_unblock(n)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let expected: Vec<_> = (1..=40).filter(|n| n % 2 == 1).map(named).collect();
    drop(store);
    for _ in 0..2 {
        assert_eq!(blocked(&**subject.store()).await, expected);
        assert_eq!(subject.store().sessions().await.unwrap().len(), 40);
        subject.reopen().await;
    }
}

pub async fn blocks_move_with_an_export(mut subject: impl Subject) {
    for n in 1..=3 {
        subject.store().block(new_block(n)).await.unwrap();
    }
    let standing = subject.store().blocks().await.unwrap();
    subject.store().unblock(new_unblock(1)).await.unwrap();
    let all = subject.store().blocks().await.unwrap();
    let copy = MemoryStore::default();
    let imported = |new, ended: &[Block]| Ok(ImportedBlocks { new, ended: ended.to_vec() });
    for (store, new) in [(&**subject.store(), 0), (&copy as &dyn Store, 3)] {
        assert_eq!(store.import_blocks(all.clone()).await, imported(new, &[]));
        // An older export does not undo the end.
        assert_eq!(store.import_blocks(standing.clone()).await, imported(0, &[]));
        let other = Block { reason: "other".into(), ..all[1].clone() };
        let fresh = Block { id: block_id(7), ..all[0].clone() };
        let conflict = StoreError::Block(BlockError::Conflict(block_id(2)));
        assert_eq!(store.import_blocks(vec![fresh.clone(), other]).await, Err(conflict));
        let wrong = Block { reason: "x".repeat(5_000), ..fresh.clone() };
        let refused = store.import_blocks(vec![fresh, wrong]).await;
        assert!(matches!(refused, Err(StoreError::Block(BlockError::Bad(..)))), "{refused:?}");
        assert_eq!(store.blocks().await.unwrap(), all);
    }
    let late = MemoryStore::default();
    late.import_blocks(standing).await.unwrap();
    assert_eq!(late.import_blocks(all.clone()).await, imported(0, &all[..1]));
    subject.reopen().await;
    assert_eq!(subject.store().blocks().await.unwrap(), all);
}

pub async fn the_oldest_ended_blocks_are_forgotten(mut subject: impl Subject) {
    for n in 1..=1_001 {
        subject.store().block(new_block(n)).await.unwrap();
        subject.store().unblock(NewUnblock { now: at(2_000), ..new_unblock(n) }).await.unwrap();
    }
    for _ in 0..2 {
        let kept = subject.store().blocks().await.unwrap();
        assert_eq!((kept.len(), kept[0].id, kept[999].id), (1_000, block_id(2), block_id(1_001)));
        subject.reopen().await;
    }
}
