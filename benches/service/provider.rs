//! An OpenID provider as the server sees it: a key file, and a token of the usual size.

use std::path::{Path, PathBuf};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use signoff::identity::oidc::{KeySource, OidcConfig};

use crate::{Outcome, payload};

const ISSUER: &str = "https://login.example.com/realms/company";
const AUDIENCE: &str = "signoff";
const KEY: &str = "Yf1-0bWIrkeVEiHyvVLd4TqbHRqvhFBkfYw8aMVyk8k";
/// The subject of a service, which uses the token for itself.
const SUBJECT: &str = "f3c1b2aa-8f0e-4d57-9a43-2b1c6f7d9e10";
/// The group whose members are agents.
pub(crate) const AGENTS: &str = "/company/agents/billing";
const GROUPS: [&str; 5] = [AGENTS, "/company/all", "/company/billing", "/company/billing/eu", "/company/on-call"];

/// Longer than any measure takes.
const LIFETIME: i64 = 60 * 60;

pub(crate) struct Provider {
    key: RsaKeyPair,
    keys: PathBuf,
}

impl Provider {
    /// Makes an RSA key, the usual kind, and publishes it in a directory.
    pub(crate) fn publish(directory: &Path) -> Outcome<Self> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = key.public_key().into();
        let jwk = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY, "n": encode(n), "e": encode(e)});
        let keys = directory.join("keys.json");
        std::fs::write(&keys, json!({ "keys": [jwk] }).to_string())?;
        Ok(Self { key, keys })
    }

    /// The token of an agent.
    pub(crate) fn token(&self) -> Outcome<String> {
        let now = payload::now().timestamp();
        let claims = json!({
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": [AUDIENCE, "account"],
            "exp": now + LIFETIME,
            "iat": now,
            "jti": payload::uuid(),
            "typ": "Bearer",
            "azp": SUBJECT,
            "acr": "1",
            "scope": "openid profile email",
            "preferred_username": "service-account-billing-bot",
            "client_host": "10.0.12.7",
            "groups": GROUPS,
        });
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": KEY});
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)?;
        Ok(format!("{message}.{}", encode(signature)))
    }

    /// The server's settings for it.
    pub(crate) fn settings(&self) -> [String; 4] {
        [
            format!("--set=oidc.issuer={ISSUER}"),
            format!("--set=oidc.audience={AUDIENCE}"),
            format!("--set=oidc.keys={}", self.keys.display()),
            format!("--set=roles.agent={AGENTS}"),
        ]
    }

    /// The same settings for the library.
    pub(crate) fn config(&self) -> OidcConfig {
        OidcConfig { keys: KeySource::File(self.keys.clone()), ..OidcConfig::new(ISSUER, AUDIENCE) }
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
