//! Deadlines, and forgetting approvals.

use super::*;

fn due(ids: impl IntoIterator<Item = ApprovalId>, next: Option<i64>) -> Due {
    Due { ids: ids.into_iter().collect(), next: next.map(at) }
}

/// Three approvals that are due at 310, 305 and 320, in this order of ids.
async fn three(store: &dyn Store) -> [ApprovalId; 3] {
    let ids = [id(0, 1), id(0, 2), id(0, 3)];
    for (id, seconds) in ids.into_iter().zip([10, 5, 20]) {
        let n = id.uuid().as_u64_pair().1 & 0xff;
        store.submit(Submission { id, now: at(seconds), ..submission(0, n) }).await.unwrap();
    }
    ids
}

pub async fn what_is_due_comes_longest_overdue_first(mut subject: impl Subject) {
    let [first, second, third] = three(&**subject.store()).await;
    subject.reopen().await;
    let store = subject.store();
    let just_before = at(305) - chrono::TimeDelta::microseconds(1);
    assert_eq!(store.due(just_before, 10).await.unwrap(), due([], Some(305)));
    assert_eq!(store.due(at(305), 10).await.unwrap(), due([second], Some(310)));
    assert_eq!(store.due(at(400), 10).await.unwrap(), due([second, first, third], None));

    store.transition(second, Command::Tick, at(305)).await.unwrap();
    assert_eq!(store.due(at(400), 10).await.unwrap(), due([first, third], None));
    store.transition(first, cancel(), at(306)).await.unwrap();
    assert_eq!(store.due(at(306), 10).await.unwrap(), due([], Some(320)));
    store.transition(third, Command::Tick, at(306)).await.unwrap();
    assert_eq!(store.due(at(306), 10).await.unwrap(), due([], Some(320)), "nothing expires early");
    store.transition(third, approve(1), at(306)).await.unwrap();
    assert_eq!(store.due(at(400), 10).await.unwrap(), due([], None));
}

pub async fn an_edit_moves_the_deadline(mut subject: impl Subject) {
    subject.store().submit(submission(0, 1)).await.unwrap();
    let short = Requirement::any(2).within(Some(Duration::from_secs(30)));
    let edited = arguments(&serde_json::json!({"to": "bob"}));
    let command = edit(1, 1, edited, verdict(Effect::RequireApproval(short)));
    subject.store().transition(id(0, 1), command, at(10)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(subject.store().due(at(39), 10).await.unwrap(), due([], Some(40)));
        assert_eq!(subject.store().due(at(300), 10).await.unwrap(), due([id(0, 1)], None));
        subject.reopen().await;
    }
}

pub async fn pruning_takes_the_oldest_decisions(mut subject: impl Subject) {
    for (n, decided) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        subject.store().submit(submission(0, n)).await.unwrap();
        subject.store().transition(id(0, n), reject(1), at(decided)).await.unwrap();
    }
    subject.store().submit(submission(0, 5)).await.unwrap();
    let remaining = async |store: &dyn Store| {
        let page = store.list(oldest_first(Filter::default())).await.unwrap();
        page.approvals.iter().map(|approval| approval.id.uuid().as_u64_pair().1 & 0xff).collect::<Vec<_>>()
    };
    for (before, limit, pruned, left) in [
        (10, 10, 0, vec![1, 2, 3, 4, 5]),
        (11, 10, 1, vec![1, 3, 4, 5]),
        (1_000, 0, 0, vec![1, 3, 4, 5]),
        (1_000, 1, 1, vec![1, 4, 5]),
        (31, 10, 1, vec![4, 5]),
        (1_000, 10, 1, vec![5]),
        (1_000, 10, 0, vec![5]),
    ] {
        assert_eq!(subject.store().prune(at(before), at(before), limit).await.unwrap(), pruned);
        assert_eq!(remaining(&**subject.store()).await, left);
        subject.reopen().await;
        assert_eq!(remaining(&**subject.store()).await, left);
    }
}

pub async fn pruning_forgets_everything(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = subject.store();
        for n in [2, 4, 5, 6, 8, 9] {
            let gone = id(n, n.unsigned_abs());
            assert_eq!(store.get(gone).await.unwrap_err(), StoreError::NotFound);
            assert_eq!(store.transition(gone, cancel(), at(1)).await.unwrap_err(), StoreError::NotFound);
            assert_eq!(store.events(gone, 0, Revision::MAX).await.unwrap(), []);
        }
        for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
            let filter = Filter { statuses: vec![status], ..Filter::default() };
            assert!(store.list(oldest_first(filter)).await.unwrap().approvals.is_empty());
        }
        assert_eq!(store.export(None, 100).await.unwrap().len(), 3);
        assert_eq!(store.pending(), 3);
    }
}

