//! What can deceive the reader of a card, and what the card may not show.

use super::{agent_text::AgentText, budget::NAME_MAX, phrase::Phrase, texts};
use crate::{
    policy::RedactedArguments,
    unicode::marks::{Piece, notices},
};

/// The warnings of a card, up to a number. Further ones are counted.
#[derive(Debug)]
pub(super) struct Warnings {
    max: usize,
    shown: Vec<Phrase>,
    more: usize,
}

impl Warnings {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, shown: Vec::new(), more: 0 }
    }

    pub(super) fn push(&mut self, warning: Phrase) {
        if self.shown.len() < self.max {
            self.shown.push(warning);
        } else {
            self.more += 1;
        }
    }

    /// Warns about a text: invisible and bidirectional characters, look-alikes, and host names that are others.
    pub(super) fn text(&mut self, name: &Phrase, text: &str) {
        for notice in notices(text) {
            let piece = |piece| match piece {
                Piece::Ours(words) => Phrase::new(words),
                Piece::Quoted(text) => Phrase::new("'").quote(AgentText::line(&text, NAME_MAX)).say("'"),
            };
            self.push(name.clone().say(texts::COLON).join(Phrase::list(notice.0.into_iter().map(piece), "")));
        }
    }

    /// Names what is redacted.
    pub(super) fn redacted(&mut self, arguments: &RedactedArguments) {
        if arguments.is_all_redacted() {
            return self.push(Phrase::new(texts::ALL_REDACTED));
        }
        for path in arguments.paths() {
            self.push(Phrase::quoting(AgentText::line(path, NAME_MAX)).say(texts::IS_REDACTED));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty() && self.more == 0
    }

    pub(super) fn finish(mut self) -> Vec<Phrase> {
        if self.more > 0 {
            self.shown.push(Phrase::new(texts::more_warnings(self.more)));
        }
        self.shown
    }
}
