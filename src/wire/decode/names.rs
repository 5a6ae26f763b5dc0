//! Checks names and texts.

use std::collections::BTreeMap;

use super::Checker;
use crate::{
    domain::{
        limits::{AGENT_NAME_MAX, CALLER_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX, REQUEST_ID_MAX, TOOL_NAME_MAX},
        name::{self, NameError},
    },
    unicode::is_invisible,
    wire::field_path,
};

impl Checker {
    /// Checks a name: at most `max` characters, no invisible ones. May be empty.
    pub(super) fn name(&mut self, field: &str, text: &str, max: usize) {
        self.length(field, text, max);
        if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
            self.refuse(field, NameError::Invisible(c).to_string());
        }
    }

    /// Normalizes the name of an actor, authority or group: at most `max` characters. May be empty.
    pub(super) fn identity(&mut self, field: &str, text: &str, max: usize) -> String {
        match name::normal(text) {
            Ok(normal) => {
                self.length(field, &normal, max);
                normal.into_owned()
            }
            Err(wrong) => {
                self.length(field, text, max);
                self.refuse(field, wrong.to_string());
                String::new()
            }
        }
    }

    /// Checks a name of ASCII letters, digits and `symbols`. Must not be empty.
    fn strict_name(&mut self, field: &str, text: &str, max: usize, symbols: &str) {
        if text.is_empty() {
            self.refuse(field, "must not be empty");
        }
        self.length(field, text, max);
        if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !symbols.contains(*c)) {
            let allowed: String = symbols.chars().flat_map(|symbol| [' ', symbol]).collect();
            self.refuse(field, format!("contains {}; only A-Z a-z 0-9{allowed} are allowed", name::shown(c)));
        }
    }

    fn length(&mut self, field: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if length > max {
            self.refuse(field, format!("has {length} characters; at most {max} are allowed"));
        }
    }

    pub(super) fn tool_name(&mut self, field: &str, text: &str) {
        self.strict_name(field, text, TOOL_NAME_MAX, "_.:/-");
    }

    /// An idempotency key. `None` if empty.
    pub(super) fn request_id(&mut self, text: String) -> Option<String> {
        self.name("request_id", &text, REQUEST_ID_MAX);
        (!text.is_empty()).then_some(text)
    }

    /// Checks a text for people: at most `max` bytes, no control characters other than line feed and tab.
    pub(super) fn text(&mut self, field: &str, text: &str, max: usize) {
        if text.len() > max {
            self.refuse(field, format!("has {} bytes; at most {max} are allowed", text.len()));
        }
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            let code = u32::from(c);
            self.refuse(
                field,
                format!("contains U+{code:04X}; control characters other than line feed and tab are not allowed"),
            );
        }
    }

    /// Checks labels, at most `max`.
    pub(super) fn labels<'a>(&mut self, labels: impl ExactSizeIterator<Item = (&'a String, &'a String)>, max: u32) {
        if u32::try_from(labels.len()).is_ok_and(|count| count <= max) {
            for (key, value) in labels {
                let mut field = "labels".to_owned();
                field_path::push_quoted(&mut field, key);
                if key.is_empty() {
                    self.refuse(&field, "has an empty key; a key must have at least 1 character");
                } else {
                    self.strict_name(&field, key, LABEL_KEY_MAX, "_./-");
                }
                self.name(&field, value, LABEL_VALUE_MAX);
            }
        } else {
            self.refuse("labels", format!("has {} labels; at most {max} are allowed", labels.len()));
        }
    }

    /// A filter by tool. `None` if empty.
    pub(super) fn tool_filter(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        self.tool_name("tool_name", &text);
        Some(text)
    }

    /// A filter by agent. `None` if empty.
    pub(super) fn agent_filter(&mut self, text: String) -> Option<String> {
        self.name("agent_name", &text, AGENT_NAME_MAX);
        (!text.is_empty()).then_some(text)
    }

    /// A filter by caller, as `issuer/subject`. `None` if empty.
    pub(super) fn caller_filter(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let caller = self.identity("caller", &text, CALLER_MAX);
        if text.split_once('/').is_none_or(|(issuer, subject)| issuer.is_empty() || subject.is_empty()) {
            self.refuse("caller", "must be `issuer/subject`, for example `dev/agent`");
        }
        Some(caller)
    }

    /// A filter by labels.
    pub(super) fn label_filter(
        &mut self,
        labels: std::collections::HashMap<String, String>,
        max: u32,
    ) -> BTreeMap<String, String> {
        self.labels(labels.iter(), max);
        labels.into_iter().collect()
    }
}