/// When a `request_id` that was forgotten at `at(1_000)` expires.
const OVER: i64 = 1_000 + 8 * 86_400;

pub async fn a_forgotten_request_id_is_remembered_for_eight_days(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let first = subject.store().get(id(2, 2)).await.unwrap();
    let asked = with(submission(2, 2), |request| *request = Request::clone(&first.request));
    let (caller, request_id) = (asked.request.caller.clone(), asked.request.request_id.clone());
    assert!(!subject.store().submit(asked.clone()).await.unwrap().created);
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
    let again = |now: i64| Submission { id: id(now, 50), now: at(now), ..asked.clone() };
    let other = |now: i64| with(again(now), |request| request.reason = "another".into());
    let refused = StoreError::Refused(Refusal::RequestForgotten { request_id: request_id.clone(), until: at(OVER) });
    for _ in 0..2 {
        let store = subject.store();
        for now in [1_000, OVER - 1] {
            assert_eq!(store.submit(again(now)).await.unwrap_err(), refused, "the same");
            assert_eq!(store.submit(other(now)).await.unwrap_err(), refused, "another");
            assert_eq!(store.find(&caller, &request_id, at(now)).await, Err(refused.clone()));
        }
        // Another caller's equal key is a separate one, and pruning again changes nothing.
        assert_eq!(store.find(&reviewer(1), &request_id, at(1_000)).await, Ok(None));
        assert_eq!(store.prune(at(OVER - 1), at(OVER - 1), 100).await.unwrap(), 0);
        subject.reopen().await;
    }
    let store = subject.store();
    assert_eq!(store.find(&caller, &request_id, at(OVER)).await, Ok(None));
    assert_eq!(store.export_forgotten(None, 100).await.unwrap().len(), 6);
    let made = store.submit(other(OVER)).await.unwrap();
    assert!(made.created);
    assert_eq!(store.export_forgotten(None, 100).await.unwrap().len(), 5, "used again");
    // The next pass removes the others, and the new approval stays.
    store.prune(at(1_000), at(OVER), 2).await.unwrap();
    store.prune(at(1_000), at(OVER), 9).await.unwrap();
    subject.reopen().await;
    let store = subject.store();
    assert_eq!(store.export_forgotten(None, 100).await.unwrap(), []);
    assert_eq!(store.find(&caller, &request_id, at(OVER)).await, Ok(Some(made.approval.id)));
    assert!(!store.submit(other(OVER)).await.unwrap().created);
}

