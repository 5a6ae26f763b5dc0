//! The request id: connects a call's response with its log lines.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Uuid, fmt::Hyphenated};

/// Metadata key of the request id, in requests and responses.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest accepted id of a caller, in bytes.
const MAX_LEN: usize = 128;

/// The id of one call, in the extensions of its request. It is the caller's `x-request-id` if there is exactly one,
/// with 1 to 128 visible ASCII characters; otherwise a UUIDv4. Not the idempotency key of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id if it is valid, otherwise a new one.
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(&REQUEST_ID_HEADER).iter();
        match (values.next(), values.next()) {
            // With two ids, the log of a proxy may show the other one.
            (Some(value), None) if usable(value.as_bytes()) => Self(value.clone()),
            _ => Self::generate(),
        }
    }

    fn generate() -> Self {
        let mut buffer = [0; Hyphenated::LENGTH];
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).expect("hex digits and hyphens are visible ASCII"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("only visible ASCII is taken")
    }

    /// The id as the value of a header.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn usable(id: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(value: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_bytes(value).unwrap());
        RequestId::of_request(&headers)
    }

    #[test]
    fn a_usable_id_is_kept() {
        for id in ["a", "req-1/2", "!~", &"x".repeat(128)] {
            assert_eq!(taken(id.as_bytes()).as_str(), id);
        }
    }

    #[test]
    fn an_unusable_or_missing_id_is_replaced() {
        for id in [&b""[..], b"two words", b"tab\there", "caf\u{e9}".as_bytes(), "x".repeat(129).as_bytes()] {
            assert_version_4(&taken(id));
        }
        let mut twice = HeaderMap::new();
        (0..2).for_each(|_| _ = twice.append(REQUEST_ID_HEADER, HeaderValue::from_static("a")));
        assert_version_4(&RequestId::of_request(&twice));
        let (one, two) = (RequestId::of_request(&HeaderMap::new()), RequestId::of_request(&HeaderMap::new()));
        assert_version_4(&one);
        assert_ne!(one, two);
    }

    fn assert_version_4(id: &RequestId) {
        assert_eq!(Uuid::parse_str(id.as_str()).unwrap().get_version_num(), 4);
    }
}
