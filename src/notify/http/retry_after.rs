//! The header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::RETRY_AFTER};

use crate::domain::Time;

/// Maximum delay that a receiver can ask for.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// The delay: a number of seconds, or a date. `None` if the header is missing or invalid.
pub(super) fn parse(headers: &HeaderMap, wall: Time) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(SystemTime::from(wall)).unwrap_or_default()
    };
    Some(delay.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        let wall = "2026-11-30T12:00:00Z".parse().unwrap();
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            parse(&headers, wall).map(|delay| delay.as_secs())
        };
        for (text, delay) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("3600", Some(3_600)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Mon, 30 Nov 2026 12:01:30 GMT", Some(90)),
            ("Monday, 30-Nov-26 12:01:30 GMT", Some(90)),
            ("Mon Nov 30 12:01:30 2026", Some(90)),
            ("Mon, 30 Nov 2026 11:00:00 GMT", Some(0)),
            ("Tue, 01 Dec 2026 12:00:00 GMT", Some(3_600)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(read(text), delay, "{text:?}");
        }
        assert_eq!(parse(&HeaderMap::new(), wall), None);
    }
}
