//! Versions of the policy.

use super::*;

/// A policy that one person sets at `at(seconds)`, without an expected version.
pub(in crate::store) fn policy(seconds: i64, document: &str) -> NewPolicy {
    let (author, comment) = (reviewer(1), format!("about {document}"));
    NewPolicy { document: document.into(), author, comment, request_id: None, expected: None, now: at(seconds) }
}

/// Everything that a store returns about its policy.
pub(super) async fn policies(store: &dyn Store) -> Vec<PolicyVersion> {
    let versions = store.export_policies(0, usize::MAX).await.unwrap();
    let mut heads = store.policies(None, usize::MAX).await.unwrap();
    heads.reverse();
    assert!(heads.iter().eq(versions.iter().map(|version| &version.head)));
    for (number, version) in (1..).zip(&versions) {
        assert_eq!(version.head.version, number);
        assert_eq!(store.policy(Some(number)).await.unwrap().as_deref(), Some(version));
    }
    assert_eq!(store.policy(None).await.unwrap().as_deref(), versions.last());
    for unknown in [0, versions.len() as u64 + 1, u64::MAX] {
        assert_eq!(store.policy(Some(unknown)).await, Ok(None));
    }
    versions
}

pub async fn versions_count_up(mut subject: impl Subject) {
    assert_eq!(policies(&**subject.store()).await, []);
    let mut expected = Vec::new();
    for (number, seconds) in (1..=300).zip([5, 7, 7, 6, -1].into_iter().cycle()) {
        // Some need further pieces: the keys of version 1's pieces are similar to those of versions from 257 on.
        let comment = if number % 90 == 1 { "x".repeat(20_000) } else { format!("{number}") };
        let new = NewPolicy { comment, ..policy(seconds, &format!("{number}")) };
        let made = subject.store().put_policy(new.clone()).await.unwrap();
        let time = if number == 1 { at(5) } else { at(7) };
        let head = PolicyHead { version: number, author: new.author, comment: new.comment, at: time };
        assert_eq!(*made, PolicyVersion { head, request_id: None, expected: None, document: new.document });
        expected.push(PolicyVersion::clone(&made));
    }
    assert_eq!(policies(&**subject.store()).await, expected);
    subject.reopen().await;
    assert_eq!(policies(&**subject.store()).await, expected);
    assert_eq!(subject.store().put_policy(policy(0, "")).await.unwrap().head.version, 301);
}

pub async fn a_version_replaces_the_one_that_its_author_expected(mut subject: impl Subject) {
    let expecting = |expected| NewPolicy { expected: Some(expected), ..policy(0, &format!("{expected}")) };
    let changed = |version| Err(StoreError::PolicyChanged { version });
    for newest in 0..3 {
        for reopened in [false, true] {
            if reopened {
                subject.reopen().await;
            }
            for other in (0..5).filter(|other| *other != newest).chain([u64::MAX]) {
                assert_eq!(subject.store().put_policy(expecting(other)).await, changed(newest));
            }
        }
        assert_eq!(subject.store().put_policy(expecting(newest)).await.unwrap().head.version, newest + 1);
    }
    assert_eq!(policies(&**subject.store()).await.len(), 3);
}

pub async fn repeating_a_policy_finds_its_first_version(mut subject: impl Subject) {
    let keyed = |expected| NewPolicy { request_id: Some("k".into()), expected, ..policy(0, "a") };
    let first = subject.store().put_policy(keyed(Some(0))).await.unwrap();
    let mut others = 0;
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        for _ in 0..2 {
            let mut again = NewPolicy { now: at(99), ..keyed(Some(0)) };
            again.author.kind = ActorKind::Service; // what a credential says of the same person
            assert_eq!(subject.store().put_policy(again).await.unwrap(), first);
            others += 1;
            subject.store().put_policy(policy(1, &format!("{others}"))).await.unwrap();
        }
    }
    assert_eq!(policies(&**subject.store()).await.len(), 5);
    assert_eq!(policies(&**subject.store()).await[0], *first);
}

