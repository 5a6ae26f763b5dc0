//! Texts of agents with the warnings about them, and the names of those who act.

use std::fmt;

use askama::{
    FastWritable, Values,
    filters::{Html, HtmlSafe, escape},
};

use crate::desk::marks::{Notice, notices};
use crate::{
    desk::{agent_text::AgentText, texts::approval as texts},
    domain::{Actor, ActorKind},
    unicode,
};

/// A text that an agent or another person wrote, and what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) notices: Vec<Notice>,
}

impl Told {
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { notices: notices(&text), text }
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// An actor. What it is called comes from its credentials, so it stands in the words of this server.
#[derive(Clone, Debug)]
pub(super) struct Who(pub(super) Actor);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", AgentText(&self.text))?;
        self.notices.iter().try_for_each(|notice| write!(f, " {notice}"))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Actor { kind, issuer, subject } = &self.0;
        let safe = |text: &str| escape(unicode::escape(text).into_owned(), Html).map_err(|_| fmt::Error);
        match kind {
            ActorKind::Policy => write!(f, "<bdi class=\"who\">{}</bdi>", safe(&texts::policy(subject))?),
            ActorKind::Server => write!(f, "<bdi class=\"who\">{}</bdi>", texts::THE_SERVER),
            _ => write!(f, "<bdi class=\"who\">{} <small>{}</small></bdi>", safe(subject)?, safe(issuer)?),
        }
    }
}

impl HtmlSafe for Told {}
impl HtmlSafe for Who {}
impl HtmlSafe for Notice {}

macro_rules! written_as_displayed {
    ($($type:ty),*) => {$(
        impl FastWritable for $type {
            fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
                Ok(write!(dest, "{self}")?)
            }
        }
    )*};
}

written_as_displayed!(Told, Who, Notice);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_markup() {
        let actor = |kind| Actor { kind, issuer: "<i>".into(), subject: "\u{202e}&".into() };
        let shown = Who(actor(ActorKind::Person)).to_string();
        assert_eq!(shown, "<bdi class=\"who\">\\u{202e}&#38; <small>&#60;i&#62;</small></bdi>");
        assert_eq!(Who(Actor::policy("3")).to_string(), "<bdi class=\"who\">policy version 3</bdi>");
        assert_eq!(Who(Actor::deadline()).to_string(), "<bdi class=\"who\">the server</bdi>");
    }
}
