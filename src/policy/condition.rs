//! Conditions in CEL, read with the `cel` crate's parser and evaluated here.
//!
//! The crate's interpreter has no bound on time, adds no integer to a double, compiles patterns at every use, and takes
//! unknown names until it meets them. Here names, functions, patterns and zones are resolved when a policy is compiled;
//! every number is a double, as in JSON; and each evaluation pays for its steps from a [`StepBudget`] that several
//! share. The tests hold both interpreters against each other where they must agree.

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
    /// Its patterns, in order.
    patterns: Vec<PlacedPattern>,
    /// Whether it says the same of every call, and what.
    constant: Option<bool>,
}

/// A pattern, and where it stands.
#[derive(Debug)]
struct PlacedPattern {
    place: Option<String>,
    source: Box<str>,
    pattern: Arc<Pattern>,
}

/// Why a condition could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EvaluationError {
    /// The call's evaluations together took too many steps.
    #[error("the evaluation exceeds the step limit; simplify the conditions")]
    TooLong,
    /// A key or field that is not there.
    #[error("there is no {0}; use `has()` to test for optional values")]
    Missing(String),
    /// Types that do not go together, numbers out of range, texts that are not what they should be.
    #[error("{0}")]
    Invalid(String),
}

impl Condition {
    /// Compiles a source of at most [`SOURCE_MAX`] bytes. The parser recurses: call it where there are 64 MiB of stack.
    ///
    /// # Errors
    /// Everything that is wrong with it, each a sentence, led by the column where that is known.
    pub(super) fn compile(source: &str) -> Result<Self, Vec<String>> {
        compile::compile(source)
    }

    /// Whether the condition holds for a call.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(super) fn holds(&self, scope: &Scope<'_>, meter: &StepBudget) -> Result<bool, EvaluationError> {
        let held = match evaluate::evaluate(&self.root, scope, meter) {
            Ok(Value::Bool(held)) => Ok(held),
            Ok(other) => {
                Err(EvaluationError::Invalid(format!("the condition is a {}; it must be a bool", other.kind())))
            }
            Err(error) => Err(error),
        };
        // Whatever `||` or `exists` made of it.
        if meter.is_empty() { Err(EvaluationError::TooLong) } else { held }
    }

    /// What it says of every call, if it asks nothing about the call.
    pub(super) const fn constant(&self) -> Option<bool> {
        self.constant
    }

    /// Whether it holds for texts that contain, match or equal something: a rule that refuses by it refuses what its
    /// author thought of.
    pub(super) fn lists_texts(&self) -> bool {
        denylist::lists_texts(&self.root, true)
    }

    /// Bytes of memory that its patterns take.
    pub(super) fn pattern_bytes(&self) -> usize {
        self.patterns.iter().map(|placed| placed.pattern.bytes()).sum()
    }

    /// Patterns that do not match what their author means, each with what to write.
    pub(super) fn doubtful_patterns(&self) -> impl Iterator<Item = String> {
        self.patterns.iter().filter_map(|PlacedPattern { place, source, pattern }| {
            let doubt = pattern_doubts::doubt(source, pattern)?;
            Some(place.as_ref().map_or_else(|| doubt.clone(), |place| format!("{place}: {doubt}")))
        })
    }
}
