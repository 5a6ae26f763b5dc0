//! The live queue of reviewers.

use std::collections::BTreeMap;

use super::*;

/// The pending approvals, as a reader of the queue knows them.
#[derive(Default)]
struct Reader {
    pending: BTreeMap<ApprovalId, Revision>,
    removed: BTreeMap<ApprovalId, Option<Status>>,
    snapshots: Vec<u64>,
}

impl Reader {
    /// Reads all ready changes.
    fn read(&mut self, queue: &mut Queue) {
        while let Some(change) = poll(queue.next()) {
            match change.unwrap() {
                QueueChange::Pending(approval) => {
                    assert_eq!(approval.status, Status::Pending);
                    let before = self.pending.insert(approval.id, approval.revision);
                    assert!(before.is_none_or(|before| before < approval.revision), "told twice");
                    assert!(!self.removed.contains_key(&approval.id), "back from the dead");
                }
                QueueChange::Removed(id, status) => {
                    assert!(self.pending.remove(&id).is_some(), "removed what was not there");
                    self.removed.insert(id, status);
                }
                QueueChange::SnapshotComplete(count) => self.snapshots.push(count),
            }
        }
    }
}

fn open(world: &World, filter: Filter) -> Queue {
    Arc::clone(&world.approvals).queue(reviewer(1), filter, false).unwrap()
}

/// The pending approvals in the store.
async fn pending(world: &World, filter: Filter) -> BTreeMap<ApprovalId, Revision> {
    let filter = Filter { statuses: vec![Status::Pending], ..filter };
    let query = Query { filter, order: Order::OldestFirst, after: None, limit: 100_000 };
    let page = world.store.list(query).await.unwrap();
    page.approvals.iter().map(|approval| (approval.id, approval.revision)).collect()
}

#[tokio::test]
async fn unreadable_approvals_hide_no_others() {
    let world = World::new();
    let (first, second) = (world.ask(json!({})).await, world.ask(json!({})).await);
    let third = world.ask(json!({"quorum": 2})).await;
    world.store.damage(second);
    let (mut queue, mut reader) = (open(&world, Filter::default()), Reader::default());
    reader.read(&mut queue);
    assert_eq!(reader.pending, [(first, 1), (third, 1)].into());
    assert_eq!(reader.snapshots, [2]);
    // Damage after the scan, found by a change.
    world.vote(1, third, Choice::Approve).await;
    world.store.damage(third);
    let fourth = world.ask(json!({})).await;
    reader.read(&mut queue);
    assert_eq!(reader.pending, [(first, 1), (fourth, 1)].into());
    assert_eq!(reader.removed, [(third, None)].into());
    // Lists name them, including lists of what the caller can decide.
    for decidable in [false, true] {
        let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after: None, limit: 10 };
        let page = world.approvals.list(&reviewer(2), Method::ListPending, query, decidable).await.unwrap();
        let listed: Vec<_> = page.approvals.iter().map(|approval| approval.id).collect();
        assert_eq!((listed, page.unreadable), (vec![first, fourth], vec![second, third]));
    }
}

#[tokio::test]
async fn a_snapshot_then_additions_changes_and_removals() {
    let world = World::new();
    let old = world.ask(json!({"quorum": 2})).await;
    world.ask(json!({"effect": "approve"})).await; // was never pending
    let (mut queue, mut reader) = (open(&world, Filter::default()), Reader::default());
    let between = world.ask(json!({})).await; // after opening, before the first read
    reader.read(&mut queue);
    assert_eq!(reader.pending, [(old, 1), (between, 1)].into());
    assert_eq!(reader.snapshots, [2]);

    let new = world.ask(json!({})).await;
    world.vote(1, old, Choice::Approve).await;
    reader.read(&mut queue);
    assert_eq!(reader.pending, [(old, 2), (between, 1), (new, 1)].into());

    world.vote(2, old, Choice::Approve).await;
    world.vote(1, new, Choice::Reject).await;
    let brief = world.ask(json!({})).await; // comes and goes unseen
    world.vote(1, brief, Choice::Reject).await;
    reader.read(&mut queue);
    assert_eq!(reader.pending, [(between, 1)].into());
    assert_eq!(reader.removed, [(old, Some(Status::Approved)), (new, Some(Status::Rejected))].into());
    assert_eq!(reader.snapshots, [2]);
}

#[tokio::test]
async fn a_snapshot_of_many_pages_is_whole() {
    let world = World::new();
    for _ in 0..450 {
        world.ask(json!({})).await;
    }
    let (mut queue, mut reader) = (open(&world, Filter::default()), Reader::default());
    reader.read(&mut queue);
    assert_eq!((reader.pending.len(), &*reader.snapshots), (450, &[450][..]));
}

