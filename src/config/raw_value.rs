//! A value from a source, before its setting parses it.

use crate::unicode;

/// A value, and the form in which an error shows it.
#[derive(Debug)]
pub(super) struct RawValue {
    value: Value,
    pub(super) shown: String,
}

#[derive(Debug)]
pub(super) enum Value {
    /// From the environment or a flag: the setting parses the text.
    Word(String),
    /// A string in TOML, where types must match.
    Text(String),
    /// An integer in TOML; `None` when it does not fit.
    Integer(Option<u64>),
    /// A boolean in TOML.
    Bool(bool),
    /// An array of strings in TOML.
    Texts(Vec<String>),
    /// A TOML type that no setting has.
    Other,
}

impl RawValue {
    /// A value from the environment or a flag.
    pub(super) fn word(text: &str) -> Self {
        Self::new(Value::Word(text.to_owned()), &format!("{text:?}"))
    }

    /// A value from TOML, with its source text.
    pub(super) fn new(value: Value, source: &str) -> Self {
        Self { value, shown: shown(source) }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Word(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list: between commas, or an array of TOML.
    pub(super) fn as_items(&self) -> Option<Vec<&str>> {
        match &self.value {
            Value::Texts(items) => Some(items.iter().map(String::as_str).collect()),
            _ => Some(self.as_text()?.split(',').map(|item| item.trim_matches([' ', '\t'])).collect()),
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Word(text) => text.parse().ok(),
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn as_integer(&self) -> Option<u64> {
        match &self.value {
            Value::Word(text) => text.parse().ok(),
            Value::Integer(value) => *value,
            _ => None,
        }
    }
}

/// Maximum length of a value in an error, in characters.
const SHOWN_MAX: usize = 80;

/// Makes text fit into one line of an error: shortens it, replaces control characters with spaces, and escapes other
/// invisible characters.
pub(super) fn shown(text: &str) -> String {
    let line: String = text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = unicode::escape(&line).into_owned();
    if text.chars().nth(SHOWN_MAX).is_some() {
        line.push('…');
    }
    line
}
