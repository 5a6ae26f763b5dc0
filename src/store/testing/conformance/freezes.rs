//! Freezes: which calls they block, and their durability.

use super::*;
use crate::domain::{
    FREEZES_MAX, ImportedFreezes,
    freeze_samples::{freeze_id, new_freeze, new_thaw, operator, tool},
};

async fn approved(store: &dyn Store, n: u64, tool_name: &str) -> Arc<Approval> {
    let new = Submission { verdict: verdict(Effect::AutoApprove), ..submission(0, n) };
    store.submit(with(new, |request| request.tool_name = tool_name.into())).await.unwrap().approval
}

fn refused(n: u32) -> StoreError {
    let frozen = Frozen { id: freeze_id(n), actor: operator(1), reason: format!("incident {n}"), at: at(n.into()) };
    StoreError::Refused(Refusal::Frozen(Box::new(frozen)))
}

pub async fn freezes_are_kept_in_order(mut subject: impl Subject) {
    assert_eq!(subject.store().freezes().await, Ok(vec![]));
    let long = FreezeScope::Agent("é".repeat(2_000));
    let mut expected = Vec::new();
    for (n, scope) in (1..).zip([FreezeScope::All, FreezeScope::Caller("test/agent".into()), tool("send_*"), long]) {
        let new = NewFreeze { reason: "x".repeat(1_024), ..new_freeze(n, scope) };
        let made = subject.store().freeze(new.clone()).await.unwrap();
        let NewFreeze { id, scope, reason, actor, request_id, now } = new;
        assert_eq!(made, Freeze { id, scope, reason, actor, at: now, request_id, thawed: None });
        expected.push(made);
    }
    expected[1] = subject.store().thaw(new_thaw(2)).await.unwrap();
    assert_eq!(expected[1].thawed, Some(Thawed { actor: operator(2), at: at(12), request_id: None }));
    for _ in 0..2 {
        assert_eq!(subject.store().freezes().await.unwrap(), expected);
        subject.reopen().await;
    }
    assert!(subject.store().newest_time() >= Some(at(12)));
}

pub async fn no_claim_is_granted_while_a_freeze_covers_it(mut subject: impl Subject) {
    let store = subject.store();
    let (email, sms) = (approved(&**store, 1, "send_email").await, approved(&**store, 2, "send_sms").await);
    store.freeze(new_freeze(1, tool("send_e*"))).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let store = subject.store();
        let claiming = keyed(claim(1, email.digest), "c");
        assert_eq!(store.transition(email.id, claiming, at(20)).await.unwrap_err(), refused(1));
        assert_eq!(store.get(email.id).await.unwrap(), email, "nothing is recorded");
        assert_eq!(store.events(email.id, 1, Revision::MAX).await.unwrap(), []);
        // A command that would fail anyway fails for its own reason.
        let other = Digest::of("send_email", &arguments(&serde_json::json!({})));
        let mismatch = StoreError::Refused(Refusal::DigestMismatch { approved: email.digest });
        assert_eq!(store.transition(email.id, claim(1, other), at(20)).await.unwrap_err(), mismatch);
        let closed_at = email.claimable_until().unwrap();
        let closed = StoreError::Refused(Refusal::ClaimWindowClosed { closed_at });
        assert_eq!(store.transition(email.id, claim(1, email.digest), closed_at).await.unwrap_err(), closed);
    }
    let store = subject.store();
    store.transition(sms.id, claim(2, sms.digest), at(21)).await.unwrap();
    store.thaw(new_thaw(1)).await.unwrap();
    store.transition(email.id, claim(1, email.digest), at(22)).await.unwrap();
}

pub async fn a_new_request_that_is_frozen_is_rejected_for_good(mut subject: impl Subject) {
    subject.store().freeze(new_freeze(1, FreezeScope::Caller("test/agent".into()))).await.unwrap();
    let policies = [quorum(1), verdict(Effect::AutoApprove), verdict(Effect::AutoReject)];
    for (n, verdict) in (1..).zip(policies) {
        let made = subject.store().submit(Submission { verdict, pending_limit: 0, ..submission(20, n) }).await.unwrap();
        assert!(made.created);
        let decision = made.approval.decision.clone().unwrap();
        assert_eq!((decision.status, decision.actor), (Status::AutoRejected, operator(1)));
        assert_eq!((decision.comment.as_str(), decision.at, decision.seen), ("incident 1", at(20), 0));
        assert_eq!(made.approval.verdict.rule, FREEZE_RULE);
        assert!(!made.approval.verdict.message.is_empty());
        subject.reopen().await;
        assert_eq!(subject.store().get(made.approval.id).await.unwrap(), made.approval);
        let events = subject.store().events(made.approval.id, 0, Revision::MAX).await.unwrap();
        assert_eq!(Approval::replay(made.approval.id, &events).as_ref(), Ok(&*made.approval));
    }
    let store = subject.store();
    assert_eq!((store.pending(), store.due(at(9_999), 9).await.unwrap()), (0, Due::default()));
    let other = with(submission(20, 4), |request| request.caller = actor(ActorKind::Agent, "other"));
    assert_eq!(store.submit(other).await.unwrap().approval.status, Status::Pending);

    store.thaw(new_thaw(1)).await.unwrap();
    let again = store.submit(Submission { id: id(30, 9), now: at(30), ..submission(20, 1) }).await.unwrap();
    assert_eq!((again.created, again.approval.status), (false, Status::AutoRejected), "final for its request_id");
    assert_eq!(store.submit(submission(30, 5)).await.unwrap().approval.status, Status::Pending);
}

