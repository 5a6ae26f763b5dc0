//! The labels of a row. They classify a call; votes are not for them, so a row may leave some out.

use std::collections::BTreeMap;

use super::cut::Cut;

/// Maximum number of labels in a row.
const LABELS: usize = 6;

/// Longest key or value of a label in a row, in characters.
const TEXT: usize = 40;

/// The labels that a row shows.
#[derive(Clone, Debug)]
pub(in crate::desk) struct Labels {
    /// Keys and values.
    pub(in crate::desk) shown: Vec<(Cut, Cut)>,
    /// Number of labels that are not shown.
    pub(in crate::desk) left_out: usize,
}

impl Labels {
    pub(in crate::desk) fn of(labels: &BTreeMap<String, String>) -> Self {
        let shown = labels.iter().take(LABELS).map(|(key, value)| (Cut::new(key, TEXT), Cut::new(value, TEXT)));
        Self { shown: shown.collect(), left_out: labels.len().saturating_sub(LABELS) }
    }
}
