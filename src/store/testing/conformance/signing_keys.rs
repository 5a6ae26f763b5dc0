//! Signing keys.

use super::*;

const fn key(byte: u8) -> SigningKey {
    SigningKey::new([byte; 32])
}

pub async fn the_first_signing_key_stays(mut subject: impl Subject) {
    let store = Arc::clone(subject.store());
    assert_eq!(store.signing_key(KeyPurpose::Links).await, Ok(None), "reading makes none");
    assert_eq!(store.signing_key(KeyPurpose::Links).await, Ok(None));
    assert_eq!(store.keep_signing_key(KeyPurpose::Links, key(1)).await, Ok(key(1)));
    assert_eq!(store.keep_signing_key(KeyPurpose::Links, key(2)).await, Ok(key(1)));
    assert_eq!(store.signing_key(KeyPurpose::Links).await, Ok(Some(key(1))));
    drop(store);
    subject.reopen().await;
    assert_eq!(subject.store().signing_key(KeyPurpose::Links).await, Ok(Some(key(1))));
    assert_eq!(subject.store().keep_signing_key(KeyPurpose::Links, key(3)).await, Ok(key(1)));
}

pub async fn of_signing_keys_at_once_one_stays(subject: impl Subject) {
    let store = subject.store();
    let all = (1..=20).map(|n| store.keep_signing_key(KeyPurpose::Links, key(n)));
    let all: Vec<_> = futures_util::future::join_all(all).await.into_iter().collect::<Result<_, _>>().unwrap();
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    assert_eq!(store.signing_key(KeyPurpose::Links).await, Ok(Some(all[0].clone())));
}
