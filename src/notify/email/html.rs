//! The HTML of a message.

use std::fmt;

use askama::{
    FastWritable, Template, Values,
    filters::{Escaper as _, Html, HtmlSafe},
};

use super::{composed::Composed, texts};
use crate::notify::{AgentText, Card, Phrase, Span, card::Tone};

/// The page.
#[derive(Template)]
#[template(path = "email.html")]
struct Page<'a> {
    card: &'a Card,
    tone: &'static str,
    left_out: Option<String>,
    open: Option<(&'static str, &'a str)>,
    one_tap: Vec<(&'static str, &'a str)>,
    footer: Vec<String>,
}

/// The HTML. It loads nothing: no pictures, no styles, no scripts.
pub(super) fn html(composed: &Composed<'_>, as_of: &str) -> Result<String, askama::Error> {
    let page = Page {
        card: composed.card,
        tone: match composed.card.tone {
            Tone::Neutral => "neutral",
            Tone::Waiting => "waiting",
            Tone::Approved => "approved",
            Tone::Rejected => "rejected",
            Tone::Ended => "ended",
        },
        left_out: composed.left_out(),
        open: composed.open(),
        one_tap: composed.one_tap.iter().map(|(choice, url)| (texts::choice(*choice), url.as_str())).collect(),
        footer: composed.footer(as_of),
    };
    page.render()
}

/// A phrase as HTML.
struct Shown<'a>(&'a Phrase);

impl<'a> Shown<'a> {
    /// For templates, which pass references.
    const fn of(phrase: &'a Phrase) -> Self {
        Self(phrase)
    }
}

impl HtmlSafe for Shown<'_> {}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.spans().iter().try_for_each(|span| match span {
            Span::Ours(words) => Html.write_escaped_str(&mut *f, words),
            Span::Quoted(text) => quoted(f, text),
        })
    }
}

impl FastWritable for Shown<'_> {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

/// A quoted text: escaped, isolated from the direction of the page, with its lines. Mail programs make links of what
/// looks like an address; a text of an agent must not become one, so tags part it where addresses have signs.
fn quoted(f: &mut fmt::Formatter<'_>, text: &AgentText) -> fmt::Result {
    f.write_str("<span dir=\"auto\" class=\"q\" style=\"unicode-bidi:isolate\">")?;
    for c in text.unescaped().chars() {
        match c {
            '\n' => f.write_str("<br>")?,
            '.' | '@' | ':' | '/' => write!(f, "{c}<wbr>")?,
            c => Html.write_escaped_char(&mut *f, c)?,
        }
    }
    f.write_str("</span>")
}
