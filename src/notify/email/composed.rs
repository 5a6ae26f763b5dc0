//! A message for one recipient.

use std::time::SystemTime;

use lettre::{
    Message as Letter,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use sha2::{Digest as _, Sha256};

use super::{html::html, plain::plain, texts, thread::Thread};
use crate::{
    domain::{Choice, Priority},
    notify::{Card, Message},
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

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    /// The template failed.
    #[error("{0}")]
    Html(#[from] askama::Error),
    /// An address or a header is not valid.
    #[error("{0}")]
    Letter(#[from] lettre::error::Error),
}

impl Composed<'_> {
    /// The message as it is sent.
    pub(super) fn letter(&self, message: &Message, from: &Mailbox) -> Result<Letter, ComposeError> {
        let as_of = message.now.format("%Y-%m-%d %H:%M UTC").to_string();
        let body = MultiPart::alternative_plain_html(plain(self, &as_of), html(self, &as_of)?);
        let domain = from.email.domain();
        // Each recipient has a message of its own: a person may get one as a member of a list, too.
        let recipient = Sha256::digest(self.to.email.to_string());
        let recipient = format!("{:02x}{:02x}{:02x}{:02x}", recipient[0], recipient[1], recipient[2], recipient[3]);
        let id = |delivery: &str| format!("<{}.{recipient}@{domain}>", token(delivery));
        let subject = self.thread.map_or_else(|| self.card.heading.unescaped(), Thread::subject);
        let mut builder = Letter::builder()
            .from(from.clone())
            .to(self.to.clone())
            .date(SystemTime::from(message.now))
            .message_id(Some(id(&message.id)))
            .subject(subject)
            .raw_header(header("Auto-Submitted", "auto-generated"))
            // Exchange answers automatic messages unless it is told not to.
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        if let Some(Thread { root, first, .. }) = self.thread {
            let root = format!("<{root}@{domain}>");
            let references = match first {
                Some(first) => {
                    builder = builder.in_reply_to(id(first));
                    format!("{root} {}", id(first))
                }
                None => root,
            };
            builder = builder.references(references);
        }
        if self.card.waits() && self.card.priority == Priority::Urgent {
            builder = builder.raw_header(header("Importance", "high")).raw_header(header("X-Priority", "1"));
        }
        Ok(builder.multipart(body)?)
    }

    /// The page that the message leads to, and the words of its link.
    pub(super) fn open(&self) -> Option<(&'static str, &str)> {
        let open = self.card.open.as_deref().map(|url| (texts::OPEN, url));
        open.or_else(|| self.card.queue.as_deref().map(|url| (texts::OPEN_QUEUE, url)))
    }

    /// What is not shown.
    pub(super) fn left_out(&self) -> Option<String> {
        let Card { facts_left_out, cut, .. } = self.card;
        let more = (*facts_left_out > 0).then(|| texts::more_values(*facts_left_out));
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

/// The part of a Message-ID before its domain, which has few characters.
fn token(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).take(128).collect()
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
