use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{Algorithm, Rejection, jwks::Key};

/// Maximum size of a token, in bytes: larger than what common limits of headers allow.
pub(super) const BYTES_MAX: usize = 16 * 1024;

/// A parsed token whose signature is not verified.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// Whether its type says that it is an access token (RFC 9068), and therefore not an ID token.
    pub(super) is_for_access: bool,
    /// Header and claims: the signed text.
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

/// The fields of a header that are used. Keys in the token itself (`jwk`, `jku`, `x5c`, `x5u`) are ignored.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Whether there are critical extensions, none of which is supported. True even for null.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Whether a bearer token has the form of a signed JWT: three base64url parts, separated by dots. Does not decode them.
#[must_use]
pub fn looks_like_jwt(token: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() | byte.is_ascii_alphabetic() | (byte == b'-') | (byte == b'_');
    // Runs for every call. Without an early exit the compiler vectorizes the loop, which takes about a quarter of the
    // time.
    let base64url = |part: &str| !part.is_empty() && part.bytes().fold(true, |all, byte| all & allowed(byte));
    token.split('.').count() == 3 && token.split('.').all(base64url)
}

impl<'a> Token<'a> {
    /// Parses a token, and rejects unsupported tokens before a key is used.
    pub(super) fn parse(token: &'a str, allowed: &[Algorithm]) -> Result<Self, Rejection> {
        let (message, signature) = token.rsplit_once('.').ok_or(Rejection::NotAJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Rejection::NotAJwt)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Rejection::NotAJwt)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| Rejection::NotAJwt)?;
        // Rejects `none`, symmetric algorithms, and all that are not configured.
        let algorithm = header.alg.parse().map_err(|_| Rejection::Algorithm)?;
        if !allowed.contains(&algorithm) {
            return Err(Rejection::Algorithm);
        }
        let typ = header.typ.as_deref().map(short);
        if header.crit || !matches!(typ.as_deref(), None | Some("jwt" | ACCESS_TOKEN)) || !looks_like_jwt(token) {
            return Err(Rejection::NotAJwt);
        }
        let is_for_access = typ.as_deref() == Some(ACCESS_TOKEN);
        Ok(Self { algorithm, kid: header.kid, is_for_access, message, claims, signature })
    }

    /// Verifies the signature, and returns the claims.
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

/// The type of access tokens. Providers sign other tokens with the same keys, such as logout tokens.
const ACCESS_TOKEN: &str = "at+jwt";

/// A type in lower case, without the part that may be left out.
fn short(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
}
