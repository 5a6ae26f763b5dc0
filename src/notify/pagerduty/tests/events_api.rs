//! The Events API v2 of PagerDuty, written from
//! <https://developer.pagerduty.com/docs/events-api-v2-overview>: it checks what is documented, and keeps the alerts.
//!
//! Uses nothing of this crate, so that it can stand in for PagerDuty in other tests, too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The alerts by their dedup key, each with what happened to it.
#[derive(Debug, Default)]
pub(crate) struct Alerts(BTreeMap<String, Vec<String>>);

impl Alerts {
    /// Takes an event. Returns the status and the body of the answer.
    pub(crate) fn enqueue(&mut self, body: &[u8]) -> (&'static str, String) {
        let errors = errors(body);
        if !errors.is_empty() {
            let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
            return ("400 Bad Request", body.to_string());
        }
        let event: Value = serde_json::from_slice(body).unwrap();
        let (key, action) = (event["dedup_key"].as_str().unwrap(), event["event_action"].as_str().unwrap());
        let is_open = self.of(key).last().is_some_and(|last| last != "resolve");
        // Other events of an alert that is not open are accepted, and have no effect.
        if action == "trigger" || is_open {
            self.0.entry(key.to_owned()).or_default().push(action.to_owned());
        }
        let body = json!({"status": "success", "message": "Event processed", "dedup_key": key});
        ("202 Accepted", body.to_string())
    }

    /// What happened to an alert, such as `trigger`, `resolve`.
    pub(crate) fn of(&self, dedup_key: &str) -> &[String] {
        self.0.get(dedup_key).map_or(&[], Vec::as_slice)
    }

    /// The last thing that happened to each alert.
    pub(crate) fn last(&self) -> Vec<String> {
        self.0.values().filter_map(|actions| actions.last().cloned()).collect()
    }
}

/// What is wrong with an event.
pub(crate) fn errors(body: &[u8]) -> Vec<String> {
    let Ok(event) = serde_json::from_slice::<Value>(body) else { return vec!["Invalid JSON".to_owned()] };
    let mut errors = Vec::new();
    let mut check = |holds: bool, error: &str| {
        if !holds {
            errors.push(error.to_owned())
        }
    };
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    check(body.len() <= 512 * 1024, "Payload too large");
    check(length(&event["routing_key"]) == 32, "Length of 'routing_key' is incorrect (should be 32 characters)");
    check((1..=255).contains(&length(&event["dedup_key"])), "Length of 'dedup_key' is incorrect");
    let known = ["routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"];
    for field in event.as_object().unwrap().keys() {
        check(known.contains(&field.as_str()), "Unknown field");
    }
    match event["event_action"].as_str() {
        Some("acknowledge" | "resolve") => {}
        Some("trigger") => {
            let payload = &event["payload"];
            check((1..=1_024).contains(&length(&payload["summary"])), "Length of 'payload.summary' is incorrect");
            check(length(&payload["source"]) > 0, "'payload.source' is missing or blank");
            let severities = ["critical", "error", "warning", "info"];
            check(severities.iter().any(|one| payload["severity"] == *one), "'payload.severity' is invalid");
            let time = payload["timestamp"].as_str().unwrap_or_default();
            check(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "'payload.timestamp' is invalid");
            for field in ["component", "group", "class"] {
                check(payload[field].is_string(), "'payload' has an invalid field");
            }
            check(payload["custom_details"].is_object(), "'payload.custom_details' is invalid");
        }
        _ => check(false, "'event_action' is invalid"),
    }
    for link in event["links"].as_array().into_iter().flatten() {
        check(link["href"].as_str().is_some_and(|href| href.starts_with("https://")), "'links' has an invalid href");
    }
    errors
}
