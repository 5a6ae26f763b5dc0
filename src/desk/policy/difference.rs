//! The difference of two policies, as a unified diff of their YAML.

use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, UnifiedDiffConfig};

use super::words;

/// The lines that differ, with context.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) lines: Vec<Line>,
    added: usize,
    removed: usize,
}

/// A line of a difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Class in the style sheet.
    pub(super) class: &'static str,
    /// `+`, `-`, or a blank.
    pub(super) sign: &'static str,
    /// What happened to it, at the first of several such lines.
    pub(super) word: String,
    pub(super) text: String,
}

impl Difference {
    pub(super) fn between(before: &str, after: &str) -> Self {
        let input = InternedInput::new(before, after);
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let printer = BasicLineDiffPrinter(&input.interner);
        let unified = diff.unified_diff(&printer, UnifiedDiffConfig::default(), &input).to_string();
        let mut difference = Self::default();
        unified.lines().for_each(|line| difference.push(line));
        difference
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Its size in words.
    pub(super) fn size(&self) -> String {
        words::changed(self.added, self.removed)
    }

    /// Adds a line of a unified diff.
    fn push(&mut self, line: &str) {
        let (class, sign, word, text) = match line.split_at_checked(1) {
            Some(("+", text)) => ("added", "+", words::ADDED, text),
            Some(("-", text)) => ("removed", "-", words::REMOVED, text),
            Some(("@", header)) => {
                let place = header.split_once('+').map_or("", |(_, place)| place);
                let line = place.split([',', ' ']).next().unwrap_or_default();
                let word = words::from_line(line);
                self.lines.push(Line { class: "gap", sign: "", word, text: String::new() });
                return;
            }
            Some((_, text)) => ("same", " ", "", text),
            None => ("same", " ", "", ""),
        };
        self.added += usize::from(class == "added");
        self.removed += usize::from(class == "removed");
        let first = self.lines.last().is_none_or(|last| last.class != class);
        let word = if first { word.to_owned() } else { String::new() };
        self.lines.push(Line { class, sign, word, text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_once_for_each_run() {
        let difference = Difference::between("a\nb\nc\nd\n", "a\nx\ny\nd\n+\n");
        let lines: Vec<_> = difference
            .lines
            .iter()
            .map(|line| format!("{}|{}|{}|{}", line.class, line.word, line.sign, line.text))
            .collect();
        assert_eq!(
            lines,
            [
                "gap|from line 1||",
                "same|| |a",
                "removed|removed|-|b",
                "removed||-|c",
                "added|added|+|x",
                "added||+|y",
                "same|| |d",
                "added|added|+|+",
            ]
        );
        assert_eq!(difference.size(), "3 lines added, 2 lines removed.");
        assert!(Difference::between("a\n", "a\n").is_empty());
    }
}
