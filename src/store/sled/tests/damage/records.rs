//! Damage to single pages and records fails only the commands that need them.

use super::*;

/// Pages that are only in the snapshot are read on demand.
#[tokio::test]
async fn a_damaged_page_fails_only_the_commands_that_need_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=100 {
        store.submit(submission(0, n)).await.unwrap();
    }
    for n in 0..2 {
        store.put_policy(policy(0, &n.to_string().repeat(DOCUMENT_MAX))).await.unwrap(); // the tail is elsewhere
    }
    close(store).await;
    close(open(&directory).unwrap()).await;
    let whole = Whole { directory, histories: Vec::new() };
    let mut damaged = 0;
    for place in (0..256 << 10).step_by(3_989) {
        let copy = whole.copy();
        flip(&copy.path().join("sled/db"), place, 3);
        let Ok(store) = open(&copy) else { continue };
        for n in 1..=100 {
            match store.transition(id(0, n), Command::Tick, at(1)).await {
                Ok(unchanged) => assert_eq!(unchanged.revision, 1),
                Err(StoreError::Corrupt(_)) => damaged += 1,
                Err(other) => panic!("byte {place}: {other}"),
            }
        }
        assert_eq!(*store.health().borrow(), Health::Working, "byte {place}");
        close(store).await;
    }
    assert!(damaged > 10, "{damaged} commands met damage");
}

/// Removes or changes records, and checks what a reader gets.
#[tokio::test]
async fn damaged_records_give_errors() {
    let whole = Whole::new(false).await;
    let (one, two) = (id(1, 1), id(2, 2));
    let damaged = |error: StoreError| assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    let change = |key: &[u8], value: Option<&[u8]>| {
        let copy = whole.copy();
        tamper(copy.path(), |db| match value {
            Some(value) => drop(db.insert(key, value).unwrap()),
            None => drop(db.remove(key).unwrap()),
        });
        (open(&copy).unwrap(), copy)
    };
    let (store, _copy) = change(&keys::head(one), None);
    damaged(store.get(one).await.unwrap_err());
    damaged(store.events(one, 0, 9).await.unwrap_err());
    damaged(store.find(&agent(), "r1", at(0)).await.unwrap_err());
    damaged(store.submit(submission(1, 1)).await.unwrap_err());
    // A list reports it, and shows all others.
    let all = Query { limit: 50, ..oldest_first(crate::store::Filter::default()) };
    let pending = Query { limit: 50, ..listing(Status::Pending) };
    let page = store.list(pending).await.unwrap();
    let listed = |page: &Page| page.approvals.iter().map(|approval| approval.id).collect::<Vec<_>>();
    let others: Vec<_> = whole.pending().into_iter().filter(|id| *id != one).collect();
    assert!(!others.is_empty());
    assert_eq!((listed(&page), &page.unreadable), (others, &vec![one]));
    assert_eq!(store.get(two).await.unwrap().revision, 2, "other approvals are readable");
    assert_eq!(store.get(id(0, 99)).await.unwrap_err(), StoreError::NotFound);

    let (store, _copy) = change(&keys::event(two, 2), None);
    damaged(store.events(two, 0, 9).await.unwrap_err());
    damaged(store.events(two, 1, 9).await.unwrap_err());
    damaged(store.export(None, 99).await.unwrap_err());
    assert_eq!(
        store.list(all.clone()).await.unwrap().unreadable,
        [] as [ApprovalId; 0],
        "the records that a list needs are intact"
    );
    let (store, _copy) = change(&keys::event(two, 1), None);
    damaged(store.get(two).await.unwrap_err());
    assert_eq!(store.list(all.clone()).await.unwrap().unreadable, [two]);
    damaged(store.transition(two, reject(1), at(21)).await.unwrap_err());
    assert_eq!(*store.health().borrow(), Health::Working);

    // An intact record of another approval, and of another revision.
    let source = open(&whole.copy()).unwrap();
    let foreign = source.pages.get(keys::head(two)).unwrap().unwrap();
    let other = source.pages.get(keys::event(two, 1)).unwrap().unwrap();
    drop(source);
    let (store, _copy) = change(&keys::head(one), Some(&foreign));
    damaged(store.get(one).await.unwrap_err());
    let (store, _copy) = change(&keys::event(two, 2), Some(&other));
    damaged(store.events(two, 0, 9).await.unwrap_err());

    // An intact event that does not follow the one before it.
    let key = keys::event(two, 2);
    let payload = [&[7; 32][..], &rmp_serde::to_vec_named(&whole.histories[1].events[1]).unwrap()].concat();
    let (store, _copy) = change(&key, Some(&frame::seal(&key, &payload)));
    damaged(store.events(two, 0, 9).await.unwrap_err());
    damaged(store.events(two, 1, 9).await.unwrap_err());

    // Unknown fields and newer formats.
    let key = keys::event(two, 1);
    let mut event = rmp_serde::to_vec_named(&whole.histories[1].events[0]).unwrap();
    assert_eq!(event[0] & 0xf0, 0x80, "a small map");
    event[0] += 1;
    event.extend(rmp_serde::to_vec(&("restriction", true)).unwrap().split_off(1));
    let payload = [&[0; 32][..], &event].concat();
    let (store, _copy) = change(&key, Some(&frame::seal(&key, &payload)));
    assert!(matches!(store.get(two).await.unwrap_err(), StoreError::Newer(_)));
    let mut newer = foreign.to_vec();
    newer[0] = 2;
    let (store, _copy) = change(&keys::head(two), Some(&newer));
    assert!(matches!(store.get(two).await.unwrap_err(), StoreError::Newer(_)));
    assert_eq!(store.list(all).await.unwrap().unreadable, [two]);
    let refused = store.transition(two, claim(1, whole_digest(&whole)), at(21)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer(_)));
    let key = keys::request_id(&agent(), "r1");
    let (store, _copy) = change(&key, Some(&frame::seal(&key, &[3; 17])));
    assert!(matches!(store.submit(submission(1, 1)).await.unwrap_err(), StoreError::Newer(_)));
}

