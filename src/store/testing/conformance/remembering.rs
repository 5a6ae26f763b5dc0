//! Remembered rejections.

use super::*;

/// A verdict that requires one person, and remembers a rejection for this many seconds.
fn remembering(seconds: u64) -> Arc<Verdict> {
    let remember_rejection = Some(Duration::from_secs(seconds));
    verdict(Effect::RequireApproval(Requirement { remember_rejection, ..Requirement::any(1) }))
}

/// A request for the same call in the same run, under a policy that remembers a rejection for 60 s.
pub(in crate::store) fn asking(seconds: i64, n: u64) -> Submission {
    Submission { verdict: remembering(60), ..submission(seconds, n) }
}

async fn submit(store: &dyn Store, new: Submission) -> Arc<Approval> {
    let made = store.submit(new).await.unwrap();
    assert!(made.created);
    made.approval
}

fn rejecting(comment: &str) -> Command {
    let deciding = decide(reviewer(1), Choice::Reject, Seen::Revision(1));
    Command::Decide(Deciding { comment: comment.into(), ..deciding })
}

/// The id of the approval whose rejection was remembered.
pub(in crate::store) fn remembered_id(approval: &Arc<Approval>) -> Option<ApprovalId> {
    approval.verdict.remembered_rejection.as_ref().map(|remembered| remembered.approval_id)
}

pub async fn a_rejection_answers_the_same_call_in_the_same_run(mut subject: impl Subject) {
    submit(&**subject.store(), asking(0, 1)).await;
    let pending = submit(&**subject.store(), asking(1, 2)).await;
    assert_eq!(pending.status, Status::Pending, "there is no rejection yet");
    let rejected = subject.store().transition(id(0, 1), rejecting("Not today."), at(10)).await.unwrap().approval;
    assert_eq!(
        subject.store().get(id(1, 2)).await.unwrap(),
        pending,
        "a request that was already pending stays pending"
    );
    let mut n = 2;
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = &**subject.store();
        for now in [9, 10, 69] {
            n += 1;
            // Even if the policy would now approve it, and the caller is at its limit of pending approvals.
            let new = Submission { verdict: verdict(Effect::AutoApprove), pending_limit: 0, ..asking(now, n) };
            let answer = submit(store, new.clone()).await;
            let expected = rejected.remembered_for(&new.request, &new.verdict, new.now).unwrap();
            assert_eq!((answer.status, &*answer.verdict), (Status::AutoRejected, &expected));
            assert_eq!(
                (answer.decision.as_ref().unwrap().comment.as_str(), remembered_id(&answer)),
                ("Not today.", Some(id(0, 1)))
            );
            assert_eq!(store.get(answer.id).await.unwrap(), answer);
            let events = store.events(answer.id, 0, Revision::MAX).await.unwrap();
            assert_eq!(Approval::replay(answer.id, &events).as_ref(), Ok(&*answer));
            let again = store.submit(new).await.unwrap();
            assert_eq!((again.approval, again.created), (answer, false));
        }
        let others: [fn(&mut Request); 4] = [
            |request| request.agent.run_id = "run-2".into(),
            |request| request.agent.run_id.clear(),
            |request| request.caller.subject = "another".into(),
            |request| request.tool_name = "other".into(),
        ];
        for change in others {
            n += 1;
            assert_eq!(submit(store, with(asking(20, n), change)).await.status, Status::Pending);
        }
        n += 1;
        let eve = Submission { arguments: arguments(&serde_json::json!({"to": "eve"})), ..asking(20, n) };
        assert_eq!(submit(store, with(eve, |_| {})).await.status, Status::Pending);
        n += 1;
        assert_eq!(submit(store, asking(70, n)).await.status, Status::Pending, "the rejection has expired");
    }
}

pub async fn a_policy_that_rejects_by_itself_says_so(subject: impl Subject) {
    let store = &**subject.store();
    submit(store, asking(0, 1)).await;
    store.transition(id(0, 1), rejecting("no"), at(10)).await.unwrap();
    let answer = submit(store, Submission { verdict: verdict(Effect::AutoReject), ..asking(20, 2) }).await;
    assert_eq!(
        (answer.status, remembered_id(&answer), answer.verdict.rule.as_str()),
        (Status::AutoRejected, None, "rule")
    );
}

