//! The dashboard and the alert rules of `deploy/` use only metrics and labels that exist, and the dashboard shows all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;

use super::{families, sampled};

/// Labels that Prometheus adds, and the bound of a histogram's bucket.
const ADDED: [&str; 3] = ["job", "instance", "le"];

#[expect(clippy::disallowed_methods, reason = "the repository's own files")]
fn file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    let text = std::fs::read_to_string(path).expect(name);
    // As in a query: JSON escapes quotes.
    text.replace("\\\"", "\"")
}

/// The labels of every sample's name, such as `signoff_request_seconds_bucket`.
fn samples() -> BTreeMap<String, BTreeSet<String>> {
    let text = sampled().render(DateTime::UNIX_EPOCH);
    let families = families(&text);
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    let labels = |name: &str| {
        let family = families.iter().filter(|family| name.starts_with(family.base.as_str()));
        let family = family.max_by_key(|family| family.base.len()).expect("every sample has a family");
        family.labels.iter().cloned().collect()
    };
    names.map(|name| (name.to_owned(), labels(name))).collect()
}

/// The metrics that a text uses, each with the text after its name.
fn used(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices("signoff_").map(|(at, _)| {
        let end = text[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len() - at);
        text[at..].split_at(end)
    })
}

/// The labels of the selector that follows a name, if there is one.
fn selected(after: &str) -> Vec<&str> {
    let selector = after.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(selector, _)| selector);
    let label = |matcher: &'_ str| matcher.find(['=', '!']).map(|end| matcher[..end].trim().len());
    selector.split(',').filter_map(|matcher| label(matcher).map(|length| &matcher.trim_start()[..length])).collect()
}

/// What a text uses and the server does not have.
fn problems(text: &str) -> Vec<String> {
    let samples = samples();
    let mut problems = Vec::new();
    for (name, after) in used(text) {
        let Some(labels) = samples.get(name) else {
            problems.push(name.to_owned());
            continue;
        };
        let unknown = selected(after).into_iter().filter(|label| !ADDED.contains(label) && !labels.contains(*label));
        problems.extend(unknown.map(|label| format!("{name}{{{label}}}")));
    }
    let all: BTreeSet<&str> = samples.values().flatten().map(String::as_str).chain(ADDED).collect();
    for (_, grouping) in text.match_indices("by (").map(|(at, by)| text.split_at(at + by.len())) {
        let labels = grouping.split_once(')').map_or("", |(labels, _)| labels).split(',').map(str::trim);
        // In the rules' tests, alerts have a label of their own.
        let unknown = labels.filter(|label| !all.contains(label) && *label != "alertname");
        problems.extend(unknown.map(|label| format!("by ({label})")));
    }
    problems
}

#[test]
fn the_dashboard_and_the_alerts_use_metrics_and_labels_that_exist() {
    for path in ["grafana/signoff.json", "prometheus/alerts.yaml", "prometheus/alerts_test.yaml"] {
        let text = file(path);
        assert!(used(&text).count() > 15, "{path}");
        assert_eq!(problems(&text), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let text = file("grafana/signoff.json");
    let shown: Vec<_> = used(&text).map(|(name, _)| name).collect();
    for family in families(&sampled().render(DateTime::UNIX_EPOCH)) {
        let name = family.name();
        assert!(shown.iter().any(|shown| shown.starts_with(&name)), "{name}");
    }
}

#[test]
fn unknown_metrics_and_labels_are_found() {
    let text = r#"rate(signoff_requests_total{code="OK", status=~"x"}[5m]) / signoff_request_totals + signoff_requests
                  + sum by (le, statuss) (signoff_request_seconds_bucket{le!="1", method="a,b"})"#;
    let expected = ["signoff_requests_total{status}", "signoff_request_totals", "signoff_requests", "by (statuss)"];
    assert_eq!(problems(text), expected);
}