pub async fn a_policys_request_id_belongs_to_one_version(mut subject: impl Subject) {
    let keyed = || NewPolicy { request_id: Some("k".into()), expected: Some(1), ..policy(0, "a") };
    subject.store().put_policy(policy(0, "first")).await.unwrap();
    subject.store().put_policy(keyed()).await.unwrap();
    let reused = |field| StoreError::PolicyRequestIdReused { request_id: "k".into(), version: 2, field };
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        for (other, field) in [
            (NewPolicy { document: "b".into(), comment: "other".into(), ..keyed() }, "policy"),
            (NewPolicy { comment: "other".into(), ..keyed() }, "comment"),
            (NewPolicy { expected: Some(2), ..keyed() }, "expected_version"),
            (NewPolicy { expected: None, ..keyed() }, "expected_version"),
        ] {
            assert_eq!(subject.store().put_policy(other).await, Err(reused(field)));
        }
    }
    // Another author has separate keys, even if the concatenated names are equal.
    let any = || NewPolicy { expected: None, ..keyed() };
    let named = |issuer: &str, subject: &str| Actor { issuer: issuer.into(), subject: subject.into(), ..reviewer(1) };
    for (version, author) in
        (3..).zip([reviewer(2), named("a", "b/c"), named("a/b", "c"), named("other", "reviewer-1")])
    {
        let other = NewPolicy { author, document: format!("{version}").into(), ..any() };
        assert_eq!(subject.store().put_policy(other).await.unwrap().head.version, version);
    }
    let (author, request_id) = (actor(ActorKind::Person, "reviewer-1k"), Some(String::new()));
    assert_eq!(subject.store().put_policy(NewPolicy { author, request_id, ..any() }).await.unwrap().head.version, 7);
}

/// Everything that a store returns about calls that made no version.
async fn unchanged(store: &dyn Store) -> Vec<UnchangedPolicy> {
    store.export_unchanged_policies(None, usize::MAX).await.unwrap()
}

pub async fn what_is_set_already_makes_no_version(mut subject: impl Subject) {
    let by = |n, key: &str, expected, document: &str| {
        let request_id = (!key.is_empty()).then(|| key.to_owned());
        NewPolicy { author: reviewer(n), request_id, expected, ..policy(9, document) }
    };
    let first = subject.store().put_policy(by(1, "k", Some(0), "a")).await.unwrap();
    // By any author, with and without a key, and with any comment.
    let again = NewPolicy { comment: "other".into(), ..by(2, "", None, "a") };
    assert_eq!(subject.store().put_policy(again).await.unwrap(), first);
    assert_eq!(unchanged(&**subject.store()).await, []);
    let changed = subject.store().put_policy(by(2, "k", Some(0), "a")).await;
    assert_eq!(changed, Err(StoreError::PolicyChanged { version: 1 }), "it expects another version");
    for (n, key, expected) in [(2, "k", Some(1)), (1, "late", None)] {
        assert_eq!(subject.store().put_policy(by(n, key, expected, "a")).await.unwrap(), first);
    }
    assert_eq!(policies(&**subject.store()).await.len(), 1);
    assert_eq!(unchanged(&**subject.store()).await.len(), 2);

    // Their repetitions find it whatever is set later, and do not set it again.
    let newer = subject.store().put_policy(policy(9, "b")).await.unwrap();
    assert_eq!(newer.head.version, 2);
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = subject.store();
        assert_eq!(store.put_policy(by(2, "k", Some(1), "a")).await.unwrap(), first);
        assert_eq!(store.put_policy(by(1, "late", None, "a")).await.unwrap(), first);
        assert_eq!(store.policy(None).await.unwrap().as_ref(), Some(&newer));
        let reused = |field| Err(StoreError::PolicyRequestIdReused { request_id: "late".into(), version: 1, field });
        assert_eq!(store.put_policy(by(1, "late", None, "b")).await, reused("policy"));
        assert_eq!(store.put_policy(by(1, "late", Some(1), "a")).await, reused("expected_version"));
        let other = NewPolicy { comment: "other".into(), ..by(1, "late", None, "a") };
        assert_eq!(store.put_policy(other).await, reused("comment"));
    }
    // Set again, with another key, it makes a new version.
    assert_eq!(subject.store().put_policy(by(1, "new", None, "a")).await.unwrap().head.version, 3);
    let long = NewPolicy { request_id: Some("x".repeat(NAME_MAX + 1)), ..policy(9, "a") };
    let bad = StoreError::BadPolicy(3, PolicyFault::BadName);
    assert_eq!(subject.store().put_policy(long).await, Err(bad));
}

