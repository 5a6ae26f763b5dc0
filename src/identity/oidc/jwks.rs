use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::Algorithm;

/// Minimum length of RSA keys: shorter keys are not secure.
const RSA_BITS_MIN: usize = 2048;

/// The keys of a provider that can verify tokens.
pub(super) struct KeySet {
    keys: Vec<Key>,
    generation: u64,
}

/// A key with its algorithms.
pub(super) struct Key {
    jwk: Jwk,
    decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// The key that a token names.
#[derive(Clone, Copy)]
pub(super) enum Lookup<'a> {
    Key(&'a Key),
    /// A key for another algorithm.
    Unfit,
    /// A key that is not in the set.
    Unknown,
}

impl KeySet {
    /// Parses a JSON Web Key Set. Ignores unusable keys: providers publish keys for other purposes too.
    pub(super) fn read(json: &[u8], generation: u64) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Published {
            keys: Vec<Value>,
        }
        let published: Published = serde_json::from_slice(json)?;
        let all = published.keys.len();
        let keys: Vec<_> = published.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            tracing::warn!(published = all, "the provider's key set has no usable key; all its tokens are rejected");
        }
        Ok(Self { keys, generation })
    }

    /// Number of the set: sets with different keys have different numbers.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it has no usable key.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether both have the same keys.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.keys.iter().map(|key| &key.jwk).eq(other.keys.iter().map(|key| &key.jwk))
    }

    /// Finds the key with this id, for this algorithm. Without an id, the set must have exactly one key.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup<'_> {
        let named = match (kid, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (kid, keys) => keys.iter().find(|key| key.jwk.common.key_id.as_deref() == kid),
        };
        match named {
            Some(key) if key.algorithms.contains(&algorithm) => Lookup::Key(key),
            Some(_) => Lookup::Unfit,
            None => Lookup::Unknown,
        }
    }
}

impl Key {
    fn read(published: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(published).ok()?;
        let common = &jwk.common;
        let for_signatures = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let of_its_kind = of_kind(&jwk.algorithm).iter().copied();
        let algorithms: Vec<_> = of_its_kind
            .filter(|algorithm| {
                let own = common.key_algorithm;
                for_signatures && own.is_none_or(|own| own == jsonwebtoken::Algorithm::from(*algorithm).into())
            })
            .collect();
        if algorithms.is_empty() {
            return None;
        }
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { jwk, decoding, algorithms })
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// The algorithms of a key of this kind.
fn of_kind(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    use Algorithm as A;
    match parameters {
        AlgorithmParameters::RSA(rsa) if bits(&rsa.n) >= RSA_BITS_MIN => {
            &[A::Rs256, A::Rs384, A::Rs512, A::Ps256, A::Ps384, A::Ps512]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[A::Es256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[A::Es384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[A::EdDsa],
        _ => &[],
    }
}

/// The bit length of a number in base64url; 0 if it is malformed.
fn bits(number: &str) -> usize {
    let bytes = URL_SAFE_NO_PAD.decode(number).unwrap_or_default();
    let significant = bytes.iter().skip_while(|byte| **byte == 0).count();
    let leading = bytes.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros() as usize);
    significant * 8 - leading
}
