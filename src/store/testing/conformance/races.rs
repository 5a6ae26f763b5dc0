//! Concurrent callers.

use super::*;

async fn all_at_once(
    store: &Arc<dyn Store>,
    id: ApprovalId,
    commands: Vec<(Command, i64)>,
) -> Vec<Result<Transitioned, StoreError>> {
    let tasks: Vec<_> = commands
        .into_iter()
        .map(|(command, now)| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.transition(id, command, at(now)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

pub async fn one_resolution_wins(mut subject: impl Subject) {
    let mut winners = Vec::new();
    for n in 1..=40 {
        let store = subject.store();
        store.submit(submission(0, n)).await.unwrap();
        let mut commands: Vec<_> = (1..=8)
            .map(|reviewer| (if reviewer % 2 == 0 { approve(reviewer) } else { reject(reviewer) }, 299))
            .collect();
        commands.push((cancel(), 299));
        commands.push((Command::Tick, 300));
        let length = commands.len();
        commands.rotate_left(usize::try_from(n).unwrap() % length);
        let answers = all_at_once(store, id(0, n), commands.clone()).await;

        let approval = store.get(id(0, n)).await.unwrap();
        let decision = approval.decision.clone().unwrap();
        let lost = StoreError::Refused(Refusal::AlreadyDecided(Box::new(decision.clone())));
        let mut won = 0;
        for ((command, _), answer) in commands.iter().zip(answers) {
            match answer {
                Ok(done) if *command == Command::Tick => assert_eq!(done.approval.decision, approval.decision),
                Ok(done) => {
                    won += 1;
                    assert_eq!((done.revision, &done.approval), (2, &approval));
                    assert_eq!(command.actor(), decision.actor);
                }
                Err(refused) => assert_eq!(refused, lost),
            }
        }
        assert_eq!(won, usize::from(decision.status != Status::TimedOut));
        assert_eq!(store.events(id(0, n), 0, Revision::MAX).await.unwrap().len(), 2);
        winners.push(approval);
    }
    assert_eq!(subject.store().pending(), 0);
    subject.reopen().await;
    for winner in winners {
        assert_eq!(subject.store().get(winner.id).await.unwrap(), winner);
    }
}

pub async fn one_claim_wins(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=20 {
        let made =
            store.submit(Submission { verdict: verdict(Effect::AutoApprove), ..submission(0, n) }).await.unwrap();
        let commands = (1..=8).map(|claimer| (claim(claimer, made.approval.digest), 1)).collect();
        let answers = all_at_once(store, id(0, n), commands).await;
        let winner = store.get(id(0, n)).await.unwrap().claim.clone().unwrap();
        let lost = StoreError::Refused(Refusal::AlreadyClaimed(Box::new(winner.clone())));
        let won: Vec<_> = (1..).zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(n, _)| claim_id(n)).collect();
        assert_eq!(won, [winner.id]);
        assert_eq!(
            answers.iter().filter_map(|answer| answer.as_ref().err()).filter(|error| **error == lost).count(),
            7
        );
    }
}

pub async fn a_claim_or_a_revocation_wins(subject: impl Subject) {
    let store = subject.store();
    for n in 1..=40 {
        let made =
            store.submit(Submission { verdict: verdict(Effect::AutoApprove), ..submission(0, n) }).await.unwrap();
        let mut commands: Vec<_> = (1..=4).map(|claimer| (claim(claimer, made.approval.digest), 1)).collect();
        commands.extend((1..=4).map(|operator| (revoke(reviewer(operator)), 1)));
        commands.rotate_left(usize::try_from(n).unwrap() % 8);
        let answers = all_at_once(store, id(0, n), commands.clone()).await;
        let approval = store.get(id(0, n)).await.unwrap();
        assert!(approval.claim.is_some() != approval.revocation.is_some(), "{approval:?}");
        let lost = match (&approval.claim, &approval.revocation) {
            (Some(claim), _) => Refusal::AlreadyClaimed(Box::new(claim.clone())),
            (None, revocation) => Refusal::Revoked(Box::new(revocation.clone().unwrap())),
        };
        let won = commands.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        let won: Vec<_> = won.map(|((command, _), _)| matches!(command, Command::Claim(_))).collect();
        assert_eq!(won, [approval.claim.is_some()]);
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert_eq!(refused.filter(|error| **error == StoreError::Refused(lost.clone())).count(), 7);
    }
}

pub async fn one_caller_cannot_exceed_its_limit_at_once(subject: impl Subject) {
    let store = subject.store();
    let tasks: Vec<_> = (1..=20)
        .map(|n| {
            let store = Arc::clone(store);
            // Twenty requests, each made twice.
            tokio::spawn(async move {
                let new = || Submission { pending_limit: 5, ..submission(0, n) };
                (store.submit(new()).await, store.submit(new()).await)
            })
        })
        .collect();
    let mut made = BTreeSet::new();
    for task in tasks {
        match task.await.unwrap() {
            (Ok(first), Ok(second)) => {
                assert!(first.created && !second.created && first.approval == second.approval);
                made.insert(first.approval.id);
            }
            (Err(first), Err(second)) => {
                assert_eq!((&first, &first), (&second, &StoreError::Refused(Refusal::TooManyPending { limit: 5 })));
            }
            (first, second) => panic!("{first:?}, then {second:?}"),
        }
    }
    assert_eq!((made.len(), store.pending()), (5, 5));
}
