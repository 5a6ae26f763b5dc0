//! Texts that this server did not write.

use std::{borrow::Cow, fmt::Write as _};

use crate::unicode::{self, marks::code_point};

/// A text of an agent, of another person, or of a policy's author, made visible: every invisible or bidirectional
/// character is a mark such as `⟨U+200B⟩`, and the length is bounded.
///
/// It is not escaped. Each format has characters of its own: a renderer must escape the text for its format, and make
/// it unable to mention people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentText {
    shown: String,
    cut: usize,
}

/// What becomes of line breaks.
#[derive(Clone, Copy)]
enum Breaks {
    Shown,
    Kept,
}

impl AgentText {
    /// A text on one line, of at most `max` characters: line breaks and tabs are signs.
    #[must_use]
    pub fn line(text: &str, max: usize) -> Self {
        Self::new(text, max, Breaks::Shown)
    }

    /// A text of at most `max` characters that keeps its lines.
    #[must_use]
    pub fn lines(text: &str, max: usize) -> Self {
        Self::new(text, max, Breaks::Kept)
    }

    /// The text, without invisible characters other than the line breaks of [`lines`](Self::lines). Escape it.
    #[must_use]
    pub fn unescaped(&self) -> &str {
        &self.shown
    }

    /// Number of characters left out at the end.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// Whether it has letters that are written from right to left. They can move the words beside them in a format that
    /// has no markup to isolate them.
    #[must_use]
    pub fn is_right_to_left(&self) -> bool {
        self.shown.chars().any(|c| {
            matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
                | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        })
    }

    /// The text for a format without markup, where it must not move the words beside it: letters that are written from
    /// right to left are isolated (UAX #9). Escape it.
    #[must_use]
    pub fn isolated(&self) -> Cow<'_, str> {
        if self.is_right_to_left() { format!("\u{2068}{}\u{2069}", self.shown).into() } else { (&self.shown).into() }
    }

    fn new(text: &str, max: usize, breaks: Breaks) -> Self {
        let (mut shown, mut length) = (String::with_capacity(text.len().min(max)), 0);
        let mut rest = text.chars();
        loop {
            let before = rest.clone();
            let Some(c) = rest.next() else { return Self { shown, cut: 0 } };
            let start = shown.len();
            match (c, breaks) {
                ('\n', Breaks::Kept) => shown.push('\n'),
                ('\n', Breaks::Shown) => shown.push('⏎'),
                ('\t', Breaks::Kept) => shown.push(' '),
                ('\t', Breaks::Shown) => shown.push('⇥'),
                // Writing to a string does not fail.
                (c, _) if unicode::is_invisible(c) => _ = write!(shown, "⟨{}⟩", code_point(u32::from(c))),
                (c, _) => shown.push(c),
            }
            length += shown[start..].chars().count();
            if length > max {
                shown.truncate(start);
                return Self { shown, cut: before.count() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_marks() {
        let shown = |text: &str| AgentText::line(text, 100).unescaped().to_owned();
        assert_eq!(shown("Acme\u{200b} GmbH"), "Acme⟨U+200B⟩ GmbH");
        assert_eq!(shown("a\u{202e}b\0\u{1b}[31m"), "a⟨U+202E⟩b⟨U+0000⟩⟨U+001B⟩[31m");
        assert_eq!(shown("a\r\nb\tc"), "a⟨U+000D⟩⏎b⇥c");
        assert_eq!(AgentText::lines("a\nb\tc\r", 100).unescaped(), "a\nb c⟨U+000D⟩");
        for c in unicode::samples::INVISIBLE {
            assert!(!shown(&c.to_string()).contains(*c), "{c:?}");
        }
        for text in unicode::samples::VISIBLE {
            assert_eq!(shown(text), **text);
        }
    }

    #[test]
    fn a_cut_text_counts_what_is_left_out() {
        let cut = |text: &str| {
            let text = AgentText::line(text, 10);
            (text.unescaped().to_owned(), text.cut())
        };
        assert_eq!(cut("0123456789"), ("0123456789".to_owned(), 0));
        assert_eq!(cut("0123456789äö"), ("0123456789".to_owned(), 2));
        // A mark is whole or not there.
        assert_eq!(cut("012345\u{200b}78"), ("012345".to_owned(), 3));
        assert_eq!(cut(""), (String::new(), 0));
    }

    #[test]
    fn letters_from_right_to_left_are_known() {
        assert!(AgentText::line("שלום", 9).is_right_to_left() && AgentText::line("a بوت", 9).is_right_to_left());
        assert_eq!(AgentText::line("a بوت", 9).isolated(), "\u{2068}a بوت\u{2069}");
        assert_eq!(AgentText::line("a b", 9).isolated(), "a b");
        assert!(!AgentText::line("Zoë 財務部 हिन्दी 🤖", 99).is_right_to_left());
    }
}
