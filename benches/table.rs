//! The table of results: the measure, its figure, its baselines with the ratio, and the target.

use std::{fmt, time::Duration};

use comfy_table::presets::UTF8_FULL_CONDENSED;

/// A figure with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Operations per second.
    Rate(f64),
    /// A time.
    Time(Duration),
    /// The additional time against a baseline, in seconds.
    Longer(f64),
    /// Bytes.
    Bytes(f64),
    /// A fraction of 1.
    Share(f64),
}

impl Figure {
    fn number(self) -> f64 {
        match self {
            Self::Rate(number) | Self::Bytes(number) | Self::Longer(number) | Self::Share(number) => number,
            Self::Time(time) => time.as_secs_f64(),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => write!(f, "{rate:.0}/s"),
            Self::Time(time) if *time < Duration::from_micros(100) => write!(f, "{:.2} µs", time.as_secs_f64() * 1e6),
            Self::Time(time) if *time < Duration::from_millis(1) => write!(f, "{} µs", time.as_micros()),
            Self::Time(time) if *time < Duration::from_secs(1) => write!(f, "{:.2} ms", time.as_secs_f64() * 1e3),
            Self::Time(time) => write!(f, "{:.2} s", time.as_secs_f64()),
            Self::Longer(seconds) => write!(f, "{:+.2} µs", seconds * 1e6),
            Self::Share(share) => write!(f, "{:.1} %", share * 100.0),
            Self::Bytes(bytes) => write!(f, "{:.1} KiB", bytes / 1024.0),
        }
    }
}

/// The target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// The figure is at most this.
    AtMost(Figure),
    /// The figure's ratio to the first baseline is at least this.
    Ratio(f64),
    /// The figure's ratio to the first baseline is at most this.
    RatioAtMost(f64),
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    measure: String,
    figure: Figure,
    latencies: Option<(Duration, Duration)>,
    baselines: Vec<(&'static str, Figure)>,
    aim: Option<Aim>,
}

impl Row {
    pub(crate) fn new(measure: impl Into<String>, figure: Figure) -> Self {
        Self { measure: measure.into(), figure, latencies: None, baselines: Vec::new(), aim: None }
    }

    /// Adds the median and the 99th percentile of single calls.
    pub(crate) fn quantiles(self, p50: Duration, p99: Duration) -> Self {
        Self { latencies: Some((p50, p99)), ..self }
    }

    pub(crate) fn against(mut self, name: &'static str, figure: Figure) -> Self {
        self.baselines.push((name, figure));
        self
    }

    pub(crate) fn aim(self, aim: Aim) -> Self {
        Self { aim: Some(aim), ..self }
    }

    fn ratio(&self, baseline: Figure) -> f64 {
        self.figure.number() / baseline.number()
    }

    /// The target in words, and whether it was met.
    fn verdict(&self) -> (String, &'static str) {
        let ratio = || self.baselines.first().map_or(f64::NAN, |(_, figure)| self.ratio(*figure));
        let (aim, met) = match self.aim {
            None => return (String::new(), ""),
            Some(Aim::AtMost(most)) => (format!("≤ {most}"), self.figure.number() <= most.number()),
            Some(Aim::Ratio(least)) => (format!("ratio ≥ {least:.2}"), ratio() >= least),
            Some(Aim::RatioAtMost(most)) => (format!("ratio ≤ {most:.2}"), ratio() <= most),
        };
        (aim, if met { "met" } else { "MISSED" })
    }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a row, and prints progress immediately.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {}: {}", row.measure, row.figure);
        self.0.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["measure", "figure", "p50", "p99", "baseline", "ratio", "aim", ""]);
        let lines = |lines: Vec<String>| lines.join("\n");
        for row in &self.0 {
            let (p50, p99) = match row.latencies {
                Some((p50, p99)) => (Figure::Time(p50).to_string(), Figure::Time(p99).to_string()),
                None => (String::new(), String::new()),
            };
            let (aim, verdict) = row.verdict();
            table.add_row([
                row.measure.clone(),
                row.figure.to_string(),
                p50,
                p99,
                lines(row.baselines.iter().map(|(name, figure)| format!("{name} {figure}")).collect()),
                lines(row.baselines.iter().map(|(_, figure)| format!("{:.2}", row.ratio(*figure))).collect()),
                aim,
                verdict.to_owned(),
            ]);
        }
        table.fmt(f)
    }
}
