//! The arguments that a row shows: those that the policy names, without redacted values.

use crate::{
    desk::queue::cut::Cut,
    domain::Approval,
    policy::{Display, RedactedValue},
};

/// Maximum number of arguments in a row.
const ARGUMENTS: usize = 6;

/// Longest name of an argument in a row, in characters.
const NAME: usize = 64;

/// Longest value of an argument in a row, in characters.
const VALUE: usize = 100;

/// The arguments that a row shows.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Summary {
    /// The arguments that matter.
    pub(in crate::desk) items: Vec<Item>,
    /// Number of arguments of which nothing is shown.
    pub(in crate::desk) left_out: usize,
    /// Whether something is redacted.
    pub(in crate::desk) is_redacted: bool,
    /// Whether every argument is shown whole. What is not cannot be approved from a row.
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
        let redacted = display.redactions(approval);
        let summary = display.summary_of(approval);
        let shown = summary.iter().take(ARGUMENTS);
        // Which arguments a path shows whole: a path to a member of an argument does not.
        let path = |name: &str| format!("args.{name}");
        let whole = |name: &String| summary.iter().take(ARGUMENTS).any(|item| item.path == path(name));
        let touched = |name: &String| {
            let path = path(name);
            let of_it = |item: &str| {
                item.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            summary.iter().take(ARGUMENTS).any(|item| of_it(&item.path))
        };
        let left_out = arguments.keys().filter(|name| !touched(name)).count();
        let is_redacted = redacted.is_some();
        let items: Vec<Item> = shown.map(|item| Item::new(&item.path, &item.value)).collect();
        let is_whole = !is_redacted && arguments.keys().all(whole) && items.iter().all(Item::is_whole);
        Self { items, left_out, is_redacted, is_whole }
    }
}

impl Item {
    fn new(path: &str, value: &RedactedValue) -> Self {
        let name = Cut::new(path.strip_prefix("args.").unwrap_or(path), NAME);
        let value = match value {
            RedactedValue::Redacted => None,
            RedactedValue::Text(text) => Some(Cut::new(text, VALUE)),
            // Lists and objects as JSON; of redacted values inside them only the note remains.
            other => Some(Cut::new(&serde_json::to_string(other).unwrap_or_default(), VALUE)),
        };
        Self { name, value }
    }

    fn is_whole(&self) -> bool {
        self.name.is_whole() && self.value.as_ref().is_some_and(Cut::is_whole)
    }
}
