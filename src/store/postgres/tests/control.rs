//! Control data over several servers: a change that restricts holds everywhere once it has answered.

use std::sync::Arc;

use super::{servers, subject_of};
use crate::{
    domain::{
        Actor, Command, FreezeScope, Status, Token, block_samples::new_block, freeze_samples::new_freeze, samples::*,
        session_samples::session, token_samples::token,
    },
    store::{
        ApprovalStore as _, BlockStore as _, ControlStore as _, ControlVersion, FreezeStore as _, NewPolicy,
        PolicyStore as _, PostgresStore, SessionStore as _, Store, StoreError, TokenStore as _,
        conformance::{approve, submission},
    },
};

/// A view of a store for a caller who was checked with the newest control data.
async fn up_to_date(store: &Arc<PostgresStore>) -> Arc<dyn Store> {
    let newest = store.control_after(ControlVersion::default()).await.unwrap().version;
    store.as_of(newest).unwrap()
}

fn revoked(n: u32) -> Token {
    let by = crate::domain::Revoked { actor: agent(), at: at(90) };
    Token { revoked: Some(by), ..token(n) }
}

fn policy(version: u64) -> NewPolicy {
    NewPolicy {
        document: format!("{{\"version\":{version}}}").into(),
        author: reviewer(1),
        comment: String::new(),
        request_id: None,
        expected: None,
        now: at(version.cast_signed()),
    }
}

#[tokio::test]
async fn what_restricts_holds_on_every_server_once_it_has_answered() {
    let subject = subject_of().await;
    let [here, there, _] = servers(&subject).await;
    there.submit(submission(0, 1)).await.unwrap();
    here.save_tokens(vec![token(1)]).await.unwrap();
    here.save_sessions(vec![session(1)]).await.unwrap();
    let ended = crate::domain::Ended { actor: agent(), at: at(90), request_id: None };
    for change in 0..5_u32 {
        let view = up_to_date(&there).await;
        match change {
            0 => drop(here.save_tokens(vec![revoked(1)]).await.unwrap()),
            1 => drop(here.save_tokens(vec![token(2)]).await.unwrap()),
            2 => {
                let session = crate::domain::Session { ended: Some(ended.clone()), ..session(1) };
                here.save_sessions(vec![session]).await.unwrap();
            }
            3 => drop(here.block(new_block(1)).await.unwrap()),
            _ => drop(here.put_policy(policy(1)).await.unwrap()),
        }
        // Every change of a caller who was checked before fails, and has no effect.
        let outdated = Err(StoreError::Outdated);
        assert_eq!(view.submit(submission(0, 2)).await.map(drop), outdated, "{change}");
        assert_eq!(view.transition(id(0, 1), approve(1), at(1)).await.map(drop), outdated, "{change}");
        assert_eq!(view.save_tokens(vec![token(3)]).await.map(drop), outdated, "{change}");
        assert_eq!(view.save_sessions(vec![session(3)]).await.map(drop), outdated, "{change}");
        assert_eq!(view.freeze(new_freeze(1, FreezeScope::All)).await.map(drop), outdated, "{change}");
        assert_eq!(view.block(new_block(2)).await.map(drop), outdated, "{change}");
        assert_eq!(view.put_policy(policy(9)).await.map(drop), outdated, "{change}");
    }
    assert!(here.freezes().await.unwrap().is_empty() && here.find(&agent(), "r2", at(1)).await.unwrap().is_none());
    assert_eq!(here.get(id(0, 1)).await.unwrap().status, Status::Pending);
    // What the server does by itself goes on, and so does a caller who is checked again.
    there.transition(id(0, 1), Command::Tick, at(2)).await.unwrap();
    up_to_date(&there).await.transition(id(0, 1), approve(1), at(2)).await.unwrap();
}

#[tokio::test]
async fn what_only_adds_disturbs_nobody_and_reaches_the_others() {
    let subject = subject_of().await;
    let [here, there, _] = servers(&subject).await;
    here.save_tokens(vec![token(1)]).await.unwrap();
    let before = there.control_after(ControlVersion::default()).await.unwrap();
    assert_eq!((before.tokens, before.sessions, before.policy), (vec![token(1)], vec![], None));
    let view = there.as_of(before.version).unwrap();
    here.save_sessions(vec![session(1)]).await.unwrap();
    let used = Token { last_used_at: Some(at(77)), ..token(1) };
    here.save_tokens(vec![used.clone()]).await.unwrap();
    here.save_tokens(vec![used.clone()]).await.unwrap(); // nothing new
    view.submit(submission(0, 1)).await.unwrap();
    let after = there.control_after(before.version).await.unwrap();
    assert_eq!((after.tokens, after.sessions), (vec![used], vec![session(1)]));
    assert_eq!(after.version.0, before.version.0 + 2);
    assert!(there.control_after(after.version).await.unwrap().tokens.is_empty());
    // The poller sees it without being asked.
    let mut polls = there.control_polls().unwrap();
    let poll = *polls.wait_for(|poll| poll.version == after.version).await.unwrap();
    assert!(poll.clock.is_some());
}

#[tokio::test]
async fn nobody_sets_a_policy_beside_a_servers_file() {
    let subject = subject_of().await;
    let [here, ..] = servers(&subject).await;
    let with_file = subject.with_policy_file().await;
    assert_eq!(here.put_policy(policy(1)).await.map(drop), Err(StoreError::PolicyFromFile));
    let from_file = NewPolicy { author: Actor::policy_file(), ..policy(1) };
    with_file.put_policy(from_file).await.unwrap();
    let newest = here.control_after(ControlVersion::default()).await.unwrap().policy.unwrap();
    assert_eq!(newest.head.version, 1);
    drop(with_file);
    // PostgreSQL notices the end of the connection by itself.
    while let Err(error) = here.put_policy(policy(2)).await {
        assert_eq!(error, StoreError::PolicyFromFile);
        tokio::task::yield_now().await;
    }
}
