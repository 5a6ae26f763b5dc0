//! Tokens of callers.

use super::*;
use crate::domain::{Grant, Revoked, Token, TokenId, token_samples::token};

/// A token that needs several pieces.
fn large(n: u32) -> Token {
    let groups = (0..64).map(|group| format!("{group:0>128}")).collect();
    Token { grant: Grant { groups, comment: "é".repeat(2_000), ..token(n).grant }, ..token(n) }
}

fn used(token: Token, seconds: i64) -> Token {
    Token { last_used_at: Some(at(seconds)), ..token }
}

fn revoked(token: Token, seconds: i64) -> Token {
    Token { revoked: Some(Revoked { actor: reviewer(1), at: at(seconds) }), ..token }
}

pub async fn tokens_are_kept_in_order(mut subject: impl Subject) {
    assert_eq!(subject.store().tokens().await, Ok(vec![]));
    let all = [token(1), large(2), token(3), large(300)];
    for n in [2, 0, 3, 1] {
        assert_eq!(subject.store().save_tokens(vec![all[n].clone()]).await, Ok(1));
    }
    assert_eq!(subject.store().tokens().await.unwrap(), all);
    subject.reopen().await;
    assert_eq!(subject.store().tokens().await.unwrap(), all);
}

pub async fn copies_of_a_token_only_add_to_it(mut subject: impl Subject) {
    let store = subject.store();
    assert_eq!(store.save_tokens(vec![token(1), token(2), token(1)]).await, Ok(2));
    let copies = vec![used(token(1), 9), revoked(token(1), 20), used(large(3), 4), used(token(1), 5)];
    assert_eq!(store.save_tokens(copies).await, Ok(1));
    assert_eq!(store.save_tokens(vec![revoked(token(1), 30), token(2), large(3)]).await, Ok(0));
    let expected = [used(revoked(token(1), 20), 9), token(2), used(large(3), 4)];
    assert_eq!(store.tokens().await.unwrap(), expected);
    subject.reopen().await;
    assert_eq!(subject.store().tokens().await.unwrap(), expected);
}

pub async fn another_token_of_the_same_id_keeps_nothing(subject: impl Subject) {
    let store = subject.store();
    store.save_tokens(vec![token(1)]).await.unwrap();
    let other = Token { id: token(1).id, ..token(2) };
    for batch in [vec![token(3), other.clone()], vec![other], vec![token(3), Token { id: token(3).id, ..token(4) }]] {
        let id = batch.last().unwrap().id;
        assert_eq!(store.save_tokens(batch).await, Err(StoreError::TokenConflict(id)));
    }
    let nobody = Token { grant: Grant { subject: String::new(), ..token(5).grant }, ..token(5) };
    let (id, answer) = (nobody.id, store.save_tokens(vec![token(3), nobody]).await);
    assert!(matches!(answer, Err(StoreError::BadToken(wrong, _)) if wrong == id), "{answer:?}");
    assert_eq!(store.tokens().await.unwrap(), [token(1)]);
}

pub async fn forgotten_tokens_are_gone(mut subject: impl Subject) {
    let ids = |tokens: &[Token]| tokens.iter().map(|token| token.id).collect::<Vec<TokenId>>();
    let store = Arc::clone(subject.store());
    store.save_tokens(vec![token(1), large(2), token(3)]).await.unwrap();
    store.forget_tokens(ids(&[large(2), token(7)])).await.unwrap();
    assert_eq!(store.tokens().await.unwrap(), [token(1), token(3)]);
    // A token that is saved again has its new content.
    assert_eq!(store.save_tokens(vec![token(2)]).await, Ok(1));
    store.forget_tokens(ids(&[token(1), token(3)])).await.unwrap();
    drop(store);
    subject.reopen().await;
    assert_eq!(subject.store().tokens().await.unwrap(), [token(2)]);
}

pub async fn tokens_at_once_disturb_nothing_else(mut subject: impl Subject) {
    let store = Arc::clone(subject.store());
    let tasks = (1..=40).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.save_tokens(vec![token(n)]).await.unwrap();
            store.submit(submission(i64::from(n), u64::from(n))).await.unwrap();
            store.put_policy(policy(i64::from(n), &n.to_string())).await.unwrap();
            if n % 2 == 0 {
                store.forget_tokens(vec![token(n).id]).await.unwrap();
                store.save_tokens(vec![used(token(n - 1), 99)]).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let expected: Vec<_> = (1..=40).filter(|n| n % 2 == 1).map(|n| used(token(n), 99)).collect();
    drop(store);
    for _ in 0..2 {
        assert_eq!(subject.store().tokens().await.unwrap(), expected);
        assert_eq!(subject.store().pending(), 40);
        assert_eq!(subject.store().policies(None, 99).await.unwrap().len(), 40);
        subject.reopen().await;
    }
}
