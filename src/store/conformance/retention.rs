//! Deadlines that pass, and approvals that are forgotten.

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

pub(super) async fn what_is_due_comes_longest_overdue_first(mut subject: impl Subject) {
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

pub(super) async fn an_edit_moves_the_deadline(mut subject: impl Subject) {
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

pub(super) async fn pruning_takes_the_oldest_decisions(mut subject: impl Subject) {
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
        assert_eq!(subject.store().prune(at(before), limit).await.unwrap(), pruned);
        assert_eq!(remaining(&**subject.store()).await, left);
        subject.reopen().await;
        assert_eq!(remaining(&**subject.store()).await, left);
    }
}

pub(super) async fn pruning_forgets_everything(mut subject: impl Subject) {
    fill(&**subject.store()).await;
    assert_eq!(subject.store().prune(at(1_000), 100).await.unwrap(), 6);
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
    // Its request_id is free for another request.
    let new = with(Submission { id: id(50, 2), ..submission(50, 2) }, |request| request.reason = "again".into());
    assert!(subject.store().submit(new).await.unwrap().created);
}

pub(super) async fn a_full_answer_still_names_the_next_deadline(subject: impl Subject) {
    let store = subject.store();
    let [first, second, _] = three(&**store).await;
    assert_eq!(store.due(at(310), 0).await.unwrap(), due([], Some(320)));
    assert_eq!(store.due(at(310), 1).await.unwrap(), due([second], Some(320)));
    assert_eq!(store.due(at(310), 2).await.unwrap(), due([second, first], Some(320)));
    assert_eq!(store.due(at(320), 2).await.unwrap(), due([second, first], None));
}