pub async fn forgotten_request_ids_move_with_an_export(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    let histories = subject.store().export(None, 100).await.unwrap();
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
    let all = subject.store().export_forgotten(None, 100).await.unwrap();
    assert!(all.len() == 6 && all.is_sorted() && all.iter().all(|one| one.at == at(1_000)));
    let mut pages: Vec<Forgotten> = Vec::new();
    loop {
        let page = subject.store().export_forgotten(pages.last().cloned(), 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    assert_eq!(pages, all);

    let copy = MemoryStore::default();
    for (store, new) in [(&**subject.store(), 0), (&copy as &dyn Store, 6)] {
        assert_eq!(store.import_forgotten(all.clone()).await, Ok(new));
        assert_eq!(store.import_forgotten(all.clone()).await, Ok(0));
        assert_eq!(store.export_forgotten(None, 100).await.unwrap(), all);
        // An older export does not restore a forgotten approval.
        store.import(histories.clone()).await.unwrap();
        assert_eq!(store.export(None, 100).await.unwrap().len(), 3);
    }
    // A later time of forgetting extends it; a key that is in use is not forgotten.
    let later = Forgotten { at: at(2_000), ..all[0].clone() };
    let earlier = Forgotten { at: at(500), ..all[1].clone() };
    let used = histories.iter().find(|history| history.id == id(1, 1)).unwrap();
    let EventKind::Requested { request, .. } = &used.events[0].kind else { unreachable!() };
    let Actor { issuer, subject: caller, .. } = request.caller.clone();
    let used = Forgotten { at: at(2_000), issuer, subject: caller, request_id: request.request_id.clone() };
    assert_eq!(subject.store().import_forgotten(vec![later.clone(), earlier, used]).await, Ok(1));
    subject.reopen().await;
    let mut expected = [&all[1..], std::slice::from_ref(&later)].concat();
    expected.sort_unstable();
    assert_eq!(subject.store().export_forgotten(None, 100).await.unwrap(), expected);

    for (bad, fault) in
        [("x".repeat(1_025), "a name is longer than 1024 bytes"), ("a\0b".into(), "a name contains a NUL")]
    {
        let wrong = Forgotten { request_id: bad.clone(), ..later.clone() };
        let new = Forgotten { request_id: "new".into(), ..later.clone() };
        let refused = subject.store().import_forgotten(vec![new, wrong]).await;
        assert_eq!(refused, Err(StoreError::BadForgotten(bad, fault)));
    }
    assert_eq!(subject.store().export_forgotten(None, 100).await.unwrap(), expected);
}

pub async fn a_full_answer_still_names_the_next_deadline(subject: impl Subject) {
    let store = subject.store();
    let [first, second, _] = three(&**store).await;
    assert_eq!(store.due(at(310), 0).await.unwrap(), due([], Some(320)));
    assert_eq!(store.due(at(310), 1).await.unwrap(), due([second], Some(320)));
    assert_eq!(store.due(at(310), 2).await.unwrap(), due([second, first], Some(320)));
    assert_eq!(store.due(at(320), 2).await.unwrap(), due([second, first], None));
}

pub async fn the_newest_time_covers_what_was_forgotten(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    // The newest event, of an approval that expired at 306, is forgotten.
    assert_eq!(subject.store().prune(at(1_000), at(1_000), 100).await.unwrap(), 6);
    subject.reopen().await;
    assert!(subject.store().newest_time() >= Some(at(306)));
    subject.store().put_policy(policies::policy(2_000, "a")).await.unwrap();
    subject.reopen().await;
    assert!(subject.store().newest_time() >= Some(at(2_000)));
    subject.store().submit(submission(1_500, 50)).await.unwrap();
    subject.reopen().await;
    assert!(subject.store().newest_time() >= Some(at(2_000)), "the newest time does not go backwards");
}

/// Requests of one tool have the same schema. How a store deduplicates it must not be visible.
pub async fn a_schema_stays_as_long_as_an_approval_has_it(mut subject: impl Subject) {
    let text = format!("{{\"title\":\"{}\"}}", "x".repeat(16 * 1024 - 12));
    let typed = |n: u64| with(submission(n.cast_signed(), n), |request| request.schema = Some(text.as_str().into()));
    let other = with(submission(4, 4), |request| request.schema = Some("true".into()));
    for new in [typed(1), typed(2), typed(3), other] {
        subject.store().submit(new).await.unwrap();
    }
    let all = subject.store().export(None, 9).await.unwrap();
    let ids = async |store: &dyn Store| -> Vec<ApprovalId> {
        store.export(None, 9).await.unwrap().iter().map(|history| history.id).collect()
    };
    for gone in [1_u64, 3, 2] {
        let seconds = 10 * gone.cast_signed();
        subject.store().transition(id(gone.cast_signed(), gone), reject(1), at(seconds)).await.unwrap();
        assert_eq!(subject.store().prune(at(100), at(100), 9).await, Ok(1));
        for reopened in [false, true] {
            if reopened {
                subject.reopen().await;
            }
            let (approvals, histories, ..) = everything(&**subject.store()).await;
            assert_eq!(approvals.len(), histories.len());
            for (approval, history) in approvals.iter().zip(&histories) {
                assert!(all.contains(history), "the history is unchanged");
                assert_eq!(Approval::replay(approval.id, &history.events).as_ref(), Ok(approval));
                let schema = if approval.id == id(4, 4) { "true" } else { &text };
                assert_eq!(approval.request.schema.as_deref(), Some(schema));
            }
        }
    }
    assert_eq!(ids(&**subject.store()).await, [id(4, 4)]);
    // A new request, or an import, stores it again.
    subject.store().submit(typed(5)).await.unwrap();
    let copy = MemoryStore::default();
    copy.submit(typed(6)).await.unwrap();
    subject.store().import(copy.export(None, 9).await.unwrap()).await.unwrap();
    subject.reopen().await;
    assert_eq!(ids(&**subject.store()).await, [id(4, 4), id(5, 5), id(6, 6)]);
    assert_eq!(subject.store().get(id(6, 6)).await.unwrap().request.schema.as_deref(), Some(&*text));
}
