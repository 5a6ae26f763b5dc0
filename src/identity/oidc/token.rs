use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{Algorithm, Rejection, jwks::Key};

/// Larger than any token that fits into usual headers.
pub(super) const BYTES_MAX: usize = 16 * 1024;

/// A token whose signature nobody has looked at.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// Header and claims, as they are signed.
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

/// What is read of a header. Keys that a token brings itself (`jwk`, `jku`, `x5c`, `x5u`) are not even looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none are. Present even when it is null.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Whether a bearer token has the form of a signed JWT: three parts in base64url with dots between them. Says nothing
/// about what is in it.
#[must_use]
pub fn looks_like_jwt(token: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() | byte.is_ascii_alphabetic() | (byte == b'-') | (byte == b'_');
    // Every call asks this. Without a way out of the loop, many bytes are looked at at once, which takes about a
    // quarter of the time.
    let base64url = |part: &str| !part.is_empty() && part.bytes().fold(true, |all, byte| all & allowed(byte));
    token.split('.').count() == 3 && token.split('.').all(base64url)
}

impl<'a> Token<'a> {
    /// Takes a token apart, and refuses what no key may be asked about.
    pub(super) fn parse(token: &'a str, allowed: &[Algorithm]) -> Result<Self, Rejection> {
        let (message, signature) = token.rsplit_once('.').ok_or(Rejection::NotAJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Rejection::NotAJwt)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Rejection::NotAJwt)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| Rejection::NotAJwt)?;
        // The one answer to `none`, to symmetric algorithms, and to what is not pinned.
        let algorithm = header.alg.parse().map_err(|_| Rejection::Algorithm)?;
        if !allowed.contains(&algorithm) {
            return Err(Rejection::Algorithm);
        }
        if header.crit || !header.typ.as_deref().is_none_or(is_access_token) || !looks_like_jwt(token) {
            return Err(Rejection::NotAJwt);
        }
        Ok(Self { algorithm, kid: header.kid, message, claims, signature })
    }

    /// The claims, if the key has signed them.
    pub(super) fn verify(&self, key: &Key) -> Result<Map<String, Value>, Rejection> {
        let signed = jsonwebtoken::crypto::verify(
            self.signature,
            self.message.as_bytes(),
            key.decoding(),
            self.algorithm.into(),
        );
        if !signed.is_ok_and(|signed| signed) {
            return Err(Rejection::Signature);
        }
        let claims = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| Rejection::NotAJwt)?;
        serde_json::from_slice(&claims).map_err(|_| Rejection::NotAJwt)
    }
}

/// A provider signs more than access tokens with its keys, such as notices of a logout: those name another type.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}
