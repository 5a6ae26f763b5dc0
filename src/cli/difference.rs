//! The changes of an edit, as a unified diff of the pretty-printed arguments.

use anstyle::{AnsiColor, Style};
use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, UnifiedDiffConfig};
use prost_types::Struct;

use super::{describe, text::escape};

/// The lines that differ, with context; empty without a difference. Escapes invisible characters.
pub(super) fn lines(before: Option<&Struct>, after: Option<&Struct>, names: [&str; 2]) -> Vec<String> {
    let [before, after] = [before, after].map(|object| describe::pretty(object).join("\n") + "\n");
    if before == after {
        return Vec::new();
    }
    unified(&before, &after, names).lines().map(painted).collect()
}

/// A unified diff of two texts, with three lines of context. `names` head it: the old text's, then the new one's.
pub(super) fn unified(before: &str, after: &str, [old, new]: [&str; 2]) -> String {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let printer = BasicLineDiffPrinter(&input.interner);
    let hunks = diff.unified_diff(&printer, UnifiedDiffConfig::default(), &input);
    format!("--- {}\n+++ {}\n{hunks}", escape(old), escape(new))
}

/// Colours a line: red for removed, green for added.
fn painted(line: &str) -> String {
    let style = match line.as_bytes().first() {
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'+') => AnsiColor::Green.on_default(),
        _ => Style::new(),
    };
    format!("{style}{line}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::{super::arguments::object, *};

    fn shown(before: &str, after: &str) -> Vec<String> {
        let [before, after] = [before, after].map(|json| object("", json).unwrap());
        let lines = lines(Some(&before), Some(&after), ["as asked", "as edited"]);
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn changes_are_shown_with_context() {
        let expected = [
            "--- as asked",
            "+++ as edited",
            "@@ -1,5 +1,4 @@",
            " {",
            "-  \"amount\": 12000,",
            "-  \"note\": \"x\\u{202e}y\",",
            "+  \"amount\": 900,",
            "   \"to\": \"acme\"",
            " }",
        ];
        let before = r#"{"to":"acme","amount":12000,"note":"x\u202ey"}"#;
        assert_eq!(shown(before, r#"{"amount":900,"to":"acme"}"#), expected);
    }

    #[test]
    fn nothing_is_shown_when_nothing_changes() {
        assert!(shown(r#"{"b":1.0,"a":2}"#, r#"{"a":2,"b":1}"#).is_empty());
    }

    // A quadratic algorithm takes seconds for this, or minutes in a build for tests.
    #[test]
    fn arguments_that_have_nothing_in_common_are_compared() {
        const ITEMS: usize = 8_000;
        let array = |first: usize| format!(r#"{{"a":{:?}}}"#, (first..first + ITEMS).collect::<Vec<_>>());
        let shown = shown(&array(10_000), &array(50_000));
        let begins = |sign: &str| shown.iter().filter(|line| line.starts_with(&format!("{sign}    "))).count();
        assert_eq!((begins("-"), begins("+")), (ITEMS, ITEMS));
    }

    #[test]
    fn an_escape_differs_from_its_character() {
        assert!(!shown(r#"{"a":"\u202e"}"#, r#"{"a":"\\u{202e}"}"#).is_empty());
    }
}