#[tokio::test]
async fn a_reader_that_fell_behind_catches_up() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..600 {
        ids.push(world.ask(json!({"quorum": 2})).await);
    }
    let (mut queue, mut reader) = (open(&world, Filter::default()), Reader::default());
    reader.read(&mut queue);

    // 600 known approvals leave, gain a vote, or stay; thousands come, and most of them leave: more than a reader's
    // buffer holds.
    for (n, id) in ids.iter().enumerate() {
        match n % 3 {
            0 => drop(world.vote(1, *id, Choice::Reject).await),
            1 => drop(world.vote(1, *id, Choice::Approve).await),
            _ => {}
        }
    }
    for n in 0..2_000 {
        let id = world.ask(json!({})).await;
        if n % 10 != 0 {
            world.vote(1, id, Choice::Approve).await;
        }
    }
    let gone = world.store.prune(at(1), at(1), 100).await.unwrap(); // some are not even stored any more
    assert_eq!(gone, 100);
    reader.read(&mut queue);
    assert_eq!(reader.pending, pending(&world, Filter::default()).await);
    assert_eq!(reader.removed.len(), 200);
    assert!(reader.removed.values().all(|status| status.is_none_or(|status| status == Status::Rejected)));
    assert_eq!(reader.removed.values().filter(|status| status.is_none()).count(), 100);
    assert_eq!(reader.snapshots, [600]); // a reader need not know

    world.vote(2, ids[1], Choice::Approve).await;
    reader.read(&mut queue);
    assert_eq!(reader.removed[&ids[1]], Some(Status::Approved));
}

#[tokio::test]
async fn a_filtered_queue_shows_nothing_else() {
    let world = World::new();
    let variants: [fn(&mut NewRequest); 4] = [
        |_| {},
        |new| new.tool_name = "pay".into(),
        |new| new.agent.name = "other".into(),
        |new| drop(new.labels.insert("team".into(), "sales".into())),
    ];
    let labels = |value: &str| [("team".to_owned(), value.to_owned())].into();
    let filters = [
        (Filter { tool_name: Some("pay".into()), ..Filter::default() }, vec![1]),
        (Filter { agent_name: Some("bot".into()), ..Filter::default() }, vec![0, 1, 3]),
        (Filter { labels: labels("billing"), ..Filter::default() }, vec![0, 1, 2]),
        (Filter { labels: labels("nobody"), ..Filter::default() }, vec![]),
    ];
    let mut early: Vec<_> = filters.iter().map(|(filter, _)| open(&world, filter.clone())).collect();
    let mut readers: Vec<_> = filters.iter().map(|_| Reader::default()).collect();
    for (reader, queue) in readers.iter_mut().zip(&mut early) {
        reader.read(queue);
    }
    let mut ids = Vec::new();
    for variant in variants {
        let mut new = asking(json!({}));
        variant(&mut new);
        ids.push(world.ask_for(new).await);
    }
    for ((filter, expected), (reader, queue)) in filters.iter().zip(readers.iter_mut().zip(&mut early)) {
        let expected: BTreeMap<_, _> = expected.iter().map(|n| (ids[*n], 1)).collect();
        reader.read(queue);
        assert_eq!(reader.pending, expected, "live: {filter:?}");
        let mut late = Reader::default();
        late.read(&mut open(&world, filter.clone()));
        assert_eq!(late.pending, expected, "snapshot: {filter:?}");
        assert_eq!(late.snapshots, [expected.len() as u64]);
    }
    for id in &ids {
        world.vote(1, *id, Choice::Reject).await;
    }
    for ((_, expected), (reader, queue)) in filters.iter().zip(readers.iter_mut().zip(&mut early)) {
        reader.read(queue);
        assert!(reader.pending.is_empty());
        assert_eq!(reader.removed.len(), expected.len());
    }
}

#[tokio::test]
async fn a_busy_queue_ends_at_its_greatest_age_too() {
    let world = World::new();
    let (mut queue, mut reader) = (open(&world, Filter::default()), Reader::default());
    reader.read(&mut queue);
    assert!(poll(queue.next()).is_none());
    world.clock.advance(STREAM_AGE);
    world.ask(json!({})).await;
    assert_eq!(queue.next().await, Err(Error::StreamAged));
}

/// The cost of an ineligible reviewer's list: the number of approvals that the store reads per call. Paging ends.
#[tokio::test]
async fn a_reviewer_who_is_asked_nothing_costs_little_and_comes_to_the_end() {
    const OTHERS: usize = 1_200;
    let world = World::new();
    for _ in 0..OTHERS {
        world.ask(json!({"reviewers": "group:finance"})).await;
    }
    let mine = world.ask(json!({"reviewers": "group:staff"})).await;
    let staff = member(1, &["staff"]);
    let (mut after, mut found, mut calls) = (None, Vec::new(), 0);
    loop {
        let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after, limit: 1_000 };
        let before = world.store.read.load(std::sync::atomic::Ordering::Relaxed);
        let page = world.approvals.list(&staff, Method::ListPending, query, false).await.unwrap();
        let read = world.store.read.load(std::sync::atomic::Ordering::Relaxed) - before;
        assert!(read <= 500, "one call read {read} approvals");
        found.extend(page.approvals.iter().map(|approval| approval.id));
        calls += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, calls), (vec![mine], 3));

    // Small pages end when they are full, and nothing between them is lost.
    let finance = member(2, &["finance"]);
    let (mut after, mut seen) = (None, BTreeMap::new());
    loop {
        let query = Query { filter: Filter::pending(), order: Order::OldestFirst, after, limit: 7 };
        let page = world.approvals.list(&finance, Method::ListPending, query, false).await.unwrap();
        assert!(page.approvals.len() == 7 || page.next.is_none());
        for approval in &page.approvals {
            assert!(seen.insert(approval.id, ()).is_none(), "listed twice");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), OTHERS);
}
