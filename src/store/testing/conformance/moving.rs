//! Export and import.

use super::*;

async fn filled() -> (Arc<dyn Store>, Vec<History>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    fill(&*store).await;
    let histories = store.export(None, usize::MAX).await.unwrap();
    (store, histories)
}

pub async fn an_export_makes_an_equal_store<S: Subject>(mut subject: S) {
    fill(&**subject.store()).await;
    let before = everything(&**subject.store()).await;
    // As JSON, like in an export file.
    let lines: Vec<String> = before.1.iter().map(|history| serde_json::to_string(history).unwrap()).collect();
    let read = || lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<History>>();
    let mut copy = S::create(outbox::routes()).await;
    assert_eq!(copy.store().import(read()).await.unwrap(), 9);
    for reopened in [false, true] {
        if reopened {
            copy.reopen().await;
            subject.reopen().await;
        }
        assert_eq!(everything(&**copy.store()).await, before);
        assert_eq!(everything(&**subject.store()).await, before);
        let approval = &before.0[0];
        for filter in [
            Filter::pending(),
            Filter { statuses: vec![Status::Approved, Status::Cancelled], ..Filter::default() },
            Filter { tool_name: Some(approval.request.tool_name.clone()), ..Filter::default() },
            Filter { agent_name: Some(approval.request.agent.name.clone()), ..Filter::default() },
            Filter { caller: Some(approval.request.caller.to_string()), ..Filter::default() },
            Filter { labels: approval.request.labels.clone(), ..Filter::default() },
        ] {
            let list = async |store: &dyn Store| store.list(oldest_first(filter.clone())).await.unwrap().approvals;
            assert_eq!(list(&**copy.store()).await, list(&**subject.store()).await, "{filter:?}");
            assert!(!list(&**copy.store()).await.is_empty());
        }
    }
    // The copy continues like the original: idempotency keys, limits, claims, retention.
    let again = with(submission(1, 1), |request| *request = Request::clone(&before.0[0].request));
    assert!(!copy.store().submit(again).await.unwrap().created);
    let full = Submission { pending_limit: 3, ..submission(60, 60) };
    let refused = StoreError::Refused(Refusal::TooManyPending { limit: 3 });
    assert_eq!(copy.store().submit(full).await.unwrap_err(), refused);
    let claiming = keyed(claim(99, before.0[7].digest), "k2");
    let taken = Refusal::AlreadyClaimed(Box::new(before.0[7].claim.clone().unwrap()));
    let refused = copy.store().transition(id(8, 8), claiming, at(30)).await.unwrap_err();
    assert_eq!(refused, taken.into(), "it has run, as the report says");
    assert_eq!(copy.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
}

pub async fn exports_come_in_pages(subject: impl Subject) {
    let store = subject.store();
    fill(&**store).await;
    let whole = store.export(None, 100).await.unwrap();
    assert_eq!(whole.len(), 9);
    for limit in 1..=10 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.export(after, limit).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            assert!(page.len() <= limit);
            found.extend(page);
        }
        assert_eq!(found, whole);
    }
    assert_eq!(store.export(None, 0).await.unwrap(), []);
}

pub async fn importing_twice_changes_nothing(mut subject: impl Subject) {
    let (_, histories) = filled().await;
    let twice = [&histories[..], &histories[..3]].concat();
    assert_eq!(subject.store().import(twice).await.unwrap(), 9);
    let before = everything(&**subject.store()).await;
    assert_eq!(subject.store().import(histories).await.unwrap(), 0);
    subject.reopen().await;
    assert_eq!(everything(&**subject.store()).await, before);
    assert_eq!(subject.store().import(Vec::new()).await.unwrap(), 0);
}

pub async fn conflicts_import_nothing(mut subject: impl Subject) {
    let (other, histories) = filled().await;
    subject.store().import(histories[..3].to_vec()).await.unwrap();
    let before = everything(&**subject.store()).await;
    // The same id with more events, and with fewer.
    other.transition(id(1, 1), reject(1), at(30)).await.unwrap();
    let longer = other.export(None, 1).await.unwrap().remove(0);
    let shorter = History { id: histories[1].id, events: histories[1].events[..1].to_vec() };
    // Another id with the same caller's request_id: stored, or in the same import.
    let same_key = History { id: id(70, 70), ..histories[0].clone() };
    let pair = [histories[6].clone(), History { id: id(70, 71), ..histories[6].clone() }];
    for (bad, conflict) in [
        (vec![longer], id(1, 1)),
        (vec![shorter], id(2, 2)),
        (vec![same_key], id(70, 70)),
        (pair.to_vec(), id(70, 71)),
        (vec![histories[6].clone(), History { id: id(7, 7), ..histories[7].clone() }], id(7, 7)),
    ] {
        let import = [&histories[3..6], &bad[..]].concat();
        assert_eq!(subject.store().import(import).await.unwrap_err(), StoreError::Conflict(conflict));
        assert_eq!(everything(&**subject.store()).await, before);
    }
    subject.reopen().await;
    assert_eq!(everything(&**subject.store()).await, before);
    assert_eq!(subject.store().import(histories).await.unwrap(), 6);
}

