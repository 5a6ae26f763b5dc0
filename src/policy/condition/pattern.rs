use std::collections::HashSet;

use regex_automata::{
    Input,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
    util::syntax,
};

use super::EvaluationError;
use crate::unicode;

/// Maximum memory of one pattern, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// Minimum memory to count for a pattern, in bytes.
const SIZE_MIN: usize = 4 << 10;

/// A regular expression, compiled completely to an automaton. It reads each byte of a text once, for every pattern and
/// text. Patterns with a too large automaton are rejected.
#[derive(Debug)]
pub(super) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles a pattern. This can be slow: `pattern_cache` shares the results.
    ///
    /// # Errors
    /// The pattern is invalid, or too complex.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let syntax = syntax::Config::new();
        syntax::parse_with(pattern, &syntax).map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or(&text);
            format!("the pattern {} is invalid: {}", shown(pattern), reason.strip_prefix("error: ").unwrap_or(reason))
        })?;
        let dfa = dense::Config::new()
            .dfa_size_limit(Some(SIZE_MAX))
            .determinize_size_limit(Some(2 * SIZE_MAX))
            .start_kind(StartKind::Unanchored);
        let nfa = thompson::Config::new().nfa_size_limit(Some(SIZE_MAX)).which_captures(thompson::WhichCaptures::None);
        let built = dense::Builder::new().configure(dfa).thompson(nfa).syntax(syntax).build(pattern);
        built.map(Self).map_err(|_| {
            format!(
                "the pattern {} is too complex; use shorter repetitions, [A-Za-z0-9_] instead of \\w, and (?-u:\\b) \
                 instead of \\b, in a raw string: r\"…\"",
                shown(pattern)
            )
        })
    }

    /// Whether the pattern matches anywhere in a text.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, EvaluationError> {
        let found = self.0.try_search_fwd(&Input::new(text).earliest(true));
        found
            .map(|found| found.is_some())
            .map_err(|error| EvaluationError::Invalid(format!("cannot match the pattern: {error}")))
    }

    /// Whether any text can match. Visits each state of the automaton once.
    pub(super) fn can_match(&self) -> bool {
        let dfa = &self.0;
        // If this cannot be determined, do not warn.
        let Ok(start) = dfa.start_state_forward(&Input::new("")) else { return true };
        let (mut seen, mut left) = (HashSet::from([start]), vec![start]);
        let bytes: Vec<u8> = dfa.byte_classes().representatives(0..=u8::MAX).filter_map(|unit| unit.as_u8()).collect();
        while let Some(state) = left.pop() {
            if dfa.is_match_state(state) || dfa.is_match_state(dfa.next_eoi_state(state)) {
                return true;
            }
            if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                continue;
            }
            let next = bytes.iter().map(|byte| dfa.next_state(state, *byte));
            left.extend(next.filter(|next| seen.insert(*next)));
        }
        false
    }

    /// The memory to count for the pattern. The minimum accounts for the time to compile it.
    pub(super) fn bytes(&self) -> usize {
        self.0.memory_usage().max(SIZE_MIN)
    }
}

/// The pattern in double quotes, with invisible characters escaped.
pub(super) fn shown(pattern: &str) -> String {
    format!("\"{}\"", unicode::escape(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_anywhere() {
        for (pattern, text, found) in [
            (r"(?i)drop\s+table", "x; DROP  table y", true),
            ("^a.c$", "aöc", true),
            ("^a.c$", "abcd", false),
            (r"(?-u:\b)drop(?-u:\b)", "é drop", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::compile(pattern).unwrap().is_match(text), Ok(found), "{pattern} {text}");
        }
    }

    #[test]
    fn what_can_never_match_is_known() {
        for (pattern, can) in [
            ("", true),
            ("^$", true),
            ("a|b^c", true),
            ("(?m)a\\n^b$", true),
            (r"(?-u:\b)a", true),
            ("^a*^b", true),
            ("a^b", false),
            ("a$b", false),
            ("$a", false),
            ("a^", false),
            (r"[^\s\S]", false),
            (r"^[a&&b]$", false),
            (r"a(?-u:\b)b", false),
        ] {
            assert_eq!(Pattern::compile(pattern).unwrap().can_match(), can, "{pattern}");
        }
    }

    #[test]
    fn what_would_take_long_is_refused() {
        for (pattern, complaint) in [
            ("(foo", "invalid"),
            ("a{2,1}", "invalid"),
            (r"(a)\1", "invalid"),
            ("(?:[ab]{1,40}){1,40}c", "too complex"),
            ("[ab]*a[ab]{60}c", "too complex"),
            (r"\bdrop", "(?-u:\\b)"),
            (r"\w{999}", "too complex"),
        ] {
            let error = Pattern::compile(pattern).unwrap_err();
            assert!(error.contains(complaint), "{pattern}: {error}");
        }
    }
}