pub async fn nothing_but_a_rejection_is_remembered(subject: impl Subject) {
    let store = &**subject.store();
    for (n, (command, seconds)) in (1..).zip([(approve(1), 10), (cancel(), 10), (Command::Tick, 300)]) {
        submit(store, asking(0, n)).await;
        store.transition(id(0, n), command, at(seconds)).await.unwrap();
    }
    submit(store, submission(0, 4)).await;
    store.transition(id(0, 4), reject(1), at(10)).await.unwrap(); // by a policy that does not remember
    assert_eq!(submit(store, asking(11, 5)).await.status, Status::Pending);
    // A repetition does not extend the time of a remembered rejection.
    store.transition(id(11, 5), rejecting("no"), at(20)).await.unwrap();
    assert_eq!(remembered_id(&submit(store, asking(79, 6)).await), Some(id(11, 5)));
    assert_eq!(submit(store, asking(80, 7)).await.status, Status::Pending);
}

pub async fn of_several_rejections_the_one_that_lasts_longest_answers(mut subject: impl Subject) {
    for (n, seconds) in [(1, 30), (2, 90), (3, 60)] {
        submit(&**subject.store(), Submission { verdict: remembering(seconds), ..asking(0, n) }).await;
    }
    for n in 1..=3 {
        subject.store().transition(id(0, n), rejecting("no"), at(n.cast_signed())).await.unwrap();
    }
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let n = 10 + u64::from(reopened);
        assert_eq!(remembered_id(&submit(&**subject.store(), asking(20, n)).await), Some(id(0, 2)));
    }
    // It is forgotten with its approval; then the next rejection counts.
    assert_eq!(subject.store().prune(at(3), at(21), 10).await.unwrap(), 2);
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let n = 12 + u64::from(reopened);
        assert_eq!(remembered_id(&submit(&**subject.store(), asking(22, n)).await), Some(id(0, 3)));
    }
    assert_eq!(subject.store().prune(at(4), at(23), 10).await.unwrap(), 1);
    assert_eq!(submit(&**subject.store(), asking(24, 14)).await.status, Status::Pending);
}

pub async fn remembered_rejections_move_with_an_export(subject: impl Subject) {
    let store = &**subject.store();
    submit(store, asking(0, 1)).await;
    store.transition(id(0, 1), rejecting("no"), at(10)).await.unwrap();
    submit(store, asking(11, 2)).await;
    let histories = store.export(None, 10).await.unwrap();
    let written = serde_json::to_string(&histories).unwrap();
    let read = serde_json::from_str(&written).unwrap();
    let other = MemoryStore::default();
    assert_eq!(other.import(read).await, Ok(2));
    assert_eq!(everything(&other).await, everything(store).await);
    let other = MemoryStore::default();
    submit(&other, asking(5, 7)).await;
    other.transition(id(5, 7), rejecting("theirs"), at(30)).await.unwrap();
    store.import(other.export(None, 10).await.unwrap()).await.unwrap();
    assert_eq!(remembered_id(&submit(store, asking(80, 3)).await), Some(id(5, 7)));
    assert_eq!(submit(store, asking(90, 4)).await.status, Status::Pending);
}

/// Requests concurrent with the rejection: none is approved, and none after it becomes pending.
pub async fn calls_around_the_rejection_are_asked_or_answered(subject: impl Subject) {
    for round in 0..20 {
        let store = Arc::clone(subject.store());
        let in_round = move |n| {
            let new = Submission { verdict: remembering(60), ..submission(round, 100 * round.unsigned_abs() + n) };
            with(new, |request| request.agent.run_id = format!("run-{round}"))
        };
        let asked = submit(&*store, in_round(1)).await;
        let callers: Vec<_> = (2..10)
            .map(|n| {
                let (store, new) = (Arc::clone(&store), in_round(n));
                tokio::spawn(async move { store.submit(new).await.unwrap().approval })
            })
            .collect();
        store.transition(asked.id, rejecting("no"), at(round)).await.unwrap();
        let after = submit(&*store, in_round(50)).await;
        assert_eq!((after.status, remembered_id(&after)), (Status::AutoRejected, Some(asked.id)));
        for caller in callers {
            let approval = caller.await.unwrap();
            let expected = if remembered_id(&approval).is_some() { Status::AutoRejected } else { Status::Pending };
            assert_eq!(approval.status, expected);
        }
    }
}
