//! One-tap links: from a message to one page with one button.
//!
//! A link is for one person, one choice, and the arguments as they were. It is short-lived, and decides at most once.
//! It is no credential: the person decides by a session, so a program that opens links decides nothing. Only a decision
//! changes anything; looking at a link does not.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{
    approvals::{self, Approvals},
    domain::{
        Actor, Approval, ApprovalId, Choice, KeyPurpose, NewDecision, Revision, Seen, SigningKey, Surface, Time, after,
    },
    identity::{LinkToken, NotALink, Principal},
    policies::Policies,
    policy::Display,
    store::{SigningKeyStore, StoreError},
    unicode,
};

/// How long a link can be used. The deadline of its approval may be earlier.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);

/// A link that its person opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The approval, as it is now.
    pub approval: Arc<Approval>,
    /// What the link decides.
    pub choice: Choice,
    /// Whether it still does.
    pub state: LinkState,
    token: LinkToken,
}

/// What a link can still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It decides.
    Open,
    /// It has decided already.
    Used,
    /// The approval was decided, in another way.
    Decided,
    /// The arguments were edited after the link was made.
    Changed,
    /// Its time is over.
    Expired,
    /// It would approve what the message did not show whole.
    Partial,
}

/// Why a link does nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This server did not make it.
    #[error(transparent)]
    NotALink(#[from] NotALink),
    /// It was made for another person.
    #[error("this link was made for another person")]
    OfAnother(ApprovalId),
    /// It does not decide any more, or not like this.
    #[error("this link does not decide")]
    Closed(LinkState),
    /// The approval cannot be read, or the decision was refused.
    #[error(transparent)]
    Approval(#[from] approvals::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The use-cases of links.
pub struct Links {
    store: Arc<dyn SigningKeyStore>,
    approvals: Arc<Approvals>,
    policies: Arc<Policies>,
    /// Known once it was read or made; it never changes.
    key: OnceCell<SigningKey>,
}

impl Links {
    /// Assembles the use-cases. Reads nothing: a server that sends no links has no key.
    #[must_use]
    pub fn new(store: Arc<dyn SigningKeyStore>, approvals: Arc<Approvals>, policies: Arc<Policies>) -> Arc<Self> {
        Arc::new(Self { store, approvals, policies, key: OnceCell::new() })
    }

    /// The token of a link by which a reviewer can decide, for the path `/links/TOKEN`. `None` if there is nothing to
    /// decide for that reviewer, or if it would approve what a message does not show whole: then a message has a link
    /// to the approval's page. Whether the policy asks the reviewer is checked when the reviewer decides.
    pub async fn mint(&self, approval: &Approval, reviewer: &Actor, choice: Choice, now: Time) -> Option<String> {
        let voted = approval.votes.iter().any(|vote| vote.actor.is(reviewer));
        if approval.status.is_terminal() || now >= approval.deadline || voted || approval.is_asked_by(reviewer) {
            return None;
        }
        if choice == Choice::Approve && !is_whole(approval, &*self.policies.display(approval).await) {
            return None;
        }
        // Whole seconds, rounded down: never after the deadline.
        let expires_at = Time::from_timestamp(after(now, LINK_LIFE).min(approval.deadline).timestamp(), 0)?;
        if expires_at <= now {
            return None;
        }
        let made = async {
            let key = self.key().await.map_err(|error| error.to_string())?;
            let of = (approval.id, approval.digest);
            let token = LinkToken::new(key, reviewer, of, choice, expires_at).map_err(|error| error.to_string())?;
            Ok::<_, String>(token.sign(key))
        };
        made.await.inspect_err(|error| tracing::warn!(%error, approval = %approval.id, "cannot make a link")).ok()
    }

    /// Opens a link. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NotALink`], [`Error::OfAnother`], or that the person may not read the approval.
    pub async fn open(&self, principal: &Principal, token: &str) -> Result<Link, Error> {
        let key = self.known_key().await?.ok_or(NotALink)?;
        let token = LinkToken::read(key, token)?;
        if !token.is_for(key, &principal.actor) {
            return Err(Error::OfAnother(token.approval));
        }
        let approval = self.approvals.get(principal, token.approval).await?;
        let state = self.state(&token, &principal.actor, &approval).await;
        Ok(Link { approval, choice: token.choice, state, token })
    }

    /// Decides by a link, as the person who signed in, and for whom it was made. `seen` is the revision that the page of
    /// the link showed. A repetition returns the first result.
    ///
    /// # Errors
    /// As [`open`](Self::open), [`Error::Closed`], or a refusal of the decision.
    pub async fn decide(
        &self,
        principal: &Principal,
        token: &str,
        seen: Revision,
        comment: String,
    ) -> Result<Approval, Error> {
        let Link { approval, choice, state, token } = self.open(principal, token).await?;
        match state {
            LinkState::Open | LinkState::Used => {}
            closed => return Err(Error::Closed(closed)),
        }
        if state == LinkState::Open && !approval.shows_current_arguments(seen) {
            return Err(Error::Closed(LinkState::Changed));
        }
        let decision = NewDecision {
            id: approval.id,
            request_id: Some(token.request_id()),
            choice,
            // Not the revision: an edit between reading and deciding is then refused, whatever the page said.
            seen: Seen::Digest(token.digest),
            comment,
            edit: None,
            on_behalf_of: None,
            surface: Surface::Link,
            opened: Vec::new(),
        };
        Ok(self.approvals.decide(principal, decision).await?)
    }

    async fn state(&self, token: &LinkToken, person: &Actor, approval: &Approval) -> LinkState {
        let request_id = token.request_id();
        let used = |known: &crate::domain::Recorded| known.receipt.request_id == request_id && known.actor.is(person);
        if approval.receipts.iter().any(used) {
            LinkState::Used
        } else if approval.status.is_terminal() {
            LinkState::Decided
        } else if approval.digest != token.digest {
            LinkState::Changed
        } else if self.approvals.now() >= token.expires_at {
            LinkState::Expired
        } else if token.choice == Choice::Approve && !is_whole(approval, &*self.policies.display(approval).await) {
            LinkState::Partial
        } else {
            LinkState::Open
        }
    }

    /// The key, made if there is none.
    async fn key(&self) -> Result<&SigningKey, StoreError> {
        let make = async || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
            self.store.keep_signing_key(KeyPurpose::Links, SigningKey::new(bytes)).await
        };
        self.key.get_or_try_init(make).await
    }

    /// The key, if there is one: reading a link makes none.
    async fn known_key(&self) -> Result<Option<&SigningKey>, StoreError> {
        if self.key.get().is_none()
            && let Some(stored) = self.store.signing_key(KeyPurpose::Links).await?
        {
            // Another task may have been faster; the stored key is the same.
            let _ = self.key.set(stored);
        }
        Ok(self.key.get())
    }
}

/// Whether a message shows the whole call, without a text that could deceive: only then may a link approve it.
fn is_whole(approval: &Approval, display: &Display) -> bool {
    let request = &approval.request;
    let labels = request.labels.iter().flat_map(|(name, value)| [name, value]);
    let texts = [&request.tool_name, &request.agent.name, &request.agent.run_id, &request.reason];
    let people =
        request.on_behalf_of.as_ref().map(|person| &person.subject).into_iter().chain([&request.caller.subject]);
    display.shows_whole(approval)
        && texts.into_iter().chain(&request.agent.chain).chain(labels).chain(people).all(|text| is_plain(text))
        && approval.arguments.to_object().iter().all(|(name, value)| is_plain(name) && is_plain_value(value))
}

fn is_plain_value(value: &Value) -> bool {
    match value {
        Value::String(text) => is_plain(text),
        Value::Array(values) => values.iter().all(is_plain_value),
        Value::Object(members) => members.iter().all(|(name, value)| is_plain(name) && is_plain_value(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn is_plain(text: &str) -> bool {
    !text.contains(unicode::is_invisible)
}
