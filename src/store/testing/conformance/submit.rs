//! New requests.

use super::*;

pub async fn a_request_is_recorded(mut subject: impl Subject) {
    let new = submission(0, 1);
    let made = subject.store().submit(new.clone()).await.unwrap();
    assert!(made.created);
    let (expected, event) = request(new.id, new.request, new.arguments, new.verdict, new.now).unwrap();
    assert_eq!(*made.approval, expected);
    subject.reopen().await;
    let store = subject.store();
    assert_eq!(*store.get(new.id).await.unwrap(), expected);
    assert_eq!(store.events(new.id, 0, Revision::MAX).await.unwrap(), [event]);
    assert_eq!(store.pending(), 1);
}

pub async fn a_repeated_submit_finds_the_first(mut subject: impl Subject) {
    let first = subject.store().submit(submission(0, 1)).await.unwrap().approval;
    let again = || Submission { id: id(5, 99), now: at(5), verdict: quorum(2), ..submission(0, 1) };
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let found = subject.store().submit(again()).await.unwrap();
        assert!(!found.created);
        assert_eq!(found.approval, first);
    }
    let decided = subject.store().transition(first.id, approve(1), at(1)).await.unwrap().approval;
    let found = subject.store().submit(again()).await.unwrap();
    assert_eq!((found.approval, found.created), (decided, false));
    assert_eq!(subject.store().get(id(5, 99)).await.unwrap_err(), StoreError::NotFound);
}

pub async fn a_request_is_found_by_its_request_id(subject: impl Subject) {
    let store = subject.store();
    let first = store.submit(submission(0, 1)).await.unwrap().approval;
    let (caller, request_id) = (&first.request.caller, &first.request.request_id);
    assert_eq!(store.find(caller, request_id, at(0)).await, Ok(Some(first.id)));
    assert_eq!(store.find(caller, "another", at(0)).await, Ok(None));
    assert_eq!(store.find(&reviewer(1), request_id, at(0)).await, Ok(None));
}

pub async fn a_request_id_belongs_to_one_request(mut subject: impl Subject) {
    subject.store().submit(submission(0, 1)).await.unwrap();
    let other = || Submission { id: id(0, 2), ..submission(0, 1) };
    let others = [
        (with(other(), |request| request.tool_name = "other".into()), RepeatedField::ToolName),
        (
            with(Submission { arguments: arguments(&serde_json::json!({"to": "eve"})), ..other() }, |_| {}),
            RepeatedField::Arguments,
        ),
        (with(other(), |request| request.on_behalf_of = Some(reviewer(1))), RepeatedField::OnBehalfOf),
    ];
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        for (other, field) in others.clone() {
            let refused = Refusal::RequestIdReused { request_id: "r1".into(), approval: id(0, 1), field: Some(field) };
            assert_eq!(subject.store().submit(other).await.unwrap_err(), refused.into());
        }
    }
    // Another caller has separate keys, even if the concatenated names are equal.
    let other = with(Submission { id: id(0, 2), ..submission(0, 1) }, |request| {
        request.caller = actor(ActorKind::Agent, "agent2");
    });
    assert!(subject.store().submit(other).await.unwrap().created);
}

/// A caller that runs again may describe the same call differently. It must still find its approval.
pub async fn what_else_a_repetition_says_is_the_first_ones(mut subject: impl Subject) {
    let first = subject.store().submit(submission(0, 1)).await.unwrap().approval;
    let changes: [fn(&mut Request); 8] = [
        |request| request.reason = "other".into(),
        |request| request.timeout = Duration::from_secs(301),
        |request| request.agent.run_id = "run-2".into(),
        |request| request.agent.chain = Vec::new(),
        |request| request.labels.clear(),
        |request| request.cancel_on_disconnect = true,
        |request| request.schema = Some("{}".into()),
        |request| request.caller.kind = ActorKind::Service,
    ];
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        for change in changes {
            let again = Submission { id: id(0, 2), verdict: verdict(Effect::AutoApprove), ..submission(0, 1) };
            let found = subject.store().submit(with(again, change)).await.unwrap();
            assert_eq!((&found.approval, found.created), (&first, false));
        }
    }
    // The requested arguments count, not the edited ones.
    let edited = edit(1, 1, arguments(&serde_json::json!({"to": "bob"})), quorum(2));
    let edited = subject.store().transition(first.id, edited, at(1)).await.unwrap().approval;
    let found = subject.store().submit(submission(0, 1)).await.unwrap();
    assert_eq!((&found.approval, found.created), (&edited, false));
    assert_eq!(subject.store().get(id(0, 2)).await.unwrap_err(), StoreError::NotFound);
}

