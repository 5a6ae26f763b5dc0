//! The message as it is sent: its headers and both parts.

use std::time::SystemTime;

use lettre::{
    Message as Letter,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use sha2::{Digest as _, Sha256};

use super::{composed::Composed, html::html, plain::plain, thread::Thread};
use crate::{domain::Priority, notify::Message};

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
}

/// The part of a Message-ID before its domain, which has few characters.
fn token(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).take(128).collect()
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