pub async fn what_began_before_a_freeze_goes_on(subject: impl Subject) {
    let store = subject.store();
    let claimed = approved(&**store, 1, "x").await;
    let first = keyed(claim(1, claimed.digest), "c");
    assert_eq!(store.transition(claimed.id, first.clone(), at(1)).await.unwrap().revision, 2);
    for n in [2, 3, 4] {
        store.submit(submission(0, n)).await.unwrap();
    }
    store.freeze(new_freeze(1, FreezeScope::All)).await.unwrap();
    // The claim was recorded before the freeze, and its reply may have been lost.
    assert_eq!(store.transition(claimed.id, first, at(20)).await.unwrap().revision, 2);
    let another = store.transition(claimed.id, keyed(claim(2, claimed.digest), "d"), at(20)).await.unwrap_err();
    assert!(matches!(another, StoreError::Refused(Refusal::AlreadyClaimed(_))), "{another}");
    assert_eq!(store.transition(claimed.id, report(1), at(20)).await.unwrap().revision, 3);
    // Pending requests can still be decided, repeated, and time out.
    assert!(!store.submit(submission(0, 2)).await.unwrap().created);
    let approved = store.transition(id(0, 2), approve(1), at(20)).await.unwrap().approval;
    assert_eq!(approved.status, Status::Approved);
    assert_eq!(store.transition(id(0, 3), reject(1), at(20)).await.unwrap().approval.status, Status::Rejected);
    assert_eq!(store.transition(id(0, 4), Command::Tick, at(300)).await.unwrap().approval.status, Status::TimedOut);
    let claiming = store.transition(id(0, 2), claim(1, approved.digest), at(21)).await.unwrap_err();
    assert_eq!(claiming, refused(1), "approved during the freeze: it must not run");
}

pub async fn a_freezes_request_id_belongs_to_one_call(mut subject: impl Subject) {
    let keyed = |n| NewFreeze { request_id: Some("k".into()), ..new_freeze(n, FreezeScope::All) };
    let first = subject.store().freeze(keyed(1)).await.unwrap();
    let reused = |id, key: &str| {
        let request_id = key.to_owned();
        StoreError::Freeze(FreezeError::RequestIdReused { request_id, id: freeze_id(id) })
    };
    for _ in 0..2 {
        let again = NewFreeze { reason: first.reason.clone(), ..keyed(2) };
        assert_eq!(subject.store().freeze(again).await, Ok(first.clone()));
        assert_eq!(subject.store().freeze(keyed(2)).await, Err(reused(1, "k")), "another reason");
        subject.reopen().await;
    }
    let thaw = || NewThaw { request_id: Some("t".into()), ..new_thaw(1) };
    let thawed = subject.store().thaw(thaw()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(subject.store().thaw(NewThaw { now: at(99), ..thaw() }).await, Ok(thawed.clone()));
        let gone = StoreError::Freeze(FreezeError::NotFound(freeze_id(1)));
        assert_eq!(subject.store().thaw(new_thaw(1)).await, Err(gone));
        let again = NewFreeze { reason: first.reason.clone(), ..keyed(2) };
        assert_eq!(subject.store().freeze(again).await, Err(reused(1, "k")), "it is no longer active");
        subject.reopen().await;
    }
    assert_eq!(subject.store().freezes().await.unwrap(), [thawed]);
}

