//! Conditions in CEL, read with the `cel` crate's parser and evaluated here.
//!
//! The crate's interpreter has no time limit, cannot add an integer to a double, compiles patterns at every use, and
//! detects unknown names only when it evaluates them. Here, names, functions, patterns and time zones are resolved when
//! a policy is compiled. Every number is a double, as in JSON. Each evaluation takes its steps from a [`StepBudget`],
//! which all conditions of a call share. The tests compare both interpreters where they must agree.

mod compile;
mod denylist;
mod evaluate;
mod expr;
mod functions;
mod operators;
mod pattern;
mod pattern_cache;
mod pattern_doubts;
mod scope;
mod step_budget;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::{expr::Expr, pattern::Pattern, value::Value};

pub(super) use pattern_cache::PATTERNS_MAX;
pub(super) use scope::Scope;
pub(super) use step_budget::StepBudget;

/// Longest source, in bytes.
pub(super) const SOURCE_MAX: usize = 1_024;

/// A compiled condition.
#[derive(Debug)]
pub(super) struct Condition {
    root: Expr,
    /// Its patterns, in order of appearance.
    patterns: Vec<PlacedPattern>,
    /// Its value, if it is the same for every call.
    constant: Option<bool>,
}

/// A pattern and its position.
#[derive(Debug)]
struct PlacedPattern {
    place: Option<String>,
    source: Box<str>,
    pattern: Arc<Pattern>,
}

/// Why the evaluation of a condition failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EvaluationError {
    /// All evaluations of the call together took too many steps.
    #[error("the evaluation exceeds the step limit; simplify the conditions")]
    TooLong,
    /// A missing key, field or item.
    #[error("there is no {0}; use `has()` to test for optional values")]
    Missing(String),
    /// Incompatible types, numbers out of range, or invalid texts.
    #[error("{0}")]
    Invalid(String),
}

impl Condition {
    /// Compiles a source of at most [`SOURCE_MAX`] bytes. The parser is recursive: call it on a stack of 64 MiB.
    ///
    /// # Errors
    /// All problems, each a sentence, beginning with the column if known.
    pub(super) fn compile(source: &str) -> Result<Self, Vec<String>> {
        compile::compile(source)
    }

    /// Whether the condition is true for a call.
    ///
    /// # Errors
    /// When the evaluation fails.
    pub(super) fn holds(&self, scope: &Scope<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
        let held = match evaluate::evaluate(&self.root, scope, meter) {
            Ok(Value::Bool(held)) => Ok(held),
            Ok(other) => {
                Err(EvaluationError::Invalid(format!("the condition is a {}; it must be a bool", other.kind())))
            }
            Err(error) => Err(error),
        };
        // Even if `||` or `exists` absorbed the error.
        if meter.is_empty() { Err(EvaluationError::TooLong) } else { held }
    }

    /// Its value, if it does not depend on the call.
    pub(super) const fn constant(&self) -> Option<bool> {
        self.constant
    }

    /// Whether it is true for texts that contain, match or equal something. A rule that rejects by such a condition
    /// rejects only what its author thought of.
    pub(super) fn lists_texts(&self) -> bool {
        denylist::lists_texts(&self.root, true)
    }

    /// Memory of its patterns, in bytes.
    pub(super) fn pattern_bytes(&self) -> usize {
        self.patterns.iter().map(|placed| placed.pattern.bytes()).sum()
    }

    /// Patterns that probably do not match what the author means, each with a suggestion.
    pub(super) fn doubtful_patterns(&self) -> impl Iterator<Item = String> {
        self.patterns.iter().filter_map(|PlacedPattern { place, source, pattern }| {
            let doubt = pattern_doubts::doubt(source, pattern)?;
            Some(place.as_ref().map_or_else(|| doubt.clone(), |place| format!("{place}: {doubt}")))
        })
    }
}
