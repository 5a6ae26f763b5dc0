//! Times on pages: UTC in the page, which a script turns into the viewer's zone.

use std::{fmt, time::Duration};

use askama::{FastWritable, Values, filters::HtmlSafe};

use crate::domain::Time;

/// A moment, as an HTML `time` element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) Time);

impl Moment {
    /// For templates, which pass references.
    pub(super) const fn of(time: &Time) -> Self {
        Self(*time)
    }
}

impl HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, person) = (self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ"), self.0.format("%Y-%m-%d %H:%M UTC"));
        write!(f, "<time datetime=\"{machine}\" title=\"{person}\">{person}</time>")
    }
}

impl FastWritable for Moment {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

/// The time until a deadline, as an HTML element that a script counts down. Without the script it shows the time left
/// when the page was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Countdown {
    /// The deadline, in server time.
    pub(super) deadline: Time,
    /// Server time when the page is made. The script counts from it, because the viewer's clock may be wrong.
    pub(super) now: Time,
}

impl Countdown {
    /// The time left.
    pub(super) fn left(self) -> Duration {
        (self.deadline - self.now).to_std().unwrap_or_default()
    }
}

impl HtmlSafe for Countdown {}

impl fmt::Display for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left();
        write!(f, "<span class=\"countdown\" data-left-ms=\"{}\">{}</span>", left.as_millis(), left_text(left))
    }
}

impl FastWritable for Countdown {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

/// The time left in words: `1:42 left` below ten minutes, then `22 min left`, `5 h left`, `3 days left`.
pub(super) fn left_text(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0 => super::texts::TIMED_OUT.to_owned(),
        1..600 => super::texts::left(&format!("{}:{:02}", seconds / 60, seconds % 60)),
        600..7_200 => super::texts::left(&format!("{} {}", seconds / 60, super::texts::span::MINUTES_LEFT)),
        7_200..172_800 => super::texts::left(&format!("{} {}", seconds / 3_600, super::texts::span::HOURS_LEFT)),
        _ => super::texts::left(&format!("{} {}", seconds / 86_400, super::texts::span::DAYS_LEFT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{after, samples::at};

    #[test]
    fn times_are_for_machines_and_people() {
        let later = after(Time::UNIX_EPOCH, Duration::from_secs(90));
        assert_eq!(
            Moment(later).to_string(),
            "<time datetime=\"1970-01-01T00:01:30.000Z\" title=\"1970-01-01 00:01 UTC\">1970-01-01 00:01 UTC</time>"
        );
    }

    #[test]
    fn the_time_left_is_text() {
        for (seconds, text) in [
            (0, "timed out"),
            (1, "0:01 left"),
            (102, "1:42 left"),
            (599, "9:59 left"),
            (600, "10 min left"),
            (7_199, "119 min left"),
            (7_200, "2 h left"),
            (172_800, "2 days left"),
        ] {
            let shown = Countdown { deadline: at(seconds), now: at(0) }.to_string();
            assert!(shown.ends_with(&format!(">{text}</span>")), "{shown}");
            assert!(shown.contains(&format!("data-left-ms=\"{}\"", seconds * 1_000)), "{shown}");
        }
        let late = Countdown { deadline: at(1), now: at(2) }.to_string();
        assert!(late.contains("data-left-ms=\"0\">timed out<"), "{late}");
    }
}
