//! Sentences of this server that quote texts of others.

use std::borrow::Cow;

use super::{agent_text::AgentText, texts};

/// A sentence or a value: words of this server, and quoted texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrase(Vec<Span>);

/// A part of a [`Phrase`]. A renderer escapes both kinds: words of this server may have characters that a format gives a
/// meaning. It may show quoted texts in another style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words of this server.
    Ours(Cow<'static, str>),
    /// A text of an agent, of another person, or of a policy's author.
    Quoted(AgentText),
}

impl Phrase {
    /// A phrase of this server's words.
    #[must_use]
    pub fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self::default().say(words)
    }

    /// A phrase that is a quoted text.
    #[must_use]
    pub fn quoting(text: AgentText) -> Self {
        Self::default().quote(text)
    }

    /// Adds this server's words.
    #[must_use]
    pub fn say(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        let words = words.into();
        if !words.is_empty() {
            self.0.push(Span::Ours(words));
        }
        self
    }

    /// Adds a quoted text; and, if it is cut, the number of characters left out.
    #[must_use]
    pub fn quote(mut self, text: AgentText) -> Self {
        let cut = text.cut();
        self.0.push(Span::Quoted(text));
        if cut > 0 { self.say(texts::left_out(cut)) } else { self }
    }

    /// Adds another phrase.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Joins phrases, with words between them.
    #[must_use]
    pub fn list(phrases: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let mut list = Self::default();
        for (index, phrase) in phrases.into_iter().enumerate() {
            list = if index == 0 { list } else { list.say(between) }.join(phrase);
        }
        list
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its parts.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// The number of characters that its quoted texts leave out.
    #[must_use]
    pub fn cut(&self) -> usize {
        self.0.iter().map(|span| if let Span::Quoted(text) = span { text.cut() } else { 0 }).sum()
    }

    /// Its text in a format: `ours` and `quoted` escape for it.
    #[must_use]
    pub fn render(&self, ours: impl Fn(&str) -> String, quoted: impl Fn(&AgentText) -> String) -> String {
        let span = |span: &Span| match span {
            Span::Ours(words) => ours(words),
            Span::Quoted(text) => quoted(text),
        };
        self.0.iter().map(span).collect()
    }

    /// Its text without any escaping, for formats without markup.
    #[must_use]
    pub fn unescaped(&self) -> String {
        self.render(str::to_owned, |text| text.unescaped().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_escaped_by_its_own_rule() {
        let phrase = Phrase::new("from ").quote(AgentText::line("<b>", 9)).say("").say("!");
        assert_eq!(phrase.render(str::to_uppercase, |text| format!("[{}]", text.unescaped())), "FROM [<b>]!");
        assert_eq!((phrase.unescaped().as_str(), phrase.spans().len()), ("from <b>!", 3));
        let list = Phrase::list([Phrase::new("a"), Phrase::new("b")], ", ");
        assert_eq!(list.unescaped(), "a, b");
    }

    #[test]
    fn what_a_quote_leaves_out_is_said_in_our_words() {
        let phrase = Phrase::quoting(AgentText::line("abcdef", 4));
        assert_eq!((phrase.unescaped().as_str(), phrase.cut()), ("abcd (2 more characters)", 2));
        assert!(matches!(&phrase.spans()[1], Span::Ours(_)));
    }
}
