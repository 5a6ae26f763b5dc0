//! Detects valid patterns that probably do not match what the author means.

use super::pattern::{Pattern, shown};

/// The value of `"\b"` in a string that is not raw, in CEL and in YAML.
const BACKSPACE: char = '\u{8}';

/// What is wrong with a pattern, and what to write instead. `None` for most patterns.
pub(super) fn doubt(source: &str, pattern: &Pattern) -> Option<String> {
    if source.contains(BACKSPACE) {
        return Some(
            r#"the pattern contains U+0008, a backspace, because "…" turns \b into it. For a word boundary write (?-u:\b) in r"…"; in YAML put the condition below `when: >-` or in single quotes"#
                .to_owned(),
        );
    }
    if pattern.can_match() {
        return None;
    }
    let why = if has_empty_class(source) {
        "one of its […] matches no character"
    } else if stands_inside(source, '^') {
        "^ matches only at the beginning of the text, but something must come before it; write \\^ for the character"
    } else if stands_inside(source, '$') {
        "$ matches only at the end of the text, but something must come after it; write [$] for the character"
    } else {
        "its parts exclude each other"
    };
    Some(format!("no text can match the pattern {}: {why}", shown(source)))
}

/// Whether the pattern contains an empty class, according to the parser of patterns.
fn has_empty_class(source: &str) -> bool {
    use regex_syntax::hir::{Hir, HirKind};
    fn any(hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Class(class) => class.is_empty(),
            HirKind::Repetition(repetition) => any(&repetition.sub),
            HirKind::Capture(capture) => any(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(any),
            HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
        }
    }
    regex_syntax::parse(source).is_ok_and(|hir| any(&hir))
}

/// Whether an anchor is in the middle of the pattern, outside of classes and not escaped.
fn stands_inside(source: &str, anchor: char) -> bool {
    let (mut escaped, mut in_class) = (false, false);
    let end = if anchor == '^' { 0 } else { source.len().saturating_sub(1) };
    source.char_indices().any(|(at, c)| {
        let plain = !escaped && !in_class;
        escaped = !escaped && c == '\\';
        match c {
            '[' if plain => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        plain && c == anchor && at != end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Option<String> {
        doubt(source, &Pattern::compile(source).unwrap())
    }

    #[test]
    fn patterns_that_do_not_say_what_is_meant_are_told_with_what_to_write() {
        for (source, complaint) in [
            ("\u{8}drop", r#"write (?-u:\b) in r"…""#),
            ("x|(?i)\u{8}drop\u{8}", "contains U+0008, a backspace"),
            ("price: ^5", r"^ matches only at the beginning of the text, but something must come before it; write \^"),
            ("^[a-z]+^$", "^ matches only at the beginning"),
            ("US$5", "$ matches only at the end of the text, but something must come after it; write [$]"),
            (r"^[^\s\S]$", "one of its […] matches no character"),
            (r"a(?-u:\b)b", "its parts exclude each other"),
        ] {
            let told = told(source).unwrap_or_else(|| panic!("{source}: nothing is told"));
            assert!(told.contains(complaint), "{source}: {told}");
        }
    }

    #[test]
    fn other_patterns_are_left_alone() {
        for source in ["", "^SELECT [a-z]+$", r"\^5|[$]5|[\b]*x", r"(?-u:\b)drop(?-u:\b)", "a|b^c", r"^[^\p{Cc}]*$"] {
            let compiled = Pattern::compile(source);
            if let Ok(pattern) = compiled {
                assert_eq!(doubt(source, &pattern), None, "{source}");
            }
        }
    }
}
