//! Texts of agents in rows: short, and never cut silently.

use std::fmt;

use askama::{FastWritable, Values, filters::HtmlSafe};

use crate::desk::{agent_text::AgentText, texts};

/// A text of an agent, cut at a number of characters or at its first line break, with the number of characters that are
/// left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desk) struct Cut {
    shown: String,
    left_out: usize,
}

impl Cut {
    /// At most `max` characters of a text.
    pub(in crate::desk) fn new(text: &str, max: usize) -> Self {
        // A line break in a row could put text where the page's own words stand.
        let line = text.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(text.len());
        let end = text.char_indices().nth(max).map_or(text.len(), |(at, _)| at).min(line);
        Self { shown: text[..end].to_owned(), left_out: text[end..].chars().count() }
    }

    /// Whether all of it is shown.
    pub(in crate::desk) const fn is_whole(&self) -> bool {
        self.left_out == 0
    }
}

impl HtmlSafe for Cut {}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AgentText(&self.shown).fmt(f)?;
        if self.left_out > 0 {
            write!(f, " <span class=\"cut\">({})</span>", texts::queue::characters_left_out(self.left_out))?;
        }
        Ok(())
    }
}

impl FastWritable for Cut {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_says_how_much_is_left_out() {
        let shown = |text: &str| Cut::new(text, 4).to_string();
        assert_eq!(shown("abcd"), "<bdi class=\"agent\">abcd</bdi>");
        assert_eq!(shown("äöüß€"), "<bdi class=\"agent\">äöüß</bdi> <span class=\"cut\">(1 more character)</span>");
        assert_eq!(shown("a\nbc"), "<bdi class=\"agent\">a</bdi> <span class=\"cut\">(3 more characters)</span>");
        assert_eq!(shown(""), "<bdi class=\"agent\"></bdi>");
        assert!(Cut::new("abcd", 4).is_whole() && !Cut::new("abcde", 4).is_whole() && !Cut::new("a\r", 4).is_whole());
    }
}
