//! Options that several commands share: labels, times, statuses.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::failure::Failure;
use crate::{config::parse_duration, proto::v1::ApprovalStatus};

/// Parses `key=value` pairs as labels. Rejects duplicate keys.
pub(super) fn labels(pairs: &[String]) -> Result<HashMap<String, String>, Failure> {
    let mut labels = HashMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Usage(format!("--label {pair:?}: expected KEY=VALUE")));
        };
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::Usage(format!("--label {key}: set twice")));
        }
    }
    Ok(labels)
}

/// A time, as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFilter {
    /// At this time.
    At(DateTime<Utc>),
    /// This duration before now, by the server's clock, which dates the approvals.
    Ago(TimeDelta),
}

impl TimeFilter {
    /// The absolute time, if it is `now` at the server; not before 1970.
    pub(super) fn time(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now.checked_sub_signed(span).unwrap_or(DateTime::UNIX_EPOCH).max(DateTime::UNIX_EPOCH),
        }
    }
}

/// Parses a time: RFC 3339, or a duration such as `24h` before now.
pub(super) fn parse_time(text: &str) -> Result<TimeFilter, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(TimeFilter::At(time.to_utc()));
    }
    let span = parse_duration(text)
        .map_err(|_| "expected a duration before now, such as 24h or 7d, or a time such as 2026-01-31T12:00:00Z")?;
    TimeDelta::from_std(span).map(TimeFilter::Ago).map_err(|_| "too long ago".to_owned())
}

pub(super) fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    // Cannot wrap: a second has fewer than 2^31 nanoseconds, even a leap second.
    prost_types::Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos().cast_signed() }
}

/// A status, as a flag's value.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum StatusFilter {
    /// Waiting for a decision
    Pending,
    /// Approved by people
    Approved,
    /// Rejected by a person
    Rejected,
    /// The deadline passed
    #[value(alias = "timed_out")]
    TimedOut,
    /// Cancelled by the requester
    Cancelled,
    /// Approved by the policy
    #[value(alias = "auto_approved")]
    AutoApproved,
    /// Rejected by the policy
    #[value(alias = "auto_rejected")]
    AutoRejected,
}

impl From<StatusFilter> for ApprovalStatus {
    fn from(filter: StatusFilter) -> Self {
        match filter {
            StatusFilter::Pending => Self::Pending,
            StatusFilter::Approved => Self::Approved,
            StatusFilter::Rejected => Self::Rejected,
            StatusFilter::TimedOut => Self::TimedOut,
            StatusFilter::Cancelled => Self::Cancelled,
            StatusFilter::AutoApproved => Self::AutoApproved,
            StatusFilter::AutoRejected => Self::AutoRejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::describe, *};

    #[test]
    fn label_pairs() {
        let pairs = ["env=prod".to_owned(), "note=a=b".to_owned(), "empty=".to_owned()];
        let labels_given = labels(&pairs).unwrap();
        assert_eq!(labels_given["env"], "prod");
        assert_eq!(labels_given["note"], "a=b");
        assert_eq!(labels_given["empty"], "");
        for bad in [vec!["x".to_owned()], vec!["=x".to_owned()], vec!["a=1".to_owned(), "a=1".to_owned()]] {
            assert!(labels(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_absolute_or_before_now() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let absolute = parse_time("2026-01-31T12:00:00.5+02:00").unwrap().time(now);
        assert_eq!(timestamp(absolute), prost_types::Timestamp { seconds: 1_769_853_600, nanos: 500_000_000 });
        for (text, ago) in [("24h", 86_400), ("7days", 604_800), ("1h30m", 5_400)] {
            assert_eq!(parse_time(text).unwrap().time(now), now - TimeDelta::seconds(ago), "{text}");
        }
        assert_eq!(parse_time("900000years").unwrap().time(now), DateTime::UNIX_EPOCH);
        assert!(parse_time("yesterday").unwrap_err().contains("such as 24h or 7d"));
    }

    #[test]
    fn statuses_are_taken_as_they_are_printed() {
        use clap::ValueEnum as _;
        for text in ["timed-out", "timed_out", "TIMED_OUT", "Timed-Out"] {
            assert!(matches!(StatusFilter::from_str(text, true), Ok(StatusFilter::TimedOut)), "{text}");
        }
        for status in StatusFilter::value_variants() {
            let printed = describe::status(ApprovalStatus::from(*status).into());
            assert!(StatusFilter::from_str(&printed, true).is_ok(), "{printed}");
        }
    }
}
