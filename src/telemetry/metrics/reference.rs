//! The table of metrics for the documentation, read from what a scrape returns: a metric cannot be missing in it.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use chrono::DateTime;
use tonic::Code;

use super::Metrics;
use crate::{domain::Status, telemetry::methods::OTHER};

/// The table of metrics in Markdown, for the documentation.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = String::from("| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n");
    for family in families(&sampled().render(DateTime::UNIX_EPOCH)) {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {} | {} |", family.name(), family.kind, labels.join(", "), family.help);
    }
    text
}

/// Metrics in which every family has a sample: labels are only in samples.
fn sampled() -> Metrics {
    let metrics = Metrics::new("");
    metrics.call_ended(OTHER, Code::Ok, Duration::ZERO);
    metrics.0.tools.count("", false, Status::Pending);
    metrics.0.rules.count("", false, Status::Pending);
    metrics.tls_certificate(DateTime::UNIX_EPOCH + Duration::from_secs(1), false);
    metrics.0.deliveries.sample();
    metrics
}

/// Samples of one name.
#[derive(Default)]
struct Family {
    /// As in its `HELP` line, without the ending that its type gives to samples.
    base: String,
    kind: String,
    /// Without its full stop.
    help: String,
    /// In the order of the samples.
    labels: Vec<String>,
}

impl Family {
    /// The name to query. That of a histogram gets `_bucket`, `_sum` or `_count`.
    fn name(&self) -> String {
        let ending = match self.kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        format!("{}{ending}", self.base)
    }
}

/// The families of OpenMetrics text, by name.
fn families(text: &str) -> Vec<Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    for line in text.lines() {
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["#", "HELP", base, help] => {
                base.clone_into(&mut current);
                let help = help.trim_end_matches('.').to_owned();
                families.insert(current.clone(), Family { base: current.clone(), help, ..Family::default() });
            }
            ["#", "TYPE", base, kind] => families.entry(base.to_owned()).or_default().kind = kind.to_owned(),
            _ if line.starts_with(current.as_str()) => {
                let family = families.entry(current.clone()).or_default();
                for label in labels(line).filter(|label| *label != "le") {
                    if !family.labels.iter().any(|known| known == label) {
                        family.labels.push(label.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    families.into_values().collect()
}

/// The names in `name{first="…",second="…"} 1`. No value of [`sampled`] has a character that is escaped.
fn labels(sample: &str) -> impl Iterator<Item = &str> {
    let labels = sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
    labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name)
}

#[cfg(test)]
mod monitoring;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_type_its_labels_and_its_help() {
        let text = "# HELP up_seconds How long.\n# TYPE up_seconds histogram\n# UNIT up_seconds seconds\n\
                    up_seconds_sum{by=\"a\"} 1\nup_seconds_bucket{le=\"1\",by=\"b\",to=\"c,d\"} 1\n\
                    # HELP calls Calls.\n# TYPE calls counter\ncalls_total 0\n# EOF\n";
        let [calls, up] = &families(text)[..] else { panic!("two families") };
        assert_eq!((calls.name().as_str(), calls.help.as_str(), calls.labels.len()), ("calls_total", "Calls", 0));
        assert_eq!((up.name().as_str(), up.kind.as_str(), up.help.as_str()), ("up_seconds", "histogram", "How long"));
        assert_eq!(up.labels, ["by", "to"]);
    }

    #[test]
    fn every_metric_has_a_sample_in_the_table() {
        let metrics = sampled().render(DateTime::UNIX_EPOCH);
        for family in families(&metrics) {
            let sampled = metrics.lines().any(|line| line.starts_with(&family.base));
            assert!(sampled && !family.kind.is_empty() && !family.help.is_empty(), "{}", family.base);
        }
        let table = reference_markdown();
        assert!(table.contains("| `signoff_requests_total` | counter | `method`, `code` | "), "{table}");
        assert!(table.contains("| `signoff_tool_approvals_total` | counter | `tool`, `status` | "), "{table}");
        assert!(table.contains("| `signoff_build_info` | info | `version` | "), "{table}");
    }
}