pub async fn calls_that_set_nothing_move_with_an_export(mut subject: impl Subject) {
    let from = MemoryStore::default();
    for (n, key, document) in [(1, "a", "1"), (1, "b", "1"), (2, "b", "1"), (1, "c", "2"), (2, "c", "2")] {
        let new = NewPolicy { author: reviewer(n), request_id: Some(key.into()), ..policy(0, document) };
        from.put_policy(new).await.unwrap();
    }
    let (versions, calls) = (policies(&from).await, unchanged(&from).await);
    assert_eq!((versions.len(), calls.len()), (2, 3));
    let missing = StoreError::BadPolicy(1, PolicyFault::Missing);
    assert_eq!(subject.store().import_unchanged_policies(calls.clone()).await, Err(missing));
    subject.store().import_policies(versions).await.unwrap();
    let mut wrong = calls.clone();
    wrong[2].version = 9;
    let missing = StoreError::BadPolicy(9, PolicyFault::Missing);
    assert_eq!(subject.store().import_unchanged_policies(wrong).await, Err(missing));
    assert_eq!(unchanged(&**subject.store()).await, [], "all or none");
    for new in [3, 0] {
        assert_eq!(subject.store().import_unchanged_policies(calls.clone()).await, Ok(new));
        subject.reopen().await;
        assert_eq!(unchanged(&**subject.store()).await, calls);
    }
    let store = subject.store();
    for (after, limit) in [(None, 2), (Some(calls[0].clone()), 9), (Some(calls[2].clone()), 9)] {
        let from = after.as_ref().map_or(0, |after| 1 + calls.iter().position(|call| call == after).unwrap());
        let expected: Vec<_> = calls[from..].iter().take(limit).cloned().collect();
        assert_eq!(store.export_unchanged_policies(after, limit).await, Ok(expected));
    }
    let conflict = Err(StoreError::PolicyConflict(1));
    let other = UnchangedPolicy { expected: Some(1), ..calls[0].clone() };
    assert_eq!(store.import_unchanged_policies(vec![other]).await, conflict);
    let taken = UnchangedPolicy { request_id: "a".into(), author: reviewer(1), ..calls[0].clone() };
    assert_eq!(store.import_unchanged_policies(vec![taken]).await, conflict, "it made a version");
    // The copy answers as the original does.
    let late = NewPolicy { author: reviewer(2), request_id: Some("b".into()), ..policy(5, "1") };
    assert_eq!(store.put_policy(late.clone()).await, from.put_policy(late).await);
    assert_eq!(policies(&**store).await.len(), 2);
}

pub async fn one_of_those_who_expect_the_same_version_wins(subject: impl Subject) {
    let store = subject.store();
    for newest in 0..20 {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let new =
                    NewPolicy { author: reviewer(n), expected: Some(newest), ..policy(0, &format!("{newest}-{n}")) };
                let store = Arc::clone(store);
                tokio::spawn(async move { store.put_policy(new).await })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(version) => won.push(version),
                Err(lost) => assert_eq!(lost, StoreError::PolicyChanged { version: newest + 1 }),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(store.policy(None).await.unwrap().as_ref(), won.first());
    }
    assert_eq!(policies(&**store).await.len(), 20);
}

