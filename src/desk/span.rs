//! Lengths of time in words.

use std::time::Duration;

use super::texts;

/// Units in microseconds, with their names for one and for several.
const UNITS: [(u128, &str, &str); 6] = [
    (86_400_000_000, texts::span::DAY, texts::span::DAYS),
    (3_600_000_000, texts::span::HOUR, texts::span::HOURS),
    (60_000_000, texts::span::MINUTE, texts::span::MINUTES),
    (1_000_000, texts::span::SECOND, texts::span::SECONDS),
    (1_000, texts::span::MILLISECOND, texts::span::MILLISECONDS),
    (1, texts::span::MICROSECOND, texts::span::MICROSECONDS),
];

/// Exactly, for settings: `1 hour 30 minutes`.
pub(super) fn exactly(span: Duration) -> String {
    parts(span, UNITS.len(), UNITS.len())
}

/// Roughly, for what goes on: the two largest units, at least seconds.
pub(super) fn roughly(span: Duration) -> String {
    parts(span, 2, 4)
}

fn parts(span: Duration, most: usize, units: usize) -> String {
    let mut rest = span.as_micros();
    let mut parts = Vec::new();
    for (unit, one, many) in UNITS.into_iter().take(units) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 && parts.len() < most {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    if parts.is_empty() { format!("0 {}", texts::span::SECONDS) } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_exact_or_rough() {
        for (millis, exact, rough) in [
            (0, "0 seconds", "0 seconds"),
            (1_500, "1 second 500 milliseconds", "1 second"),
            (1_800_000, "30 minutes", "30 minutes"),
            (5_400_000, "1 hour 30 minutes", "1 hour 30 minutes"),
            (187_205_000, "2 days 4 hours 5 seconds", "2 days 4 hours"),
        ] {
            let span = Duration::from_millis(millis);
            assert_eq!((exactly(span).as_str(), roughly(span).as_str()), (exact, rough));
        }
        assert_eq!(exactly(Duration::from_micros(7)), "7 microseconds");
    }
}
