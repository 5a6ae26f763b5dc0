//! The message to the person on whose behalf a request was made, once it has ended.

use lettre::{Address, message::Mailbox};

use super::settings::Settings;
use crate::{
    domain::{Actor, NotificationKind},
    notify::{Budget, Card, DetailKey, Message, Subject, card::Tone},
};

/// A message to that person.
pub(super) struct Requester {
    pub(super) mailbox: Mailbox,
    pub(super) card: Card,
}

impl Requester {
    /// `None` if the request has not ended, or if that person is not to be notified.
    pub(super) fn of(message: &Message, settings: &Settings) -> Option<Self> {
        let Subject::Approval { kind, approval, .. } = &message.subject else { return None };
        let ended = matches!(
            kind,
            NotificationKind::Decided
                | NotificationKind::TimedOut
                | NotificationKind::Cancelled
                | NotificationKind::Revoked
        );
        let address = address(approval.on_behalf_of.as_ref()?, settings).filter(|_| ended)?;
        let known = settings.recipients.iter().any(|one| one.mailbox.email == address);
        let card = Card::of(message, &Budget::CHAT);
        // After the deadline, a request may have ended that is still recorded as pending.
        (!known && card.tone != Tone::Waiting).then(|| Self { mailbox: address.into(), card: brief(card) })
    }
}

/// The address of a person, if mail may go there.
fn address(person: &Actor, settings: &Settings) -> Option<Address> {
    let allowed = settings.requesters.as_ref()?;
    let address: Address = person.subject.parse().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    let issuer = allowed.issuers.contains(&person.issuer);
    let domain = allowed.domains.iter().any(|domain| domain.eq_ignore_ascii_case(address.domain()));
    (issuer && domain && address.user().bytes().all(plain)).then_some(address)
}

/// What became of the request. Callers choose who the person is, so the message has as few of their words as possible:
/// no arguments, no reason, no labels.
fn brief(card: Card) -> Card {
    let kept = |key: DetailKey| matches!(key, DetailKey::Agent | DetailKey::Requested);
    Card {
        facts: Vec::new(),
        facts_left_out: 0,
        details: card.details.into_iter().filter(|detail| kept(detail.key)).collect(),
        votes: Vec::new(),
        warnings: Vec::new(),
        open: None,
        queue: None,
        everything_shown: false,
        ..card
    }
}
