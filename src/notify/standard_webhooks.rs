//! Signatures of Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
//!
//! Signed here and not by the crate `standardwebhooks`: it would bring an old `base64`, a second SHA-256 and `time` into
//! the server, and it accepts secrets of any length. The tests verify with it, so that another implementation judges.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue};

use super::{SecretSource, SendError};
use crate::domain::Time;
use crate::identity::Secret;

/// What secrets begin with.
const PREFIX: &str = "whsec_";

/// Allowed lengths of a decoded secret, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Maximum number of secrets of one receiver. Two are enough to rotate.
const SECRETS_MAX: usize = 8;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Signs with every secret that a receiver may verify with.
pub(super) struct Signer {
    keys: Vec<hmac::Key>,
}

/// The secrets cannot be used. Contains no part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignerError {
    #[error("secret {0} is not {PREFIX} followed by the base64 of 24 to 64 bytes")]
    Secret(usize),
    #[error("there are {0} secrets; at most {SECRETS_MAX} are allowed")]
    TooMany(usize),
}

impl Signer {
    /// Reads the secrets, one a line: to rotate them, an operator adds a new one, and removes the old one later.
    pub(super) async fn read(source: &SecretSource) -> Result<Self, SendError> {
        let problem = |error| SendError::Retry { reason: format!("cannot sign: {source}: {error}"), after: None };
        Self::new(&source.read_lines().await?).map_err(problem)
    }

    fn new(secrets: &[Secret]) -> Result<Self, SignerError> {
        if secrets.len() > SECRETS_MAX {
            return Err(SignerError::TooMany(secrets.len()));
        }
        let key = |(index, secret): (usize, &Secret)| {
            let encoded = secret.reveal().strip_prefix(PREFIX);
            let key = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            let key = key.filter(|key| KEY_LENGTHS.contains(&key.len())).ok_or(SignerError::Secret(index + 1))?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        Ok(Self { keys: secrets.iter().enumerate().map(key).collect::<Result<_, _>>()? })
    }

    /// The headers of a message. `id` is the same for every attempt; `now` is the time of this one, by the machine's
    /// clock, as receivers reject old messages.
    pub(super) fn headers(&self, id: &str, now: Time, body: &[u8]) -> HeaderMap {
        let timestamp = now.timestamp().to_string();
        let signature = |key: &hmac::Key| {
            let mut context = hmac::Context::with_key(key);
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                context.update(part);
            }
            format!("v1,{}", STANDARD.encode(context.sign()))
        };
        let signatures = self.keys.iter().map(signature).collect::<Vec<_>>().join(" ");
        // Ids, numbers and base64 are visible ASCII.
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        let mut headers = HeaderMap::new();
        headers.insert(ID, value(id));
        headers.insert(TIMESTAMP, value(&timestamp));
        headers.insert(SIGNATURE, value(&signatures));
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn signer(lines: &str) -> Result<Signer, SendError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        let signer = Signer::read(&SecretSource::File(file.path().to_owned())).await;
        signer.map_err(|error| {
            let SendError::Retry { reason, after: None } = error else { panic!("{error:?}") };
            let reason = reason.replace(&file.path().display().to_string(), "FILE");
            SendError::Retry { reason, after: None }
        })
    }

    /// The example of the specification's reference libraries.
    #[tokio::test]
    async fn the_known_example_has_the_known_signature() {
        let signer = signer("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n").await.unwrap();
        let now = chrono::DateTime::from_timestamp(1_649_367_553, 999_999_000).unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let headers = signer.headers("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", now, body);
        assert_eq!(headers[ID], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
        assert_eq!(headers[TIMESTAMP], "1649367553");
        assert_eq!(headers[SIGNATURE], "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[tokio::test]
    async fn secrets_that_are_weak_or_malformed_are_refused_without_being_shown() {
        let encoded = |length| format!("whsec_{}", STANDARD.encode(vec![b'k'; length]));
        for length in [24, 64] {
            assert!(signer(&encoded(length)).await.is_ok(), "{length}");
        }
        let refused = "cannot sign: FILE: secret 2 is not whsec_ followed by the base64 of 24 to 64 bytes";
        for second in [encoded(23), encoded(65), STANDARD.encode([b'k'; 32]), "whsec_????".to_owned()] {
            let error = signer(&format!("{}\n{second}", encoded(32))).await.err().unwrap();
            assert_eq!(error.to_string(), refused);
        }
        let error = signer(&format!("{}\n", encoded(32)).repeat(9)).await.err().unwrap();
        assert_eq!(error.to_string(), "cannot sign: FILE: there are 9 secrets; at most 8 are allowed");
    }
}
