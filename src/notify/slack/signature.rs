//! Signatures of Slack's requests. They prove that Slack sent a request, and when.
//!
//! Slack signs `v0:TIMESTAMP:BODY` with the app's signing secret, by HMAC-SHA256. A signature is accepted once, and for
//! five minutes.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::http::HeaderMap;

use crate::domain::Time;

/// Maximum difference between a request's timestamp and the machine's clock.
pub(super) const AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// Maximum number of signatures to remember. One is kept for at most twice [`AGE_MAX`], and only Slack can add one, so
/// this is 16 clicks per second. Beyond it, further requests are refused: a forgotten signature could be used again.
const REMEMBERED: usize = 10_000;

/// Maximum length of the headers' values, in bytes.
const HEADER_MAX: usize = 128;

type Tag = [u8; 32];

/// Why a request is not accepted as Slack's. The sender does not learn more than that it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Without a timestamp or signature, or with one of another form.
    #[error("has no valid timestamp and signature of version 0")]
    Unsigned,
    /// Too old, or from the future.
    #[error("has a timestamp that differs from the clock by more than 5 minutes")]
    Untimely,
    /// Signed with another secret, or changed since.
    #[error("has a signature that does not match; check the signing secret")]
    Mismatch,
    /// Sent again.
    #[error("was received before")]
    Replayed,
    /// Too many to remember.
    #[error("is one of too many in a few minutes")]
    TooMany,
}

/// What the headers of a request claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    /// As sent, because it is a part of what was signed.
    timestamp: String,
    seconds: i64,
    tag: Tag,
}

impl Claimed {
    /// Reads the headers. Costs little: it rejects most strangers before their body is read.
    pub(super) fn read(headers: &HeaderMap, wall: Time) -> Result<Self, Refused> {
        let timestamp = only(headers, "x-slack-request-timestamp").ok_or(Refused::Unsigned)?;
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(Refused::Unsigned)?;
        let signature = only(headers, "x-slack-signature").and_then(|text| text.strip_prefix("v0="));
        let tag = signature.and_then(unhex).ok_or(Refused::Unsigned)?;
        if wall.timestamp().abs_diff(seconds) > AGE_MAX.as_secs() {
            return Err(Refused::Untimely);
        }
        Ok(Self { timestamp: timestamp.to_owned(), seconds, tag })
    }
}

/// The signatures that were accepted.
#[derive(Debug, Default)]
pub(super) struct Signatures(Mutex<Accepted>);

#[derive(Debug, Default)]
struct Accepted {
    tags: HashSet<Tag>,
    by_age: BTreeSet<(i64, Tag)>,
}

impl Signatures {
    /// Accepts a request once.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn accept(&self, claimed: &Claimed, body: &[u8], secret: &str, wall: Time) -> Result<(), Refused> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signed = [b"v0:", claimed.timestamp.as_bytes(), b":", body].concat();
        // Takes the same time wherever the first difference is.
        hmac::verify(&key, &signed, &claimed.tag).map_err(|_| Refused::Mismatch)?;
        let mut accepted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.forget(wall);
        if accepted.tags.contains(&claimed.tag) {
            return Err(Refused::Replayed);
        }
        if accepted.tags.len() >= REMEMBERED {
            return Err(Refused::TooMany);
        }
        accepted.tags.insert(claimed.tag);
        accepted.by_age.insert((claimed.seconds, claimed.tag));
        Ok(())
    }
}

impl Accepted {
    /// Forgets those whose timestamp is too old to be accepted again.
    fn forget(&mut self, wall: Time) {
        let oldest = wall.timestamp().saturating_sub_unsigned(AGE_MAX.as_secs());
        while let Some((seconds, tag)) = self.by_age.first().copied().filter(|(seconds, _)| *seconds < oldest) {
            self.by_age.remove(&(seconds, tag));
            self.tags.remove(&tag);
        }
    }
}

/// The value of a header that occurs once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|value| value.len() <= HEADER_MAX)?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

fn unhex(text: &str) -> Option<Tag> {
    let mut tag = Tag::default();
    if text.len() != 2 * tag.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in tag.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(tag)
}

