//! What one recipient is sent.

use lettre::message::Mailbox;

use super::{texts, thread::Thread};
use crate::{
    domain::Choice,
    notify::{Card, plain_text},
};

/// A card for one recipient.
pub(super) struct Composed<'a> {
    pub(super) card: &'a Card,
    /// The links with which this recipient decides.
    pub(super) one_tap: &'a [(Choice, String)],
    pub(super) to: &'a Mailbox,
    /// `None`: the message belongs to no thread.
    pub(super) thread: Option<&'a Thread>,
}

impl Composed<'_> {
    /// The page that the message leads to, and the words of its link.
    pub(super) fn open(&self) -> Option<(&'static str, &str)> {
        let open = self.card.open.as_deref().map(|url| (texts::OPEN, url));
        open.or_else(|| self.card.queue.as_deref().map(|url| (texts::OPEN_QUEUE, url)))
    }

    /// What is not shown.
    pub(super) fn left_out(&self) -> Option<String> {
        let Card { facts_left_out, cut, .. } = self.card;
        let more = plain_text::left_out(self.card).map(|words| format!("{words}."));
        let all = (self.card.waits() && (*cut > 0 || *facts_left_out > 0)).then(|| texts::NOT_ALL_SHOWN.to_owned());
        let said: Vec<_> = more.into_iter().chain(all).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    pub(super) fn footer(&self, as_of: &str) -> Vec<String> {
        let is_requesters = self.thread.is_none() && self.card.approval.is_some();
        let why = is_requesters.then(|| texts::FOR_REQUESTER.to_owned());
        why.into_iter().chain([format!("{} {}", texts::as_of(as_of), texts::AUTOMATIC)]).collect()
    }
}
