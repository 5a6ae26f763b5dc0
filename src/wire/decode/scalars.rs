//! Decodes ids, digests, enums and times.

use std::{str::FromStr, time::Duration};

use chrono::DateTime;

use super::Checker;
use crate::{
    domain::{ActorKind, Digest, Time, duration_text},
    proto::v1,
    wire::enums::Code as _,
};

/// The kind of a caller. Policies and the server itself make no calls.
pub(super) fn caller_kind(wire: v1::ActorKind) -> Option<ActorKind> {
    ActorKind::from_wire(wire).filter(|kind| !matches!(kind, ActorKind::Policy | ActorKind::Server))
}

impl Checker {
    /// Decodes a UUID.
    pub(super) fn id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        let id = text.parse().ok();
        if id.is_none() {
            let wrong = if text.is_empty() { "is required" } else { "is not a UUID" };
            self.refuse(field, format!("{wrong}; expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"));
        }
        id
    }

    /// Decodes a digest.
    pub(super) fn digest(&mut self, field: &str, text: &str) -> Option<Digest> {
        let digest = text.parse();
        if let Err(error) = &digest {
            let wrong = if text.is_empty() { "is required" } else { "is malformed" };
            self.refuse(field, format!("{wrong}: {error}"));
        }
        digest.ok()
    }

    /// Decodes an enum value with `known`. `allowed` lists the values for the message.
    pub(super) fn choice<W: TryFrom<i32>, T>(
        &mut self,
        field: &str,
        number: i32,
        allowed: &str,
        known: impl FnOnce(W) -> Option<T>,
    ) -> Option<T> {
        let choice = W::try_from(number).ok().and_then(known);
        if choice.is_none() {
            let wrong =
                if number == 0 { "is unspecified".to_owned() } else { format!("is {number}, which is unknown") };
            self.refuse(field, format!("{wrong}; it must be {allowed}"));
        }
        choice
    }

    /// Decodes a duration between `min` and `max`. Truncates it to microseconds.
    pub(super) fn span(
        &mut self,
        field: &str,
        from: &prost_types::Duration,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        const NANOS: i32 = 1_000_000_000;
        let (seconds, nanos) = (from.seconds, from.nanos);
        let mixed = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
        if mixed || nanos <= -NANOS || nanos >= NANOS {
            let wrong = format!("is malformed: {seconds} s and {nanos} ns");
            self.refuse(field, format!("{wrong}; nanos must have the sign of seconds, and be less than 1 s"));
            return None;
        }
        let range = || format!("from {} to {}", duration_text(min), duration_text(max));
        let (Ok(whole), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else {
            self.refuse(field, format!("is negative; it must be {}", range()));
            return None;
        };
        let span = Duration::new(whole, nanos);
        if span < min || span > max {
            self.refuse(field, format!("is {} s; it must be {}", span.as_secs_f64(), range()));
            return None;
        }
        Some(Duration::new(whole, nanos / 1_000 * 1_000))
    }

    /// Decodes a time, rounded up to microseconds: so the bounds of a range stay exact for recorded times.
    pub(super) fn moment(&mut self, field: &str, from: Option<prost_types::Timestamp>) -> Option<Time> {
        /// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of a Timestamp.
        const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
        let prost_types::Timestamp { seconds, nanos } = from?;
        let micros =
            u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000).map(|nanos| nanos.div_ceil(1_000));
        let carry = |micros: u32| (seconds + i64::from(micros / 1_000_000), micros % 1_000_000 * 1_000);
        let moment = micros
            .filter(|_| RANGE.contains(&seconds))
            .map(carry)
            .and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos));
        if moment.is_none() {
            let wrong = format!("is malformed: {seconds} s and {nanos} ns");
            self.refuse(field, format!("{wrong}; it must be in the years 1 to 9999, with nanos from 0 to 999999999"));
        }
        moment
    }
}
