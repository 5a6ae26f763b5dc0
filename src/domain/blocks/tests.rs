use super::*;
use crate::domain::{
    block_samples::{block_id, new_block, new_unblock, subject},
    freeze_samples::operator,
    samples::at,
};

fn keyed(new: NewBlock, key: &str) -> NewBlock {
    NewBlock { request_id: Some(key.into()), ..new }
}

fn standing(blocks: &Blocks) -> Vec<BlockId> {
    blocks.standing().map(|block| block.id).collect()
}

#[test]
fn a_subject_is_blocked_once() {
    let mut blocks = Blocks::default();
    let (first, changes) = blocks.block(new_block(1)).unwrap();
    assert_eq!((first.at, changes.changed.len(), changes.newest()), (at(1), 1, Some(at(1))));
    let again = NewBlock { subject: subject(1), ..new_block(2) };
    assert_eq!(blocks.block(again).unwrap(), (first, BlockChanges::default()));
    // Time does not run backwards.
    let early = NewBlock { now: at(0), ..new_block(3) };
    assert_eq!(blocks.block(early).unwrap().0.at, at(1));
    assert_eq!(standing(&blocks), [block_id(1), block_id(3)]);
}

#[test]
fn names_of_another_form_are_the_same_subject() {
    let mut blocks = Blocks::default();
    let named = |subject: &str| SubjectName { issuer: "local".into(), subject: subject.into() };
    blocks.block(NewBlock { subject: named("Jose\u{301}"), ..new_block(1) }).unwrap();
    blocks.block(NewBlock { subject: named("Jos\u{e9}"), ..new_block(2) }).unwrap();
    assert_eq!(standing(&blocks), [block_id(1)]);
    blocks.unblock(NewUnblock { subject: named("Jos\u{e9}"), ..new_unblock(1) }).unwrap();
    assert_eq!(standing(&blocks), []);
}

#[test]
fn a_request_id_belongs_to_one_call() {
    let mut blocks = Blocks::default();
    let (first, _) = blocks.block(keyed(new_block(1), "k")).unwrap();
    let repeated = NewBlock { id: block_id(9), ..keyed(new_block(1), "k") };
    assert_eq!(blocks.block(repeated).unwrap(), (Arc::clone(&first), BlockChanges::default()));
    let reused = BlockError::RequestIdReused { request_id: "k".into(), id: first.id };
    let other = NewBlock { reason: "other".into(), ..keyed(new_block(1), "k") };
    for new in [other, keyed(new_block(2), "k")] {
        assert_eq!(blocks.block(new).unwrap_err(), reused);
    }
    // The key of another operator is another key.
    blocks.block(NewBlock { actor: operator(2), ..keyed(new_block(2), "k") }).unwrap();

    let end = NewUnblock { request_id: Some("u".into()), ..new_unblock(1) };
    let (ended, _) = blocks.unblock(end.clone()).unwrap();
    assert_eq!(blocks.unblock(end.clone()).unwrap(), (ended, BlockChanges::default()));
    let other = NewUnblock { subject: subject(2), ..end.clone() };
    assert!(matches!(blocks.unblock(other), Err(BlockError::RequestIdReused { .. })));
    // The answer "blocked" or "unblocked" would be wrong by now.
    assert_eq!(blocks.block(keyed(new_block(1), "k")).unwrap_err(), reused);
    blocks.block(NewBlock { id: block_id(7), ..new_block(1) }).unwrap();
    assert!(matches!(blocks.unblock(end), Err(BlockError::RequestIdReused { .. })));
}

#[test]
fn only_a_blocked_subject_can_be_unblocked() {
    let mut blocks = Blocks::default();
    assert_eq!(blocks.unblock(new_unblock(1)).unwrap_err(), BlockError::NotBlocked(subject(1)));
    blocks.block(new_block(1)).unwrap();
    let (ended, changes) = blocks.unblock(new_unblock(1)).unwrap();
    assert_eq!((ended.unblocked.as_ref().unwrap().at, changes.newest()), (at(11), Some(at(11))));
    assert_eq!(blocks.unblock(new_unblock(1)).unwrap_err(), BlockError::NotBlocked(subject(1)));
}

#[test]
fn the_number_of_blocks_is_limited() {
    let mut blocks = Blocks::default();
    for n in 0..500 {
        blocks.block(new_block(n)).unwrap();
    }
    assert_eq!(blocks.block(new_block(500)).unwrap_err(), BlockError::TooMany { limit: 500 });
    // An import may exceed the limit.
    let more = Block { unblocked: None, id: block_id(500), ..Block::clone(&blocks.0[&block_id(1)]) };
    assert_eq!(blocks.import(vec![more]).unwrap().0.new, 1);
    // The subject has two blocks now, and both end.
    assert_eq!(blocks.unblock(new_unblock(1)).unwrap().1.changed.len(), 2);
    blocks.block(new_block(501)).unwrap();
}

#[test]
fn the_blocks_that_ended_first_are_forgotten() {
    let mut blocks = Blocks::default();
    for n in 0..1_000 {
        blocks.block(new_block(n)).unwrap();
        assert_eq!(blocks.unblock(new_unblock(n)).unwrap().1.forgotten, []);
    }
    blocks.block(new_block(1_000)).unwrap();
    assert_eq!(blocks.unblock(new_unblock(1_000)).unwrap().1.forgotten, [block_id(0)]);
    assert_eq!(blocks.iter().count(), 1_000);
}

#[test]
fn copies_agree_and_others_import_nothing() {
    let (mut here, mut there) = (Blocks::default(), Blocks::default());
    let (block, _) = here.block(new_block(1)).unwrap();
    let exported: Vec<_> = here.iter().map(|block| Block::clone(block)).collect();
    assert_eq!(there.import(exported.clone()).unwrap().0, ImportedBlocks { new: 1, ended: vec![] });
    assert_eq!(there, here);
    let (ended, _) = there.unblock(new_unblock(1)).unwrap();
    // An active copy does not undo the end; an ended copy ends.
    assert_eq!(there.import(exported).unwrap().1, BlockChanges::default());
    let imported = here.import(vec![Block::clone(&ended)]).unwrap().0;
    assert_eq!((imported.ended, &here), (vec![Block::clone(&ended)], &there));

    let before = here.clone();
    let other = Block { reason: "other".into(), ..Block::clone(&block) };
    assert_eq!(here.import(vec![other]).unwrap_err(), BlockError::Conflict(block.id));
    let names = ["".to_owned(), "s".repeat(1_025)];
    for subject in names.map(|subject| SubjectName { issuer: "i".into(), subject }) {
        let bad = Block { id: block_id(5), subject, ..Block::clone(&block) };
        assert!(matches!(here.import(vec![bad]), Err(BlockError::Bad(..))));
    }
    let bad = Block { id: block_id(5), reason: "r".repeat(1_025), ..Block::clone(&block) };
    assert!(matches!(here.import(vec![bad]), Err(BlockError::Bad(..))));
    assert_eq!(here, before);
}

#[test]
fn unknown_fields_are_rejected() {
    let mut blocks = Blocks::default();
    let (block, _) = blocks.block(new_block(1)).unwrap();
    let stored = serde_json::to_value(&*block).unwrap();
    assert_eq!(serde_json::from_value::<Block>(stored.clone()).unwrap(), *block);
    for place in ["", "/subject", "/actor"] {
        let mut odd = stored.clone();
        odd.pointer_mut(place).unwrap()["odd"] = 1.into();
        assert!(serde_json::from_value::<Block>(odd).is_err(), "{place}");
    }
}
