//! E-mail: one message for each recipient, in HTML and as plain text, and one thread for each approval.
//!
//! The address of the SMTP server comes from the operator alone, who may well run it on this machine or in a private
//! network. So no guard limits what it may be, other than for webhooks.
//!
//! Messages only link to the desk. What a mail scanner opens changes nothing.

mod composed;
mod html;
mod letter;
mod plain;
mod requester;
mod sent_already;
mod settings;
mod smtp;
mod texts;
mod thread;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{
    Budget, Build, Card, Channel, Habits, Kind, LinkMinter, Message, Resources, SendError, Sent, channel::SEND_TIMEOUT,
};
use crate::{
    clock::{self, Clock},
    domain::{ChannelState, Choice},
};
use composed::Composed;
use requester::Requester;
use sent_already::SentAlready;
use settings::{Recipient, Settings};
use smtp::{Connection, Failure, Smtp};
use thread::Thread;

/// `kind = "email"`.
pub(super) const KIND: Kind = Kind { name: "email", for_people: true, parse: settings::parse };

/// Maximum time for one recipient, from the connection to the server's answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time, an attempt sends to no further recipient. The next attempt sends to those who have nothing.
const LAST_START: Duration = Duration::from_secs(18);

/// Maximum time to say goodbye to the server.
const GOODBYE: Duration = Duration::from_secs(1);

const _: () = assert!(LAST_START.as_secs() + PATIENCE.as_secs() + GOODBYE.as_secs() < SEND_TIMEOUT.as_secs());

/// Sends messages by SMTP.
struct Email {
    settings: Settings,
    smtp: Smtp,
    clock: Arc<dyn Clock>,
    minter: Option<Arc<dyn LinkMinter>>,
    /// Recipients of messages that not all recipients have: a retry must not send to them again, also an operator's.
    sent_already: SentAlready,
}

impl Build for Settings {
    fn build(&self, resources: &Resources) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(Email {
            settings: self.clone(),
            smtp: self.smtp.clone(),
            clock: Arc::clone(&resources.clock),
            minter: resources.minter.clone(),
            sent_already: SentAlready::default(),
        }))
    }
}

#[async_trait]
impl Channel for Email {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: false, concurrency: 2 }
    }

    async fn send(&self, message: &Message, state: Option<&ChannelState>) -> Result<Sent, SendError> {
        let card = Card::of(message, &Budget::MAIL);
        let thread = Thread::of(message, &card, state);
        let mut delivery = Delivery {
            email: self,
            message,
            started: self.clock.instant(),
            connection: None,
            rejected: Vec::new(),
            later: Vec::new(),
            answer: None,
        };
        for recipient in &self.settings.recipients {
            let links = self.one_tap(&card, recipient).await;
            let composed = Composed { card: &card, one_tap: &links, to: &recipient.mailbox, thread: thread.as_ref() };
            delivery.deliver(&composed).await?;
        }
        if let Some(requester) = Requester::of(message, &self.settings) {
            let composed = Composed { card: &requester.card, one_tap: &[], to: &requester.mailbox, thread: None };
            delivery.deliver(&composed).await?;
            // A caller chose that address: it must not be able to fill the list of dead deliveries.
            let address = requester.mailbox.email.to_string();
            if let Some(reason) = delivery.rejected.pop_if(|why| why.starts_with(&address)) {
                tracing::warn!(reason, "the address of a requester was rejected");
            }
        }
        delivery.finish(thread.map(|thread| thread.state())).await
    }
}

impl Email {
    /// The links with which a recipient decides, if the configuration says who that is.
    async fn one_tap(&self, card: &Card, recipient: &Recipient) -> Vec<(Choice, String)> {
        let mut links = Vec::new();
        let (Some(minter), Some(person), Some((approval, revision))) = (&self.minter, &recipient.person, card.approval)
        else {
            return links;
        };
        if !card.waits() {
            return links;
        }
        let choices = if card.everything_shown { &[Choice::Approve, Choice::Reject][..] } else { &[Choice::Reject] };
        for choice in choices {
            let link = minter.mint(approval, revision, person, *choice).await;
            links.extend(link.map(|link| (*choice, link)));
        }
        links
    }
}

/// One message on its way to its recipients, over one connection while the server lets it.
struct Delivery<'a> {
    email: &'a Email,
    message: &'a Message,
    started: Instant,
    connection: Option<Connection>,
    /// The recipients that the server rejects, and why.
    rejected: Vec<String>,
    /// Why a part must be tried again.
    later: Vec<String>,
    /// The server's last answer to a message that it took. Empty if an earlier attempt had it.
    answer: Option<String>,
}

impl Delivery<'_> {
    /// Sends to one recipient, unless an earlier attempt has. Fails if the others cannot be sent to now, either.
    async fn deliver(&mut self, composed: &Composed<'_>) -> Result<(), SendError> {
        let (email, address) = (self.email, composed.to.email.to_string());
        if email.sent_already.contains(&self.message.id, &address) {
            self.answer.get_or_insert_default();
            return Ok(());
        }
        if email.clock.instant() - self.started >= LAST_START {
            self.later.push(texts::OTHERS_LATER.to_owned());
            return Err(self.again());
        }
        let letter = composed.letter(self.message, &email.settings.from).map_err(|error| SendError::Rejected {
            reason: format!("cannot write the message to {address}: {error}"),
        })?;
        let attempt = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => email.smtp.connect().await?,
            };
            let answer = connection.send(&letter).await?;
            Ok((connection, answer))
        };
        let result = clock::timeout(email.clock.as_ref(), PATIENCE, attempt).await;
        match result.unwrap_or_else(|_| Err(Failure::Later(texts::no_answer_within(PATIENCE)))) {
            Ok((connection, answer)) => {
                self.connection = Some(connection);
                self.answer = Some(answer);
                email.sent_already.insert(&self.message.id, address);
                Ok(())
            }
            // The connection is gone; the next recipient gets another.
            Err(Failure::Rejected(why)) => {
                self.rejected.push(format!("{address}: {why}"));
                Ok(())
            }
            // Others must not wait for a mailbox that is full, or a server behind this one that is slow.
            Err(Failure::Later(why)) => {
                self.later.push(format!("{address}: {why}"));
                Ok(())
            }
            Err(Failure::Retry(why)) => {
                self.later.push(why);
                Err(self.again())
            }
        }
    }

    /// Not all recipients have the message, and may get it later.
    fn again(&self) -> SendError {
        let reason = format!("SMTP server {}: {}", self.email.smtp, self.later.join("; "));
        SendError::Retry { reason, after: None }
    }

    async fn finish(mut self, state: Option<ChannelState>) -> Result<Sent, SendError> {
        if let Some(connection) = self.connection.take() {
            _ = clock::timeout(self.email.clock.as_ref(), GOODBYE, connection.close()).await;
        }
        if !self.later.is_empty() {
            return Err(self.again());
        }
        if self.rejected.is_empty() {
            self.email.sent_already.forget(&self.message.id);
            return Ok(Sent { state, answer: self.answer.unwrap_or_default(), ..Sent::default() });
        }
        let others = if self.answer.is_some() { texts::OTHERS_HAVE_IT } else { "" };
        Err(SendError::Rejected { reason: format!("rejected by SMTP server: {}{others}", self.rejected.join("; ")) })
    }
}

#[cfg(test)]
mod tests;