pub async fn a_claim_and_a_freeze_at_once_are_in_order(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=20 {
        let Approval { id, digest, .. } = *approved(&**store, n, "x").await;
        let freezing = {
            let (store, number) = (Arc::clone(store), u32::try_from(n).unwrap());
            tokio::spawn(async move {
                store.freeze(new_freeze(number, FreezeScope::All)).await.unwrap();
                // The freeze was answered: no claim is granted from now on.
                store.transition(id, claim(9, digest), at(30)).await
            })
        };
        let claiming = {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.transition(id, claim(1, digest), at(30)).await })
        };
        let (after, during) = (freezing.await.unwrap().unwrap_err(), claiming.await.unwrap());
        let frozen = |error: &StoreError| matches!(error, StoreError::Refused(Refusal::Frozen(_)));
        let claimed = store.get(id).await.unwrap().claim.as_ref().map(|claim| claim.id);
        match during {
            Ok(_) => assert!(matches!(after, StoreError::Refused(Refusal::AlreadyClaimed(_))), "{after}"),
            Err(error) => assert!(frozen(&error) && frozen(&after) && claimed.is_none(), "{error}, {after}"),
        }
        store.thaw(NewThaw { now: at(30), ..new_thaw(u32::try_from(n).unwrap()) }).await.unwrap();
    }
}

pub async fn freezes_move_with_an_export(mut subject: impl Subject) {
    for (n, scope) in [(1, FreezeScope::All), (2, tool("x*")), (3, FreezeScope::Agent("bot".into()))] {
        subject.store().freeze(new_freeze(n, scope)).await.unwrap();
    }
    let standing = subject.store().freezes().await.unwrap();
    subject.store().thaw(new_thaw(1)).await.unwrap();
    let all = subject.store().freezes().await.unwrap();
    let copy = MemoryStore::default();
    let imported = |new, ended: &[Freeze]| Ok(ImportedFreezes { new, ended: ended.to_vec() });
    for (store, new) in [(&**subject.store(), 0), (&copy as &dyn Store, 3)] {
        assert_eq!(store.import_freezes(all.clone()).await, imported(new, &[]));
        // An older export does not undo the thaw.
        assert_eq!(store.import_freezes(standing.clone()).await, imported(0, &[]));
        let other = Freeze { scope: FreezeScope::All, ..all[1].clone() };
        let fresh = Freeze { id: freeze_id(7), ..all[0].clone() };
        let conflict = StoreError::Freeze(FreezeError::Conflict(freeze_id(2)));
        assert_eq!(store.import_freezes(vec![fresh.clone(), other]).await, Err(conflict));
        let wrong = Freeze { reason: "x".repeat(5_000), ..fresh.clone() };
        let refused = store.import_freezes(vec![fresh, wrong]).await;
        assert!(matches!(refused, Err(StoreError::Freeze(FreezeError::Bad(..)))), "{refused:?}");
        assert_eq!(store.freezes().await.unwrap(), all);
    }
    subject.reopen().await;
    assert_eq!(subject.store().freezes().await.unwrap(), all);
    let made = approved(&**subject.store(), 1, "x1").await;
    assert_eq!(made.status, Status::AutoRejected);
}

pub async fn an_import_tells_what_it_ended_and_loses_no_freeze(mut subject: impl Subject) {
    let copy = MemoryStore::default();
    for n in [1, 2] {
        copy.freeze(new_freeze(n, FreezeScope::All)).await.unwrap();
    }
    subject.store().import_freezes(copy.freezes().await.unwrap()).await.unwrap();
    copy.thaw(new_thaw(2)).await.unwrap();
    let thawed = copy.freezes().await.unwrap();
    let ended = ImportedFreezes { new: 0, ended: vec![thawed[1].clone()] };
    assert_eq!(subject.store().import_freezes(thawed.clone()).await, Ok(ended));
    assert_eq!(
        subject.store().import_freezes(thawed.clone()).await,
        Ok(ImportedFreezes::default()),
        "a second import changes nothing"
    );

    // More than the limit for new freezes: an import accepts them, because each blocks calls.
    let last = u32::try_from(FREEZES_MAX).unwrap() + 20;
    let more = (3..=last).map(|n| Freeze { id: freeze_id(n), ..thawed[0].clone() }).collect::<Vec<_>>();
    assert_eq!(subject.store().import_freezes(more.clone()).await.unwrap().new, more.len());
    subject.reopen().await;
    assert_eq!(subject.store().freezes().await.unwrap().len(), more.len() + 2);
    let too_many = StoreError::Freeze(FreezeError::TooMany { limit: FREEZES_MAX });
    let one_more = new_freeze(last + 1, FreezeScope::Agent("a".into()));
    assert_eq!(subject.store().freeze(one_more).await, Err(too_many));
}

pub async fn the_oldest_thawed_freezes_are_forgotten(mut subject: impl Subject) {
    for n in 1..=1_001 {
        subject.store().freeze(new_freeze(n, FreezeScope::All)).await.unwrap();
        subject.store().thaw(NewThaw { now: at(2_000), ..new_thaw(n) }).await.unwrap();
    }
    for _ in 0..2 {
        let kept = subject.store().freezes().await.unwrap();
        assert_eq!((kept.len(), kept[0].id, kept[999].id), (1_000, freeze_id(2), freeze_id(1_001)));
        subject.reopen().await;
    }
}
