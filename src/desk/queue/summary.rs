//! The arguments that a row shows: those that the policy names, without redacted values.

use serde_json::Value;

use crate::{
    desk::{
        marks::{is_inexact, notices},
        queue::cut::Cut,
    },
    domain::Approval,
    policy::{ArgumentPath, BRIEF_ARGUMENTS, BRIEF_NAME, BRIEF_VALUE, Display, RedactedValue},
};

/// The arguments that a row shows.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Summary {
    /// The arguments that matter.
    pub(in crate::desk) items: Vec<Item>,
    /// Number of arguments of which nothing is shown.
    pub(in crate::desk) left_out: usize,
    /// Whether every argument is shown whole, and none needs a warning, which only the approval's page has. What is
    /// not cannot be approved from a row.
    pub(in crate::desk) is_whole: bool,
}

/// An argument.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Item {
    pub(in crate::desk) name: Cut,
    /// `None`: redacted.
    pub(in crate::desk) value: Option<Cut>,
}

impl Summary {
    /// The summary of an approval, as its version of the policy displays it.
    pub(in crate::desk) fn of(approval: &Approval, display: &Display) -> Self {
        let arguments = approval.arguments.to_object();
        let summary = display.summary_of(approval);
        let shown = summary.iter().take(BRIEF_ARGUMENTS);
        let paths: Vec<(&String, String)> =
            arguments.keys().map(|name| (name, ArgumentPath::member(name).to_string())).collect();
        // Which arguments a path shows whole: a path to a member of an argument does not.
        let whole = |path: &String| summary.iter().take(BRIEF_ARGUMENTS).any(|item| item.path == *path);
        let touched = |path: &String| {
            let of_it = |item: &str| {
                item.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            summary.iter().take(BRIEF_ARGUMENTS).any(|item| of_it(&item.path))
        };
        let left_out = paths.iter().filter(|(_, path)| !touched(path)).count();
        let name = |path: &str| paths.iter().find(|(_, one)| one == path).map(|(name, _)| name.as_str());
        let items: Vec<Item> = shown.map(|item| Item::new(name(&item.path), &item.path, &item.value)).collect();
        let is_plain = !arguments.iter().any(|(name, value)| is_warned_text(name) || is_warned(value));
        let is_whole = display.shows_whole(approval)
            && is_plain
            && paths.iter().all(|(_, path)| whole(path))
            && items.iter().all(Item::is_whole);
        Self { items, left_out, is_whole }
    }
}

/// Whether a text has characters that can deceive: its page warns, and a row has no room to.
pub(super) fn is_warned_text(text: &str) -> bool {
    !notices(text).is_empty()
}

/// Whether the approval's page warns about a value.
fn is_warned(value: &Value) -> bool {
    match value {
        Value::String(text) => is_warned_text(text),
        Value::Number(number) => is_inexact(number),
        Value::Array(values) => values.iter().any(is_warned),
        Value::Object(members) => members.iter().any(|(name, value)| is_warned_text(name) || is_warned(value)),
        Value::Null | Value::Bool(_) => false,
    }
}

impl Item {
    /// The value at a path; `argument` is the argument's name if the path leads to a whole one.
    fn new(argument: Option<&str>, path: &str, value: &RedactedValue) -> Self {
        // A name with these characters stays in its quotes: without them it looks like a path into another argument.
        let argument = argument.filter(|name| !name.is_empty() && !name.contains(['.', '[']));
        let path = path.strip_prefix("args").unwrap_or(path);
        let name = Cut::new(argument.unwrap_or_else(|| path.strip_prefix('.').unwrap_or(path)), BRIEF_NAME);
        let value = match value {
            RedactedValue::Redacted => None,
            RedactedValue::Text(text) => Some(Cut::new(text, BRIEF_VALUE)),
            // Lists and objects as JSON; of redacted values inside them only the note remains.
            other => Some(Cut::new(&serde_json::to_string(other).unwrap_or_default(), BRIEF_VALUE)),
        };
        Self { name, value }
    }

    fn is_whole(&self) -> bool {
        self.name.is_whole() && self.value.as_ref().is_some_and(Cut::is_whole)
    }
}