pub async fn versions_are_listed_in_pages(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=7 {
        store.put_policy(policy(n, &n.to_string())).await.unwrap();
    }
    let numbers = |heads: Vec<PolicyHead>| heads.iter().map(|head| head.version).collect::<Vec<_>>();
    for limit in 1..=8 {
        let (mut heads, mut before) = (Vec::new(), None);
        let (mut exported, mut after) = (Vec::new(), 0);
        loop {
            let (page, export) =
                (store.policies(before, limit).await.unwrap(), store.export_policies(after, limit).await.unwrap());
            assert_eq!(page.len(), export.len());
            let (Some(last), Some(newest)) = (page.last(), export.last()) else { break };
            assert!(page.len() <= limit);
            (before, after) = (Some(last.version), newest.head.version);
            heads.extend(page);
            exported.extend(export);
        }
        assert_eq!(numbers(heads), [7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(exported, policies(&**store).await);
    }
    assert_eq!(numbers(store.policies(Some(u64::MAX), 2).await.unwrap()), [7, 6]);
    for (before, limit) in [(Some(0), 9), (Some(1), 9), (None, 0)] {
        assert_eq!(store.policies(before, limit).await, Ok(Vec::new()));
    }
    assert_eq!(store.export_policies(u64::MAX, 9).await, Ok(Vec::new()));
    assert_eq!(store.export_policies(0, 0).await, Ok(Vec::new()));
}

pub async fn the_longest_policies_survive_a_reopen(mut subject: impl Subject) {
    let longest = |n: u32| NewPolicy {
        comment: "💥".repeat(4_096),
        request_id: Some(format!("{n:0>128}")),
        expected: Some(n.into()),
        ..policy(0, &format!("{n}{}", "x".repeat(DOCUMENT_MAX - 1)))
    };
    for n in 0..3 {
        subject.store().put_policy(longest(n)).await.unwrap();
    }
    let before = policies(&**subject.store()).await;
    assert_eq!(before[2].document.len(), DOCUMENT_MAX);
    subject.reopen().await;
    assert!(policies(&**subject.store()).await == before);
    assert_eq!(subject.store().put_policy(longest(1)).await.unwrap().head.version, 2);
    let name = || "x".repeat(NAME_MAX + 1);
    for (new, fault) in [
        (policy(0, &"x".repeat(DOCUMENT_MAX + 1)), PolicyFault::DocumentTooLong),
        (NewPolicy { request_id: Some(name()), ..policy(0, "") }, PolicyFault::BadName),
        (NewPolicy { author: actor(ActorKind::Person, &name()), ..policy(0, "") }, PolicyFault::BadName),
        (NewPolicy { request_id: Some("a\0b".into()), ..policy(0, "") }, PolicyFault::BadName),
    ] {
        assert_eq!(subject.store().put_policy(new).await, Err(StoreError::BadPolicy(4, fault)));
    }
    assert_eq!(subject.store().policies(None, 9).await.unwrap().len(), 3);
}

pub async fn policies_and_approvals_do_not_disturb_each_other(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let approvals = everything(&**subject.store()).await;
    let due = subject.store().due(at(0), 10).await.unwrap();
    assert_ne!(due.next, None);
    for n in 0..40 {
        let keyed = NewPolicy { request_id: Some(format!("r{n}")), author: agent(), ..policy(0, &n.to_string()) };
        subject.store().put_policy(keyed).await.unwrap();
    }
    let versions = policies(&**subject.store()).await;
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = subject.store();
        assert_eq!(everything(&**store).await, approvals);
        assert_eq!(store.due(at(0), 10).await.unwrap(), due);
        assert_eq!(store.find(&agent(), "r20", at(0)).await, Ok(None));
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let query = Query { order, ..oldest_first(Filter::pending()) };
            assert_eq!(store.list(query).await.unwrap().approvals.len(), 3);
        }
    }
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
    assert_eq!(policies(&**subject.store()).await, versions);
}

