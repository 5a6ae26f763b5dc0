//! Keys and signed tokens of a test provider. Signs without the library that verifies.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Shared, because generating an RSA key is slow.
pub(super) static RSA: LazyLock<Signer> =
    LazyLock::new(|| Signer { kid: "rsa", pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) });

pub(super) struct Signer {
    pub(super) kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn ec(kid: &'static str) -> Self {
        Self { kid, pair: Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    pub(super) fn ed(kid: &'static str) -> Self {
        Self { kid, pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) }
    }

    /// The public key, as it is published.
    pub(super) fn jwk(&self) -> Value {
        let (alg, mut jwk) = match &self.pair {
            Pair::Rsa(pair) => {
                let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
                ("RS256", json!({"kty": "RSA", "n": encode(n), "e": encode(e)}))
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                ("ES256", json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}))
            }
            Pair::Ed(pair) => ("EdDSA", json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key())})),
        };
        jwk["kid"] = self.kid.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = alg.into();
        jwk
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        let alg = self.jwk()["alg"].clone();
        self.token_with(&json!({"typ": "at+jwt", "alg": alg, "kid": self.kid}), claims)
    }

    /// A token with this header, signed with the key's own algorithm.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }
}

/// The signed text of a token.
pub(super) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
