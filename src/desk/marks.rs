//! Warnings about texts, as HTML.

use std::fmt;

use super::agent_text::AgentText;
use crate::unicode::marks::{self, Piece};

pub(super) use crate::{domain::is_inexact, unicode::marks::excerpt};

/// One warning about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice(marks::Notice);

impl Notice {
    /// A notice that quotes nothing.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self(marks::Notice::plain(text))
    }
}

/// The notices about a text. Empty for nearly all.
pub(super) fn notices(text: &str) -> Vec<Notice> {
    marks::notices(text).into_iter().map(Notice).collect()
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<span class=\"odd\">")?;
        for piece in &self.0.0 {
            match piece {
                Piece::Ours(text) => {
                    write!(f, "{}", askama::filters::escape(text, askama::filters::Html).map_err(|_| fmt::Error)?)?;
                }
                Piece::Quoted(text) => write!(f, "{}", AgentText(text))?,
            }
        }
        f.write_str("</span>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_cannot_be_markup() {
        let html = notices("<b>GmbH\u{200b}")[0].to_string();
        assert!(html.contains("&lt;b&gt;GmbH") && html.starts_with("<span class=\"odd\">"), "{html}");
    }
}
