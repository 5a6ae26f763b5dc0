//! Parsing of durations.

use std::time::Duration;

/// Parses a duration: numbers with units, such as `90s`, `1h30m` or `7d`.
///
/// # Errors
///
/// Says how to write a duration.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("has no unit; write {text}s for seconds, or {text}m for minutes")
        } else {
            "not a duration; examples: 90s, 5m, 1h30m, 7d".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::duration_text;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in
            [("90s", 90), ("1h30m", 5_400), ("1h 30m", 5_400), ("7days", 604_800), ("7d", 604_800), ("2hours", 7_200)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn the_error_says_how_to_write_a_duration() {
        assert_eq!(parse_duration("90").unwrap_err(), "has no unit; write 90s for seconds, or 90m for minutes");
        for text in ["", "5x", "s", "-5s", "forever"] {
            assert_eq!(parse_duration(text).unwrap_err(), "not a duration; examples: 90s, 5m, 1h30m, 7d");
        }
    }

    #[test]
    fn displayed_durations_parse() {
        for seconds in [1, 60, 90, 3_600, 86_400, 604_800, 100_000_000] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }
    }
}
