//! Safe display of text from other users; short forms of times and durations.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::unicode;

/// [`unicode::escape`]: text from other users as one line, without control characters.
pub(super) fn escape(text: &str) -> String {
    unicode::escape(text).into_owned()
}

/// A duration in its two largest units, rounded down: `45s`, `3m12s`, `2d4h`.
pub(super) fn span(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let seconds = duration.as_secs();
    let Some(first) = UNITS.iter().position(|(_, size)| seconds >= *size) else { return "0s".to_owned() };
    let (unit, size) = UNITS[first];
    let mut text = format!("{}{unit}", seconds / size);
    if let Some((unit, next)) = UNITS.get(first + 1).filter(|(_, next)| seconds % size >= *next) {
        _ = write!(text, "{}{unit}", seconds % size / next);
    }
    text
}

/// A time in RFC 3339, in whole seconds and UTC; `-` without a time.
pub(super) fn moment(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(instant).map_or_else(|| "-".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Converts a protobuf time to chrono; `None` if it is out of chrono's range.
pub(super) fn instant(time: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

/// The duration from `earlier` to `later`; zero if they are reversed, or if one is missing.
pub(super) fn between(earlier: Option<DateTime<Utc>>, later: Option<DateTime<Utc>>) -> Duration {
    earlier.zip(later).and_then(|(earlier, later)| (later - earlier).to_std().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unicode::samples::{INVISIBLE, VISIBLE};

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for c in INVISIBLE.iter().copied().filter(|c| *c != '\r') {
            assert_eq!(escape(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
        for text in VISIBLE.iter().copied().chain(["plain äöü 日本 🙂 \\d"]) {
            assert_eq!(escape(text), text);
        }
        assert_eq!(escape("line\nnext\r\t"), "line\\nnext\\r\\t");
    }

    #[test]
    fn spans() {
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (192, "3m12s"), (3_600, "1h"), (3_601, "1h"), (187_200, "2d4h")];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times() {
        let time = prost_types::Timestamp { seconds: 1_767_225_600, nanos: 5 };
        assert_eq!(moment(Some(&time)), "2026-01-01T00:00:00Z");
        assert_eq!(moment(None), "-");
        assert_eq!(moment(Some(&prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })), "-");
        let later = instant(&time).map(|time| time + chrono::TimeDelta::seconds(3));
        assert_eq!(between(instant(&time), later), Duration::from_secs(3));
        assert_eq!(between(later, instant(&time)), Duration::ZERO);
    }
}
