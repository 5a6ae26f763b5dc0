//! Commands, and their events.

use super::*;

pub async fn every_command_shows_in_the_approval(mut subject: impl Subject) {
    let new = Submission { verdict: quorum(2), ..submission(0, 1) };
    let mut expected = Approval::clone(&subject.store().submit(new).await.unwrap().approval);
    let mut events = subject.store().events(expected.id, 0, 1).await.unwrap();
    let edited = arguments(&serde_json::json!({"to": "bob@company.com"}));
    let digest = Digest::of("send_email", &edited);
    for (seconds, command) in (1..).zip([
        keyed(approve(1), "k1"),
        edit(2, 2, edited, quorum(2)),
        Command::Decide(decide(reviewer(3), Choice::Approve, Seen::Digest(digest))),
        keyed(claim(1, digest), "k2"),
        report(1),
    ]) {
        let step = step(&expected, &command, at(seconds));
        assert!(step.outcome.is_ok());
        let done = subject.store().transition(expected.id, command, at(seconds)).await.unwrap();
        assert_eq!((&*done.approval, Ok(done.revision)), (&step.approval, step.outcome));
        expected = step.approval;
        events.extend(step.events);
        for reopened in [false, true] {
            if reopened {
                subject.reopen().await;
            }
            assert_eq!(*subject.store().get(expected.id).await.unwrap(), expected);
            assert_eq!(subject.store().events(expected.id, 0, Revision::MAX).await.unwrap(), events);
        }
    }
    assert_eq!(expected.revision, 7);
}

pub async fn repetitions_give_the_first_result(mut subject: impl Subject) {
    let new = Submission { verdict: quorum(2), ..submission(0, 1) };
    subject.store().submit(new).await.unwrap();
    let first = keyed(approve(1), "k1");
    assert_eq!(subject.store().transition(id(0, 1), first.clone(), at(1)).await.unwrap().revision, 2);
    let decided = subject.store().transition(id(0, 1), approve(2), at(2)).await.unwrap();
    assert_eq!(decided.revision, 3);
    subject.reopen().await;
    let again = subject.store().transition(id(0, 1), first, at(1_000)).await.unwrap();
    assert_eq!(again.revision, 2, "the revision of the first result");
    assert_eq!(again.approval, decided.approval, "with the approval as it is now");

    let other = keyed(reject(1), "k1");
    let refused = Refusal::RequestIdReused { request_id: "k1".into(), approval: id(0, 1), field: None };
    assert_eq!(subject.store().transition(id(0, 1), other, at(3)).await.unwrap_err(), refused.into());
    assert_eq!(subject.store().events(id(0, 1), 3, Revision::MAX).await.unwrap(), []);

    // A claim is granted again while its reply may have been lost, but not after its outcome is known.
    let claiming = keyed(claim(1, decided.approval.digest), "k2");
    assert_eq!(subject.store().transition(id(0, 1), claiming.clone(), at(4)).await.unwrap().revision, 4);
    subject.reopen().await;
    assert_eq!(subject.store().transition(id(0, 1), claiming.clone(), at(5)).await.unwrap().revision, 4);
    let reported = subject.store().transition(id(0, 1), report(1), at(6)).await.unwrap().approval;
    subject.reopen().await;
    let taken = Refusal::AlreadyClaimed(Box::new(reported.claim.clone().unwrap()));
    assert_eq!(subject.store().transition(id(0, 1), claiming, at(7)).await.unwrap_err(), taken.into());
    assert_eq!(subject.store().events(id(0, 1), 5, Revision::MAX).await.unwrap(), []);
}

pub async fn a_revoked_call_is_never_claimed(mut subject: impl Subject) {
    subject.store().submit(submission(0, 1)).await.unwrap();
    let approved = subject.store().transition(id(0, 1), approve(1), at(1)).await.unwrap().approval;
    let revoking = keyed(revoke(reviewer(7)), "k");
    let revoked = subject.store().transition(id(0, 1), revoking.clone(), at(2)).await.unwrap();
    let revocation = Revocation { actor: reviewer(7), at: at(2), reason: "wrong customer".into() };
    assert_eq!((revoked.revision, revoked.approval.status), (3, Status::Approved));
    assert_eq!(revoked.approval.revocation.as_ref(), Some(&revocation));
    for _ in 0..2 {
        let store = subject.store();
        assert_eq!(store.get(id(0, 1)).await.unwrap(), revoked.approval);
        let refused = store.transition(id(0, 1), claim(1, approved.digest), at(3)).await.unwrap_err();
        assert_eq!(refused, Refusal::Revoked(Box::new(revocation.clone())).into());
        assert_eq!(store.transition(id(0, 1), revoking.clone(), at(9)).await.unwrap().revision, 3);
        let events = store.events(id(0, 1), 0, Revision::MAX).await.unwrap();
        assert_eq!(Approval::replay(id(0, 1), &events).as_ref(), Ok(&*revoked.approval));
        subject.reopen().await;
    }
    let copy = MemoryStore::default();
    copy.import(subject.store().export(None, 9).await.unwrap()).await.unwrap();
    assert_eq!(copy.get(id(0, 1)).await.unwrap(), revoked.approval);
}

