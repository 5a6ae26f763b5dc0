//! Flags that several commands share the meaning of: labels, times, statuses.

use std::{collections::HashMap, time::SystemTime};

use chrono::{DateTime, Utc};

use super::failure::Failure;
use crate::proto::v1::ApprovalStatus;

/// `key=value` pairs as labels; a key given twice is refused.
pub(super) fn labels(pairs: &[String]) -> Result<HashMap<String, String>, Failure> {
    let mut labels = HashMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Usage(format!("--label {pair:?}: expected KEY=VALUE")));
        };
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::Usage(format!("--label {key}: given twice")));
        }
    }
    Ok(labels)
}

/// A time: RFC 3339, or a span like `24h` before now.
#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
pub(super) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let span = humantime::parse_duration(text)
        .map_err(|_| "expected a span like 24h or 7d, or a time like 2026-01-31T12:00:00Z".to_owned())?;
    SystemTime::now().checked_sub(span).map(Into::into).ok_or_else(|| "too long ago".to_owned())
}

pub(super) fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    // Cannot wrap: there are fewer than 2^31 nanoseconds in a second, leap seconds included.
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
    TimedOut,
    /// Withdrawn by the requester
    Cancelled,
    /// Approved by the policy
    AutoApproved,
    /// Rejected by the policy
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
    use super::*;

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
    #[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
    fn times_are_absolute_or_before_now() {
        let absolute = parse_time("2026-01-31T12:00:00.5+02:00").unwrap();
        assert_eq!(timestamp(absolute), prost_types::Timestamp { seconds: 1_769_853_600, nanos: 500_000_000 });
        let before = Utc::now() - chrono::TimeDelta::hours(24);
        let parsed = parse_time("24h").unwrap();
        assert!(parsed >= before && parsed <= Utc::now() - chrono::TimeDelta::hours(24));
        assert!(parse_time("yesterday").is_err());
    }
}