pub async fn impossible_histories_import_nothing(mut subject: impl Subject) {
    let (_, histories) = filled().await;
    let approved = &histories[1]; // requested, approved
    let edited = &histories[2].events; // requested, voted, edited, voted
    let claimed = &histories[7].events; // auto-approved, claimed, reported
    let changed = |event: &Event, change: &dyn Fn(&mut Event)| {
        let mut event = event.clone();
        change(&mut event);
        event
    };
    let status = |new| {
        move |event: &mut Event| {
            if let EventKind::Decided { status, .. } = &mut event.kind {
                *status = new;
            }
        }
    };
    let [asked, decision] = &approved.events[..] else { panic!("two events") };
    let again = changed(decision, &|event| event.revision = 3);
    let late = changed(decision, &|event| event.at = at(302));
    let early = changed(decision, &|event| event.at = at(1));
    let gap = changed(decision, &|event| event.revision = 4);
    let forged = changed(asked, &|event| {
        if let EventKind::Requested { arguments, .. } = &mut event.kind {
            *arguments = samples::arguments(&serde_json::json!({"to": "eve"}));
        }
    });
    let wrong_edit = changed(&edited[2], &|event| {
        if let EventKind::Edited { digest, .. } = &mut event.kind {
            *digest = Digest::of("other", &samples::arguments(&serde_json::json!({})));
        }
    });
    let later_deadline = changed(&edited[2], &|event| {
        if let EventKind::Edited { deadline, .. } = &mut event.kind {
            *deadline = at(100_000);
        }
    });
    let claim_by_thief = changed(&claimed[1], &|event| event.actor = reviewer(1));
    let late_claim = changed(&claimed[1], &|event| event.at = at(308));
    let revoked = |event: &Event| changed(event, &|event| event.kind = EventKind::Revoked { reason: "r".into() });
    let late_revocation = changed(&revoked(&claimed[1]), &|event| event.at = at(308));
    let after_claim = changed(&revoked(&claimed[2]), &|event| event.receipt = None);
    let claim_after = changed(&claimed[1], &|event| event.revision = 3);
    let own_decision = changed(decision, &|event| event.actor = agent());
    let impossible = |revision| ReplayError::Impossible(revision);
    for (name, events, error) in [
        ("nothing", vec![], ReplayError::NotARequest),
        ("no request", vec![decision.clone()], ReplayError::NotARequest),
        ("forged arguments", vec![forged], ReplayError::NotARequest),
        ("asked twice", vec![asked.clone(), changed(asked, &|event| event.revision = 2)], impossible(2)),
        ("two decisions", vec![asked.clone(), decision.clone(), again], impossible(3)),
        ("approved at the deadline", vec![asked.clone(), late], impossible(2)),
        ("time runs back", vec![asked.clone(), early], ReplayError::OutOfOrder { last: 1, found: 2 }),
        ("a gap", vec![asked.clone(), gap], ReplayError::OutOfOrder { last: 1, found: 4 }),
        ("undecided", vec![asked.clone(), changed(decision, &status(Status::Pending))], impossible(2)),
        ("late policy", vec![asked.clone(), changed(decision, &status(Status::AutoApproved))], impossible(2)),
        ("timed out early", vec![asked.clone(), changed(decision, &status(Status::TimedOut))], impossible(2)),
        ("cancelled by another", vec![asked.clone(), changed(decision, &status(Status::Cancelled))], impossible(2)),
        ("decided by the requester", vec![asked.clone(), own_decision], impossible(2)),
        ("no quorum", vec![edited[0].clone(), changed(decision, &|event| event.at = at(20))], impossible(2)),
        ("an edit's digest", vec![edited[0].clone(), edited[1].clone(), wrong_edit], impossible(3)),
        ("an edit's deadline", vec![edited[0].clone(), edited[1].clone(), later_deadline], impossible(3)),
        ("claimed unapproved", vec![asked.clone(), claimed[1].clone()], impossible(2)),
        ("claimed by another", vec![claimed[0].clone(), claim_by_thief], impossible(2)),
        ("revoked unapproved", vec![asked.clone(), revoked(&claimed[1])], impossible(2)),
        ("revoked too late", vec![claimed[0].clone(), late_revocation], impossible(2)),
        ("revoked after the claim", vec![claimed[0].clone(), claimed[1].clone(), after_claim], impossible(3)),
        ("claimed after the revocation", vec![claimed[0].clone(), revoked(&claimed[1]), claim_after], impossible(3)),
        ("claimed too late", vec![claimed[0].clone(), late_claim], impossible(2)),
        (
            "reported unclaimed",
            vec![claimed[0].clone(), changed(&claimed[2], &|event| event.revision = 2)],
            impossible(2),
        ),
    ] {
        let bad = History { id: approved.id, events };
        let import = vec![histories[0].clone(), bad, histories[3].clone()];
        let refused = StoreError::BadHistory(approved.id, error);
        assert_eq!(subject.store().import(import).await, Err(refused), "{name}");
        assert_eq!(subject.store().export(None, 10).await.unwrap(), [], "{name}");
    }
    subject.reopen().await;
    assert_eq!(everything(&**subject.store()).await, (Vec::new(), Vec::new(), Due::default(), 0));
    assert_eq!(subject.store().import(histories).await.unwrap(), 9);
}
