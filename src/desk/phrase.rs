//! Sentences of the server that quote words of people and agents.

use std::fmt::{self, Write as _};

use askama::{
    FastWritable, Values,
    filters::{Escaper as _, Html, HtmlSafe},
};

use super::agent_text::AgentText;

/// A sentence as HTML: the server's words, and quoted texts that are marked as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phrase(String);

impl Phrase {
    /// A sentence that begins with these words.
    pub(super) fn new(words: &str) -> Self {
        Self::default().say(words)
    }

    /// A text of a person or an agent.
    pub(super) fn quoting(text: &str) -> Self {
        Self::default().quote(text)
    }

    /// Adds the server's own words.
    pub(super) fn say(mut self, words: &str) -> Self {
        // Writing to a string does not fail.
        _ = Html.write_escaped_str(&mut self.0, words);
        self
    }

    /// Adds a text of a person or an agent.
    pub(super) fn quote(mut self, text: &str) -> Self {
        _ = write!(self.0, "{}", AgentText(text));
        self
    }

    /// Adds another sentence.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds several texts of people or agents, separated by commas.
    pub(super) fn list<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for (index, text) in texts.into_iter().enumerate() {
            self = if index == 0 { self } else { self.say(", ") }.quote(text);
        }
        self
    }
}

impl HtmlSafe for Phrase {}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FastWritable for Phrase {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_words_are_escaped_and_only_quotes_are_marked() {
        let phrase = Phrase::new("calls <of> ").quote("<b>").say(" and ").list(["x", "y\u{202e}"]);
        assert_eq!(
            phrase.to_string(),
            "calls &#60;of&#62; <bdi class=\"agent\">&lt;b&gt;</bdi> and <bdi class=\"agent\">x</bdi>, \
             <bdi class=\"agent\">y<span class=\"invisible\">U+202E</span></bdi>"
        );
    }
}
