//! The server's time, for ages and deadlines: this machine's clock may be wrong.

use std::time::{Instant, SystemTime};

use chrono::{DateTime, Utc};
use tonic::Response;

use super::text::instant;
use crate::proto::v1::Approval;

/// The server's time: the time of a response, plus the time since then by a monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerTime {
    at: DateTime<Utc>,
    read: Instant,
}

impl ServerTime {
    /// The time in the `date` header of a response, in whole seconds. The local time if a proxy removed the header.
    #[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
    pub(super) fn of<T>(response: &Response<T>) -> Self {
        let date = response.metadata().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let at = date.map_or_else(|| SystemTime::now().into(), |date| date.to_utc());
        Self { at, read: Instant::now() }
    }

    /// The time now.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.at + self.read.elapsed()
    }

    /// Moves forward to the newest time in an approval, because that time has passed.
    #[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
    pub(super) fn follow(&mut self, approval: &Approval) {
        if let Some(newest) = approval.update_time.as_ref().and_then(instant).filter(|newest| *newest > self.now()) {
            *self = Self { at: newest, read: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(date: &str) -> Response<()> {
        let mut response = Response::new(());
        response.metadata_mut().insert("date", date.parse().unwrap());
        response
    }

    #[test]
    fn the_servers_clock_counts() {
        let time = ServerTime::of(&dated("Thu, 01 Jan 2026 00:00:00 GMT"));
        let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        assert!(time.now() >= begin && time.now() < begin + chrono::TimeDelta::hours(1));
    }

    #[test]
    fn what_has_happened_is_not_in_the_future() {
        let mut time = ServerTime::of(&dated("Thu, 01 Jan 2026 00:00:00 GMT"));
        let updated = |seconds| Approval {
            update_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            ..Approval::default()
        };
        time.follow(&updated(1_767_225_600 + 7_200));
        let later = DateTime::from_timestamp(1_767_225_600 + 7_200, 0).unwrap();
        assert!(time.now() >= later);
        time.follow(&updated(1_767_225_600));
        assert!(time.now() >= later);
    }
}
