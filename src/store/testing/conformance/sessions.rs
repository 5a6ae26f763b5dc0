//! Sessions of people.

use super::*;
use crate::domain::session_samples::{session, session_id};

/// A session that needs several pieces.
fn large(n: u32) -> Session {
    Session { groups: (0..900).map(|group| format!("{group:0>128}")).collect(), ..session(n) }
}

fn used(session: Session, seconds: i64) -> Session {
    Session { last_used_at: at(seconds), ..session }
}

fn ended(session: Session, seconds: i64) -> Session {
    let ended = Some(Ended { actor: reviewer(1), at: at(seconds), request_id: Some("r".into()) });
    Session { ended, ..session }
}

pub async fn sessions_are_kept_in_order(mut subject: impl Subject) {
    assert_eq!(subject.store().sessions().await, Ok(vec![]));
    let all = [session(1), large(2), session(3), large(300)];
    for n in [2, 0, 3, 1] {
        assert_eq!(subject.store().save_sessions(vec![all[n].clone()]).await, Ok(1));
    }
    assert_eq!(subject.store().sessions().await.unwrap(), all);
    subject.reopen().await;
    assert_eq!(subject.store().sessions().await.unwrap(), all);
}

pub async fn copies_of_a_session_only_add_to_it(mut subject: impl Subject) {
    let store = subject.store();
    assert_eq!(store.save_sessions(vec![session(1), session(2), session(1)]).await, Ok(2));
    let copies = vec![used(session(1), 9), ended(session(1), 20), used(large(3), 14), used(session(1), 5)];
    assert_eq!(store.save_sessions(copies).await, Ok(1));
    assert_eq!(store.save_sessions(vec![ended(session(1), 30), session(2), large(3)]).await, Ok(0));
    let expected = [used(ended(session(1), 20), 9), session(2), used(large(3), 14)];
    assert_eq!(store.sessions().await.unwrap(), expected);
    subject.reopen().await;
    assert_eq!(subject.store().sessions().await.unwrap(), expected);
}

pub async fn another_session_of_the_same_id_keeps_nothing(subject: impl Subject) {
    let store = subject.store();
    store.save_sessions(vec![session(1)]).await.unwrap();
    let other = Session { roles: Role::ALL.into(), ..session(1) };
    for batch in
        [vec![session(3), other.clone()], vec![other], vec![session(3), Session { id: session_id(3), ..session(4) }]]
    {
        let id = batch.last().unwrap().id;
        assert_eq!(store.save_sessions(batch).await, Err(StoreError::SessionConflict(id)));
    }
    let endless = Session { expires_at: at(1_000_000), ..session(5) };
    let answer = store.save_sessions(vec![session(3), endless]).await;
    assert!(matches!(answer, Err(StoreError::BadSession(wrong, _)) if wrong == session_id(5)), "{answer:?}");
    assert_eq!(store.sessions().await.unwrap(), [session(1)]);
}

pub async fn forgotten_sessions_are_gone(mut subject: impl Subject) {
    let store = Arc::clone(subject.store());
    store.save_sessions(vec![session(1), large(2), session(3)]).await.unwrap();
    store.forget_sessions([2, 7].map(session_id).into()).await.unwrap();
    assert_eq!(store.sessions().await.unwrap(), [session(1), session(3)]);
    // A session that is saved again has its new content.
    assert_eq!(store.save_sessions(vec![session(2)]).await, Ok(1));
    store.forget_sessions([1, 3].map(session_id).into()).await.unwrap();
    drop(store);
    subject.reopen().await;
    assert_eq!(subject.store().sessions().await.unwrap(), [session(2)]);
}
