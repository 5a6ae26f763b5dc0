//! The arguments that a row shows.

use serde_json::Value;

use super::cut::Cut;
use crate::domain::Approval;

/// Maximum number of arguments in a row.
const ARGUMENTS: usize = 4;

/// Longest name of an argument in a row, in characters.
const NAME: usize = 40;

/// Longest value of an argument in a row, in characters.
const VALUE: usize = 80;

/// The arguments that a row shows.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Summary {
    /// The arguments that matter.
    pub(in crate::desk) items: Vec<Item>,
    /// Number of arguments that are not shown.
    pub(in crate::desk) left_out: usize,
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
    /// Of an approval.
    pub(in crate::desk) fn of(approval: &Approval) -> Self {
        let arguments = approval.arguments.to_object();
        let total = arguments.len();
        let items: Vec<Item> = arguments
            .iter()
            .filter_map(|(name, value)| {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) | Value::Null => value.to_string(),
                    Value::Array(_) | Value::Object(_) => return None,
                };
                Some(Item { name: Cut::new(name, NAME), value: Some(Cut::new(&text, VALUE)) })
            })
            .take(ARGUMENTS)
            .collect();
        let left_out = total - items.len();
        let is_whole = left_out == 0 && items.iter().all(Item::is_whole);
        Self { items, left_out, is_whole }
    }
}

impl Item {
    fn is_whole(&self) -> bool {
        self.name.is_whole() && self.value.as_ref().is_some_and(Cut::is_whole)
    }
}