pub async fn refusals_name_the_winner(mut subject: impl Subject) {
    subject.store().submit(submission(0, 1)).await.unwrap();
    let winner = subject.store().transition(id(0, 1), approve(1), at(1)).await.unwrap().approval;
    let claimed = subject.store().transition(id(0, 1), claim(1, winner.digest), at(2)).await.unwrap().approval;
    subject.reopen().await;
    let decided = Refusal::AlreadyDecided(Box::new(winner.decision.clone().unwrap()));
    let taken = Refusal::AlreadyClaimed(Box::new(claimed.claim.clone().unwrap()));
    for (command, refusal) in [
        (approve(2), decided.clone()),
        (reject(2), decided.clone()),
        (approve(1), decided.clone()),
        (cancel(), decided),
        (claim(2, winner.digest), taken),
        (report(9), Refusal::NotClaimed),
    ] {
        let refused = subject.store().transition(id(0, 1), command, at(3)).await.unwrap_err();
        assert_eq!(refused, StoreError::Refused(refusal));
    }
    assert_eq!(subject.store().get(id(0, 1)).await.unwrap(), claimed);
}

pub async fn a_late_decision_fires_the_deadline(mut subject: impl Subject) {
    for (n, command) in (1..).zip([approve(1), reject(1), cancel(), claim(1, submission(0, 1).request.digest)]) {
        subject.store().submit(submission(0, n)).await.unwrap();
        let refused = subject.store().transition(id(0, n), command, at(300)).await.unwrap_err();
        subject.reopen().await;
        let approval = subject.store().get(id(0, n)).await.unwrap();
        assert_eq!((approval.status, approval.revision), (Status::TimedOut, 2));
        let decision = approval.decision.clone().unwrap();
        assert_eq!(decision.actor, Actor::deadline());
        let expected =
            if n == 4 { Refusal::NotApproved(Status::TimedOut) } else { Refusal::AlreadyDecided(Box::new(decision)) };
        assert_eq!(refused, StoreError::Refused(expected));
        assert_eq!(subject.store().events(id(0, n), 1, 2).await.unwrap().len(), 1);
    }
    assert_eq!(subject.store().pending(), 0);
}

pub async fn what_is_unknown_is_not_found(subject: impl Subject) {
    let store = subject.store();
    store.submit(submission(0, 2)).await.unwrap();
    for unknown in [id(0, 1), id(0, 3), ApprovalId::new(uuid::Uuid::nil()), ApprovalId::new(uuid::Uuid::max())] {
        assert_eq!(store.get(unknown).await.unwrap_err(), StoreError::NotFound);
        assert_eq!(store.transition(unknown, cancel(), at(1)).await.unwrap_err(), StoreError::NotFound);
        assert_eq!(store.events(unknown, 0, Revision::MAX).await.unwrap(), []);
    }
}

pub async fn events_come_in_ranges(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=3 {
        store.submit(Submission { verdict: quorum(5), ..submission(0, n) }).await.unwrap();
        for voter in 1..=4 {
            store.transition(id(0, n), approve(voter), at(1)).await.unwrap();
        }
    }
    for (after, up_to, revisions) in [
        (0, Revision::MAX, 1..6),
        (0, 1, 1..2),
        (1, 3, 2..4),
        (4, 5, 5..6),
        (4, 1_000, 5..6),
        (5, 1_000, 1..1),
        (3, 3, 1..1),
        (3, 1, 1..1),
        (Revision::MAX, Revision::MAX, 1..1),
    ] {
        let events = store.events(id(0, 2), after, up_to).await.unwrap();
        let found: Vec<_> = events.iter().map(|event| event.revision).collect();
        assert_eq!(found, revisions.collect::<Vec<_>>(), "after {after} up to {up_to}");
    }
}

pub async fn times_that_cannot_be_told_do_not_stop_the_store(subject: impl Subject) {
    let store = subject.store();
    let endless = with(submission(0, 1), |request| request.timeout = Duration::from_micros(u64::MAX));
    let window = Verdict { claim_window: Duration::from_micros(u64::MAX), ..Verdict::clone(&quorum(1)) };
    let made = store.submit(Submission { verdict: Arc::new(window), ..endless }).await.unwrap().approval;
    assert_eq!(store.due(at(0), 1).await.unwrap(), Due { ids: Vec::new(), next: Some(made.deadline) });
    store.transition(made.id, approve(1), at(1)).await.unwrap();
    store.transition(made.id, claim(1, made.digest), at(2)).await.unwrap();
    assert_eq!(*store.health().borrow(), Health::Working);
}
