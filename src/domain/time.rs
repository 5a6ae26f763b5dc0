use std::time::Duration;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

/// A time in whole microseconds: the resolution that every store can keep.
pub type Time = DateTime<Utc>;

/// The last time that RFC 3339 and protobuf can represent: the end of the year 9999.
pub const LAST_TIME: Time = DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap();

/// A time plus a duration, at most the year 9999.
#[must_use]
pub fn after(time: Time, span: Duration) -> Time {
    let later = TimeDelta::from_std(span).ok().and_then(|span| time.checked_add_signed(span));
    later.map_or(LAST_TIME, |later| later.min(LAST_TIME))
}

/// A time minus a duration, at least 1970, the earliest time in stored keys.
#[must_use]
pub fn before(time: Time, span: Duration) -> Time {
    let earlier = TimeDelta::from_std(span).ok().and_then(|span| time.checked_sub_signed(span));
    earlier.map_or(Time::UNIX_EPOCH, |earlier| earlier.max(Time::UNIX_EPOCH))
}

/// Truncates a time to microseconds.
#[must_use]
pub fn truncate(time: Time) -> Time {
    time.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(time)
}

/// Microseconds since the Unix epoch. Earlier times become 0, so that the number sorts as unsigned.
#[must_use]
pub fn to_micros(time: Time) -> u64 {
    u64::try_from(time.timestamp_micros()).unwrap_or(0)
}

/// A duration as text, in the largest unit that holds it exactly, for example `90s`, `7d`. Parses back to the same
/// duration.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let nanos = duration.as_nanos();
    let unit = UNITS.iter().find(|(unit, _)| nanos > 0 && nanos.is_multiple_of(*unit));
    unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", nanos / unit))
}

/// Serde form of a time: RFC 3339 in text formats, microseconds since the Unix epoch in binary formats.
pub(crate) mod moment {
    use super::{DateTime, Time};
    use chrono::SecondsFormat;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
        } else {
            serializer.serialize_i64(time.timestamp_micros())
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            DateTime::parse_from_rfc3339(&text).map(|time| super::truncate(time.to_utc())).map_err(D::Error::custom)
        } else {
            let micros = i64::deserialize(deserializer)?;
            DateTime::from_timestamp_micros(micros).ok_or_else(|| D::Error::custom("time out of range"))
        }
    }
}

/// Serde form of an optional time.
pub(crate) mod optional_moment {
    use super::{Time, moment};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Moment(#[serde(with = "moment")] Time);

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Moment).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        Ok(Option::<Moment>::deserialize(deserializer)?.map(|Moment(time)| time))
    }
}

/// Serde form of a duration: whole microseconds.
pub(crate) mod micros {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

/// Like [`micros`], for optional durations.
pub(crate) mod optional_micros {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::micros::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
    }
}
