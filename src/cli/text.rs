//! Text from others, made safe to look at; times and spans in few characters.

use std::{fmt::Write as _, ops::RangeInclusive, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};

/// Characters that show nothing, reorder what is around them, or mean something private; controls come on top.
/// Unicode's Default_Ignorable_Code_Point, the separators and odd spaces, private use.
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{a0}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2000}'..='\u{200f}',
    '\u{2028}'..='\u{202f}',
    '\u{205f}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{e000}'..='\u{f8ff}',
    '\u{fdd0}'..='\u{fdef}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{fffe}'..='\u{ffff}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
    '\u{f0000}'..='\u{10ffff}',
];

fn is_invisible(c: char) -> bool {
    c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c))
}

/// `text` with everything invisible shown as an escape; the result is one line and moves no cursor.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_invisible(c) => _ = write!(escaped, "\\u{{{:x}}}", u32::from(c)),
            c => escaped.push(c),
        }
    }
    escaped
}

/// [`escape`]d, at most `limit` characters; an ellipsis marks what was cut.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    // No character escapes to nothing, so more than this cannot be shown.
    let head: String = text.chars().take(limit + 1).collect();
    let escaped = escape(&head);
    if escaped.chars().count() <= limit {
        return escaped;
    }
    escaped.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// A span of time in its two greatest units, rounded down: `45s`, `3m12s`, `2d4h`.
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

/// A time as people write it, to the second, in UTC; `-` when there is none.
pub(super) fn moment(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(instant).map_or_else(|| "-".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A protocol time as a chrono one; `None` when it is out of chrono's range.
pub(super) fn instant(time: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

/// From `earlier` to `later`; nothing when it is the other way round, or when either is missing.
pub(super) fn between(earlier: Option<DateTime<Utc>>, later: Option<DateTime<Utc>>) -> Duration {
    earlier.zip(later).and_then(|(earlier, later)| (later - earlier).to_std().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        let cases = [
            ("plain äöü 日本 🙂 \\d", "plain äöü 日本 🙂 \\d"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("line\nnext\r\t", "line\\nnext\\r\\t"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("\u{7f}", "\\u{7f}"),
            ("\u{3164}\u{2800}\u{ad}", "\\u{3164}\\u{2800}\\u{ad}"),
        ];
        for (given, expected) in cases {
            assert_eq!(escape(given), expected);
        }
    }

    #[test]
    fn cutting_is_marked_and_comes_after_escaping() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("ab\u{202e}", 6), "ab\\u{…");
        assert_eq!(shorten(&"ä".repeat(1_000_000), 3), "ää…");
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
