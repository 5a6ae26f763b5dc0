//! The keys of the keys that sign links.

use std::ops::Range;

use super::SIGNING_KEY;
use crate::domain::KeyPurpose;

/// The signing key of a purpose.
pub(in crate::store::sled) fn signing_key(purpose: KeyPurpose) -> Vec<u8> {
    vec![SIGNING_KEY, purpose_code(purpose)]
}

/// Length of that key.
const SIGNING_KEY_LEN: usize = 2;

/// The code of a purpose in keys. A code never changes, and is never reused.
const fn purpose_code(purpose: KeyPurpose) -> u8 {
    match purpose {
        KeyPurpose::Links => 1,
    }
}

/// All signing keys.
pub(in crate::store::sled) fn signing_keys() -> Range<Vec<u8>> {
    vec![SIGNING_KEY]..vec![SIGNING_KEY + 1]
}

/// The purpose in a signing key's key.
pub(in crate::store::sled) fn signing_key_of(key: &[u8]) -> Option<KeyPurpose> {
    let code = key.strip_prefix(&[SIGNING_KEY]).filter(|_| key.len() == SIGNING_KEY_LEN)?;
    KeyPurpose::ALL.into_iter().find(|purpose| code == [purpose_code(*purpose)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_signing_keys_tell_their_purpose() {
        assert_eq!(signing_key_of(&signing_key(KeyPurpose::Links)), Some(KeyPurpose::Links));
        assert_eq!(signing_key_of(&[SIGNING_KEY, 0]), None);
    }
}