pub async fn the_pending_limit_is_per_caller(mut subject: impl Subject) {
    let limited = |n| Submission { pending_limit: 2, ..submission(0, n) };
    for n in 1..=2 {
        subject.store().submit(limited(n)).await.unwrap();
    }
    let refused = StoreError::Refused(Refusal::TooManyPending { limit: 2 });
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = subject.store();
        assert_eq!(store.submit(limited(3)).await.unwrap_err(), refused);
        assert!(!store.submit(limited(2)).await.unwrap().created, "a repetition does not count towards the limit");
        assert_eq!(store.get(id(0, 3)).await.unwrap_err(), StoreError::NotFound);
    }
    let store = subject.store();
    let other = |n| with(limited(n), |request| request.caller = actor(ActorKind::Agent, "other"));
    assert!(store.submit(other(3)).await.unwrap().created, "other callers have their own limits");
    let decided = Submission { verdict: verdict(Effect::AutoReject), ..limited(4) };
    assert!(
        store.submit(decided).await.unwrap().created,
        "an approval that the policy decides does not count towards the limit"
    );
}

pub async fn a_decision_frees_the_callers_limit(mut subject: impl Subject) {
    let limited = |n| Submission { pending_limit: 1, ..submission(0, n) };
    for (n, (command, now)) in
        (1..).zip([(approve(1), 1), (reject(1), 2), (cancel(), 3), (Command::Tick, 300), (approve(1), 300)])
    {
        subject.store().submit(limited(n)).await.unwrap();
        assert!(subject.store().submit(limited(n + 1)).await.is_err());
        let _ = subject.store().transition(id(0, n), command, at(now)).await; // the last one is late: that frees too
        assert_eq!(subject.store().pending(), 0);
        subject.reopen().await;
        assert_eq!(subject.store().pending(), 0);
    }
    assert!(subject.store().submit(limited(7)).await.unwrap().created);
}

pub async fn the_policy_can_decide_at_once(mut subject: impl Subject) {
    let effects = [(Effect::AutoApprove, Status::AutoApproved), (Effect::AutoReject, Status::AutoRejected)];
    for (n, (effect, status)) in (1..).zip(effects) {
        let made = subject.store().submit(Submission { verdict: verdict(effect), ..submission(0, n) }).await.unwrap();
        assert_eq!(made.approval.status, status);
        let refusal = subject.store().transition(id(0, n), cancel(), at(1)).await.unwrap_err();
        let decision = made.approval.decision.clone().unwrap();
        assert_eq!(refusal, StoreError::Refused(Refusal::AlreadyDecided(Box::new(decision))));
    }
    assert_eq!(subject.store().pending(), 0);
    assert_eq!(subject.store().due(at(1_000), 10).await.unwrap(), Due::default());
    let before = everything(&**subject.store()).await;
    subject.reopen().await;
    assert_eq!(everything(&**subject.store()).await, before);
}

pub async fn a_request_that_contradicts_its_digest_is_refused(subject: impl Subject) {
    let wrong = Submission { arguments: arguments(&serde_json::json!({"to": "eve"})), ..submission(0, 1) };
    let refused = StoreError::BadHistory(id(0, 1), ReplayError::NotARequest);
    assert_eq!(subject.store().submit(wrong).await.unwrap_err(), refused);
    assert_eq!(subject.store().pending(), 0);
    assert!(subject.store().submit(submission(0, 1)).await.unwrap().created, "its request_id is still free");
}
