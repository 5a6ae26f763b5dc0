//! The caller's own deadline, from the `grpc-timeout` header.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// How long the caller waits, counted from when it sent the call. `None` without the header or if it is malformed,
/// which the gRPC specification treats alike. If there are several, the shortest counts: the response is then in time
/// for any proxy.
#[must_use]
pub fn of(metadata: &MetadataMap) -> Option<Duration> {
    metadata.get_all("grpc-timeout").iter().filter_map(|value| parse(value.to_str().ok()?)).min()
}

/// How long to wait so that the response arrives before the caller's deadline. Reserves a tenth of the time, at least
/// 20 ms and at most a second.
#[must_use]
pub fn in_time(left: Duration) -> Duration {
    left.saturating_sub((left / 10).clamp(Duration::from_millis(20), Duration::from_secs(1)))
}

/// 1 to 8 digits and a unit, such as `100m` (milliseconds) or `5S` (seconds).
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 60 * 60),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_before_the_deadline() {
        for (left, wait) in [(10, 0), (100, 80), (2_000, 1_800), (60_000, 59_000)] {
            assert_eq!(in_time(Duration::from_millis(left)), Duration::from_millis(wait));
        }
    }

    #[test]
    fn reads_every_unit() {
        let cases = [
            ("2H", Duration::from_secs(7_200)),
            ("3M", Duration::from_secs(180)),
            ("5S", Duration::from_secs(5)),
            ("100m", Duration::from_millis(100)),
            ("7u", Duration::from_micros(7)),
            ("9n", Duration::from_nanos(9)),
            ("0m", Duration::ZERO),
            ("99999999H", Duration::from_secs(359_999_996_400)),
        ];
        for (text, expected) in cases {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(of(&metadata), Some(expected), "{text}");
        }
    }

    #[test]
    fn of_several_the_shortest_counts() {
        for texts in [["5S", "100m"], ["100m", "5S"], ["100m", "x"]] {
            let mut metadata = MetadataMap::new();
            texts.iter().for_each(|text| _ = metadata.append("grpc-timeout", text.parse().unwrap()));
            assert_eq!(of(&metadata), Some(Duration::from_millis(100)), "{texts:?}");
        }
    }

    #[test]
    fn ignores_what_is_malformed() {
        assert_eq!(of(&MetadataMap::new()), None);
        for text in ["", "S", "5", "5s", "-5S", "+5S", " 5S", "123456789S", "5SS", "1.5S", "5é", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