/// Signs as Slack does.
#[cfg(test)]
pub(super) fn sign(secret: &str, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::domain::after;

    // The example of https://api.slack.com/authentication/verifying-requests-from-slack.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const AT: i64 = 1_531_420_618;
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
                        channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
                        response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
                        96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn wall(seconds: i64) -> Time {
        after(Time::UNIX_EPOCH, Duration::from_secs(seconds.unsigned_abs()))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        let mut headers = HeaderMap::new();
        headers.extend(pairs.iter().map(pair));
        headers
    }

    fn claimed(timestamp: &str, signature: &str) -> Result<Claimed, Refused> {
        let pairs = [("X-Slack-Request-Timestamp", timestamp), ("X-Slack-Signature", signature)];
        Claimed::read(&headers(&pairs), wall(AT))
    }

    #[test]
    fn the_example_of_slack_is_accepted_once() {
        assert_eq!(sign(SECRET, AT, BODY), SIGNATURE);
        let (signatures, claimed) = (Signatures::default(), claimed(&AT.to_string(), SIGNATURE).unwrap());
        let accept = |body: &str, secret| signatures.accept(&claimed, body.as_bytes(), secret, wall(AT));
        assert_eq!(accept(BODY, "8f742231b10e8888abcd99yyyzzz85a6"), Err(Refused::Mismatch));
        assert_eq!(accept(&BODY.replace("roadrunner", "coyote"), SECRET), Err(Refused::Mismatch));
        assert_eq!(accept(&format!("{BODY}&"), SECRET), Err(Refused::Mismatch));
        assert_eq!(accept(BODY, SECRET), Ok(()));
        assert_eq!(accept(BODY, SECRET), Err(Refused::Replayed));
    }

    #[test]
    fn another_timestamp_or_form_is_refused() {
        let good = AT.to_string();
        for (timestamp, signature, refused) in [
            ("", SIGNATURE, Refused::Unsigned),
            ("+1531420618", SIGNATURE, Refused::Unsigned),
            ("1531420618.0", SIGNATURE, Refused::Unsigned),
            ("99999999999999999999", SIGNATURE, Refused::Unsigned),
            (&good, "", Refused::Unsigned),
            (&good, &SIGNATURE[3..], Refused::Unsigned),
            (&good, &SIGNATURE.replace("v0", "v1"), Refused::Unsigned),
            (&good, &SIGNATURE[..SIGNATURE.len() - 1], Refused::Unsigned),
            (&good, &format!("{SIGNATURE}00"), Refused::Unsigned),
            (&good, &SIGNATURE.replace("a2", "+2"), Refused::Unsigned),
            ("1531420317", SIGNATURE, Refused::Untimely),
            ("1531420919", SIGNATURE, Refused::Untimely),
        ] {
            assert_eq!(claimed(timestamp, signature), Err(refused), "{timestamp:?} {signature:?}");
        }
        for timely in ["1531420318", "1531420918"] {
            let claimed = claimed(timely, SIGNATURE).unwrap();
            let refused = Signatures::default().accept(&claimed, BODY.as_bytes(), SECRET, wall(AT));
            assert_eq!(refused, Err(Refused::Mismatch), "the timestamp is signed");
        }
        let twice = [
            ("X-Slack-Request-Timestamp", good.as_str()),
            ("X-Slack-Signature", SIGNATURE),
            ("X-Slack-Signature", SIGNATURE),
        ];
        assert_eq!(Claimed::read(&headers(&twice), wall(AT)), Err(Refused::Unsigned));
    }

    #[test]
    fn signatures_are_remembered_while_they_could_be_used_again() {
        let signatures = Signatures::default();
        let accept = |at: i64, body: &str, now: i64| {
            let pairs = [("x-slack-request-timestamp", at.to_string()), ("x-slack-signature", sign("s", at, body))];
            let pairs = pairs.each_ref().map(|(name, value)| (*name, value.as_str()));
            let claimed = Claimed::read(&headers(&pairs), wall(now))?;
            signatures.accept(&claimed, body.as_bytes(), "s", wall(now))
        };
        for n in 0..REMEMBERED {
            assert_eq!(accept(AT, &n.to_string(), AT), Ok(()));
        }
        assert_eq!(accept(AT, "one more", AT), Err(Refused::TooMany));
        assert_eq!(accept(AT, "0", AT + 300), Err(Refused::Replayed));
        assert_eq!(accept(AT, "0", AT + 301), Err(Refused::Untimely));
        assert_eq!(accept(AT + 301, "one more", AT + 301), Ok(()));
        assert_eq!(signatures.0.lock().unwrap().tags.len(), 1);
    }
}
