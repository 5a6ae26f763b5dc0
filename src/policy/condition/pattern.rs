use regex_automata::{
    Input,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
    util::syntax,
};

use super::EvaluationError;

/// Most memory of one pattern, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// What even the smallest pattern counts for, in bytes.
const SIZE_MIN: usize = 4 << 10;

/// A regular expression as an automaton that is complete before the first text comes: it looks at every byte once,
/// whatever the pattern and the text. Patterns whose automaton is too large are refused.
#[derive(Debug)]
pub(super) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles a pattern, which may take long: `pattern_cache` shares what it makes.
    ///
    /// # Errors
    /// That it is invalid, or too complex.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let syntax = syntax::Config::new();
        syntax::parse_with(pattern, &syntax).map_err(|error| {
            let text = error.to_string();
            format!("the pattern {pattern:?} is invalid: {}", text.lines().last().unwrap_or(&text))
        })?;
        let dfa = dense::Config::new()
            .dfa_size_limit(Some(SIZE_MAX))
            .determinize_size_limit(Some(2 * SIZE_MAX))
            .start_kind(StartKind::Unanchored);
        let nfa = thompson::Config::new().nfa_size_limit(Some(SIZE_MAX)).which_captures(thompson::WhichCaptures::None);
        let built = dense::Builder::new().configure(dfa).thompson(nfa).syntax(syntax).build(pattern);
        built.map(Self).map_err(|_| {
            format!(
                "the pattern {pattern:?} is too complex; write shorter repetitions, [A-Za-z0-9_] instead of \\w, and \
                 (?-u:\\b) instead of \\b"
            )
        })
    }

    /// Whether the pattern is found anywhere in a text.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, EvaluationError> {
        let found = self.0.try_search_fwd(&Input::new(text).earliest(true));
        found
            .map(|found| found.is_some())
            .map_err(|error| EvaluationError::Invalid(format!("the pattern fails: {error}")))
    }

    /// What it takes of the room for all patterns of a policy: memory, and for the time to compile it a least amount.
    pub(super) fn bytes(&self) -> usize {
        self.0.memory_usage().max(SIZE_MIN)
    }
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
