//! Texts that agents wrote. They may try to deceive: by invisible characters, by the direction of writing, by looking
//! like a part of the page.

use std::fmt;

use askama::{FastWritable, Values, filters::HtmlSafe};

use crate::unicode;

/// A text of an agent, as HTML: escaped, isolated from the direction of the page, with invisible characters marked.
///
/// Use it in templates for every text that this server did not write: names of tools and agents, reasons, labels,
/// names and values of arguments, and comments. It is HTML already: no filter is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct AgentText<'a>(pub(super) &'a str);

/// Whether a character is marked by its code point.
fn is_marked(c: char) -> bool {
    unicode::is_invisible(c) && !matches!(c, '\n' | '\t')
}

impl HtmlSafe for AgentText<'_> {}

impl fmt::Display for AgentText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi class=\"agent\">")?;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if is_marked(c) => write!(f, "<span class=\"invisible\">U+{:04X}</span>", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("</bdi>")
    }
}

impl FastWritable for AgentText<'_> {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text_and_invisible_characters_are_shown() {
        let shown = |text| AgentText(text).to_string();
        assert_eq!(
            shown("<img src=x onerror='a(\"&\")'>"),
            "<bdi class=\"agent\">&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;</bdi>"
        );
        assert_eq!(
            shown("a\u{202e}b\u{200b}\u{0}"),
            "<bdi class=\"agent\">a<span class=\"invisible\">U+202E</span>b<span class=\"invisible\">U+200B</span>\
             <span class=\"invisible\">U+0000</span></bdi>"
        );
        assert_eq!(shown("a\n\tb"), "<bdi class=\"agent\">a\n\tb</bdi>");
    }
}
