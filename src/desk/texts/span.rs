//! Units of time.

// Units of countdowns, without a space in them
pub(in crate::desk) const MINUTES_LEFT: &str = "min";
pub(in crate::desk) const HOURS_LEFT: &str = "h";
pub(in crate::desk) const DAYS_LEFT: &str = "days";

pub(in crate::desk) const DAY: &str = "day";
pub(in crate::desk) const DAYS: &str = "days";
pub(in crate::desk) const HOUR: &str = "hour";
pub(in crate::desk) const HOURS: &str = "hours";
pub(in crate::desk) const MINUTE: &str = "minute";
pub(in crate::desk) const MINUTES: &str = "minutes";
pub(in crate::desk) const SECOND: &str = "second";
pub(in crate::desk) const SECONDS: &str = "seconds";
pub(in crate::desk) const MILLISECOND: &str = "millisecond";
pub(in crate::desk) const MILLISECONDS: &str = "milliseconds";
pub(in crate::desk) const MICROSECOND: &str = "microsecond";
pub(in crate::desk) const MICROSECONDS: &str = "microseconds";