/// A list returns each approval once over all pages, including unreadable ones.
#[tokio::test]
async fn unreadable_approvals_are_listed_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for n in 1..=5 {
        store.submit(submission(0, n)).await.unwrap();
    }
    close(store).await;
    tamper(directory.path(), |db| drop(db.remove(keys::event(id(0, 3), 1)).unwrap()));
    let store = open(&directory).unwrap();
    for (order, limit) in [(Order::OldestFirst, 1), (Order::OldestFirst, 2), (Order::NewestFirst, 2)] {
        let (mut listed, mut unreadable, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let page = store.list(Query { limit, order, after, ..listing(Status::Pending) }).await.unwrap();
            listed.extend(page.approvals.iter().map(|approval| approval.id));
            unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        listed.sort();
        assert_eq!(listed, [1, 2, 4, 5].map(|n| id(0, n)));
        assert_eq!(unreadable, [id(0, 3)], "{order:?} by {limit}");
    }
}

fn whole_digest(whole: &Whole) -> crate::domain::Digest {
    Approval::replay(whole.histories[1].id, &whole.histories[1].events).unwrap().digest
}

fn listing(status: Status) -> Query {
    let filter = crate::store::Filter { statuses: vec![status], ..crate::store::Filter::default() };
    oldest_first(filter)
}

/// A check finds all damage, and no fault in an intact store.
#[tokio::test]
async fn a_check_compares_all_records() {
    let whole = Whole::new(true).await;
    let findings = |change: &dyn Fn(&sled::Db)| {
        let copy = whole.copy();
        tamper(copy.path(), change);
        let mark = watermark::Mark::read(&copy.path().join("WATERMARK")).unwrap().unwrap();
        let directory = Directory::open(copy.path()).unwrap();
        let db = open::open_sled(&directory, &directory.sled()).unwrap();
        verify::verify(&TreeReader::new(sled::Tree::clone(&db)), Some(&mark))
    };
    let sound = findings(&|_| {});
    assert_eq!(sound.faults, []);
    assert_eq!((sound.approvals, sound.policies, sound.tokens), (13, 1, 0));
    assert!(sound.groups > 13 && sound.events > 13);
    let source = open(&whole.copy()).unwrap();
    let all: Vec<_> = source.pages.tree().iter().map(Result::unwrap).collect();
    drop(source);
    // Removing any key is detected, and so is changing any value.
    for (key, value) in &all {
        let removed = findings(&|db| drop(db.remove(key).unwrap()));
        assert!(!removed.faults.is_empty(), "{} can be removed", frame::shown(key));
        if !value.is_empty() {
            let mut changed = value.to_vec();
            *changed.last_mut().unwrap() ^= 1;
            let changed = findings(&|db| drop(db.insert(key, &changed[..]).unwrap()));
            assert!(!changed.faults.is_empty(), "{} can be changed", frame::shown(key));
        }
    }
    let key = Field::Tool("stranger").key(id(1, 1));
    assert!(!findings(&|db| drop(db.insert(&key[..], &[]).unwrap())).faults.is_empty());
    let key = keys::deadline(at(1), id(0, 77));
    assert!(!findings(&|db| drop(db.insert(&key[..], &[]).unwrap())).faults.is_empty());
}