async fn exported() -> Vec<PolicyVersion> {
    let store = MemoryStore::default();
    for n in 0..4_i64 {
        let request_id = (n % 2 == 0).then(|| format!("k{n}"));
        let expected = (n > 1).then_some(n.unsigned_abs());
        store.put_policy(NewPolicy { request_id, expected, ..policy(n, &format!("{{\"n\":{n}}}")) }).await.unwrap();
    }
    policies(&store).await
}

pub async fn exported_policies_make_an_equal_store(mut subject: impl Subject) {
    let versions = exported().await;
    // As JSON, like in an export file.
    let lines: Vec<String> = versions.iter().map(|version| serde_json::to_string(version).unwrap()).collect();
    let read = || lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<PolicyVersion>>();
    assert_eq!(subject.store().import_policies(read()[..2].to_vec()).await, Ok(2));
    let twice = [read(), read()].concat();
    assert_eq!(subject.store().import_policies(twice).await, Ok(2));
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        assert_eq!(policies(&**subject.store()).await, versions);
        assert_eq!(subject.store().import_policies(read()).await, Ok(0));
        assert_eq!(subject.store().import_policies(Vec::new()).await, Ok(0));
    }
    // The copy continues like the original.
    let again = |document| NewPolicy { request_id: Some("k2".into()), expected: Some(2), ..policy(9, document) };
    assert_eq!(*subject.store().put_policy(again("{\"n\":2}")).await.unwrap(), versions[2]);
    let reused = StoreError::PolicyRequestIdReused { request_id: "k2".into(), version: 3, field: "policy" };
    assert_eq!(subject.store().put_policy(again("other")).await, Err(reused));
    let next = NewPolicy { expected: Some(4), ..policy(0, "next") };
    assert_eq!(subject.store().put_policy(next).await.unwrap().head.at, at(3));
}

pub async fn wrong_policies_import_nothing(mut subject: impl Subject) {
    let versions = exported().await;
    subject.store().import_policies(versions[..2].to_vec()).await.unwrap();
    let changed = |n: usize, change: &dyn Fn(&mut PolicyVersion)| {
        let mut version = versions[n].clone();
        change(&mut version);
        version
    };
    let conflict = StoreError::PolicyConflict;
    let fault = StoreError::BadPolicy;
    let gap = |version, newest| fault(version, PolicyFault::OutOfOrder { newest });
    for (name, bad, refused) in [
        ("another document", changed(1, &|version| version.document = "b".into()), conflict(2)),
        ("another author", changed(1, &|version| version.head.author = agent()), conflict(2)),
        ("another key", changed(0, &|version| version.request_id = None), conflict(1)),
        ("other than in this import", changed(2, &|version| version.head.comment = "b".into()), conflict(3)),
        ("a stored key", changed(3, &|version| version.request_id = Some("k0".into())), conflict(4)),
        ("a key of this import", changed(3, &|version| version.request_id = Some("k2".into())), conflict(4)),
        ("a gap", changed(3, &|version| version.head.version = 5), gap(5, 3)),
        ("no version", changed(3, &|version| version.head.version = 0), gap(0, 3)),
        ("the last version", changed(3, &|version| version.head.version = u64::MAX), gap(u64::MAX, 3)),
        ("time runs back", changed(3, &|version| version.head.at = at(1)), gap(4, 3)),
        ("expects another", changed(3, &|version| version.expected = Some(2)), fault(4, PolicyFault::Unexpected)),
        (
            "a long key",
            changed(3, &|version| version.request_id = Some("x".repeat(1_025))),
            fault(4, PolicyFault::BadName),
        ),
    ] {
        let import = vec![versions[2].clone(), bad];
        assert_eq!(subject.store().import_policies(import).await, Err(refused), "{name}");
        assert_eq!(policies(&**subject.store()).await, versions[..2], "{name}");
    }
    subject.reopen().await;
    assert_eq!(policies(&**subject.store()).await, versions[..2]);
    assert_eq!(subject.store().import_policies(versions.clone()).await, Ok(2));
    assert_eq!(policies(&**subject.store()).await, versions);
}
